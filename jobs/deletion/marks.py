"""Which jobs are deleted from now on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from jobs.models import DeletedJob, IdempotencyKey, Job
from jobs.queue import NotPossible, announce_on_commit
from jobs.states import JobStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from jobs.models.job import JobQuerySet

# How many old jobs are marked by one transaction.
MOST_MARKED = 500


def mark(job_id: int, user: User | None) -> DeletedJob:
    """Delete one job on request; it is gone for every reader once this has been committed.

    Raises Job.DoesNotExist, and NotPossible where the job has not ended.
    """
    with transaction.atomic():
        job = Job.objects.locked().get(pk=job_id)
        if job.status == JobStatus.ONGOING:
            cure = "wait until its images in flight have ended" if job.canceled_at else "cancel it first"
            raise NotPossible(f"Job {job_id} has not ended, so it cannot be deleted; {cure}.")
        (deleted,) = _mark([job], DeletedJob.Cause.REQUEST, user)
        announce_on_commit(job_id)
    return deleted


def old_jobs(before: datetime) -> JobQuerySet:
    """The jobs that ended before `before`."""
    return Job.objects.ended_before(before)


def mark_old(before: datetime, cause: DeletedJob.Cause, most: int = MOST_MARKED) -> list[DeletedJob]:
    """Delete at most `most` of the jobs that ended before `before`, the oldest first; empty where there are none.

    Jobs that somebody is retrying or deleting at this moment are passed over.
    """
    with transaction.atomic():
        oldest = old_jobs(before).order_by("finished_at", "pk")
        free = oldest.select_for_update(no_key=True, skip_locked=True, of=["self"])
        return _mark(list(free[:most]), cause, None)


def _mark(jobs: Sequence[Job], cause: DeletedJob.Cause, user: User | None) -> list[DeletedJob]:
    """Of locked jobs that have ended."""
    if not jobs:
        return []
    job_ids = [job.pk for job in jobs]
    Job.objects.filter(pk__any=job_ids).update(is_deleted=True)
    # The same key and body submit anew from now on: there is no job any more that could be the answer.
    IdempotencyKey.objects.filter(job__in=job_ids).delete()
    owners = Job.with_deleted.filter(pk__any=job_ids).values_list("pk", "owner__username")
    names = dict(owners)
    records = []
    for job in jobs:
        assert job.finished_at is not None  # it has ended
        record = DeletedJob(
            job_id=job.pk,
            owner_name=names[job.pk] or "",
            total=job.total,
            completed=job.completed,
            failed=job.failed,
            submitted_at=job.created_at,
            ended_at=job.finished_at,
            cause=cause,
            user=user,
            user_name=user.get_username() if user else "",
        )
        records.append(record)
    return DeletedJob.objects.bulk_create(records)
