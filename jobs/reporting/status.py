"""A job in a few lines, as events tell it."""

from typing import Any

from jobs.models import Job


def status(job: Job) -> dict[str, Any]:
    """The state, counts and progress of a job `with_running`."""
    return {
        "id": job.pk,
        "state": job.state,
        "outcome": job.outcome,
        "counts": {
            "total": job.total,
            "pending": job.pending,
            "running": job.running,
            "completed": job.completed,
            "failed": job.failed - job.canceled,
            "canceled": job.canceled,
        },
        "progress": job.progress,
    }
