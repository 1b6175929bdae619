"""The answers of the status endpoint; their keys are part of the HTTP contract."""

from dataclasses import asdict
from typing import Any

from api.pagination import PageRequest
from jobs.models import ImageResult, Job
from jobs.models.store_errors import store_errors
from jobs.states import ImageState, JobStatus


def status(job: Job) -> dict[str, Any]:
    """Read from the job's row alone, whatever the job's size."""
    answer: dict[str, Any] = {"status": job.status, "job_id": job.pk}
    if job.status == JobStatus.FAILED:
        # In the contract's order; PostgreSQL stores JSON keys in its own.
        answer["error"] = [{key: entry[key] for key in ("store_id", "error")} for entry in job.store_errors]
    return answer


def summary(job: Job) -> dict[str, Any]:
    """`status` with the job's progress; `error` also lists what has failed so far."""
    counts = job.counts()
    finished = counts.completed + counts.failed
    if job.status == JobStatus.ONGOING and finished == counts.total:
        # It ended between the two reads; unless it is read again, the answer contradicts itself.
        job.refresh_from_db()
    answer = status(job)
    if job.status == JobStatus.ONGOING:
        answer["error"] = store_errors(job.pk) if counts.failed else []
    return answer | {
        "counts": asdict(counts),
        "progress": finished / counts.total,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def images(job: Job, request: PageRequest) -> dict[str, Any]:
    """`status`, with one page of the job's images in submission order."""
    page = request.of(ImageResult.objects.in_order_of(job.pk).select_related("visit").defer("gpu_result"))
    return status(job) | {
        "images": [_image(image) for image in page.rows],
        "next_cursor": page.next_cursor,
    }


def _image(image: ImageResult) -> dict[str, Any]:
    return {
        "store_id": image.visit.store_id,
        "visit_time": image.visit.visit_time,
        "image_url": image.url,
        "state": image.state,
        "width": image.width,
        "height": image.height,
        "perimeter": image.perimeter,
        "format": image.format or None,
        "bytes": image.bytes,
        "attempts": image.attempts,
        "finished_at": image.finished_at,
        "error": _error(image) if image.state == ImageState.FAILED else None,
    }


def _error(image: ImageResult) -> dict[str, Any]:
    return {"code": image.error_code, "message": image.error_message, "retryable": image.retryable}
