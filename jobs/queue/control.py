"""What people do to a job after its submission: retry, cancel, pause, resume, prioritize.

Each locks the job first, and so do engines for all but a claim; so what an engine does to one of its images meanwhile
either has been written before, or is written afterwards with the pause or cancel applied. An image that is claimed at
this moment counts as in flight.
"""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Min, QuerySet, Value
from django.db.models.functions import Extract, Now

from jobs.errors import Canceled
from jobs.models import ImageFilter, ImageResult, Job
from jobs.models.locks import LockTimeout, lock_timeout
from jobs.models.store_errors import write_store_errors
from jobs.queue import category_rules, milestones
from jobs.queue.announcements import announce_on_commit
from jobs.queue.completion import fail_unfetched, first_of_stores
from jobs.queue.rank import SECONDS_PER_PRIORITY
from jobs.states import ImageState, JobStatus, OnError

# How long an action waits for a job that another one has locked: that may take minutes, and a request must be answered
# before the web server cuts it off.
BUSY_SECONDS = 10.0


class NotPossible(Exception):
    """The job's state does not allow it, or the job is busy; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Retried:
    """Images reopened, and images left as they are: their store is still unknown, or a rule still refuses them."""

    reopened: int
    still_unknown: int
    still_refused: int = 0


def retry(job_id: int, image_filter: ImageFilter | None = None, *, only_retryable: bool = False) -> Retried:
    """Reopen a job's failed images that match, all of them without a filter: the only way out of a final state.

    With `only_retryable`, only those that another attempt can help, see `ImageResultQuerySet.retryable`. Images of
    stores that are still unknown stay failed, and so do those that a category's rule would refuse unfetched again. The
    others follow the rules as they are now; they queue up behind what was submitted before now, in their old order; in
    a paused job they are held. Raises Job.DoesNotExist, and NotPossible where the job is busy.
    """
    with transaction.atomic():
        job = _lock_job(job_id)
        failed = ImageResult.objects.failed().filter(job_id=job_id).matching(image_filter or ImageFilter())
        wanted = failed.retryable() if only_retryable else failed
        rows = list(
            wanted.exclude(pk__in=wanted.of_unknown_stores().values("pk"))
            .locked()
            .values_list("id", "visit__store_id", "error_code")
        )
        refused = category_rules.still_refused({pk for pk, _, code in rows if code in category_rules.UNFETCHED})
        rows = [row for row in rows if row[0] not in refused]
        reopened = ImageResult.objects.filter(id__any=[pk for pk, _, _ in rows])
        # The rank that the first one would have without its category's priority.
        first_rank = reopened.aggregate(first=Min(F("rank") + category_rules.HEAD_START))["first"]
        one_by_one = job.on_error == OnError.STOP_STORE
        first: list[int] = []
        if one_by_one:
            # A store's image that is on its way ends before another one begins.
            on_their_way = ImageResult.objects.filter(job_id=job_id).unfinished().filter(held=False)
            begun = set(on_their_way.values_list("visit__store_id", flat=True))
            first = first_of_stores(((pk, store_id) for pk, store_id, _ in rows), begun)
        reopened.update(
            state=ImageState.PENDING,
            generation=F("generation") + 1,
            rank=Extract(Now(), "epoch") + F("rank") - Value((first_rank or 0) + job.priority * SECONDS_PER_PRIORITY),
            attempts=0,
            crashes=0,
            run_after=None,
            held=one_by_one or job.paused_at is not None,
            ready_since=Now(),
            waits_since=None,
            claimed_by=None,
            width=None,
            height=None,
            bytes=None,
            error_code="",
            error_message="",
            fetch_ms=None,
            measure_ms=None,
            gpu_ms=None,
            finished_at=None,
        )
        if one_by_one and job.paused_at is None:
            ImageResult.objects.filter(id__any=first).update(held=False)
        if rows:
            category_rules.follow_todays_rules([(pk, store_id) for pk, store_id, _ in rows])
            job.failed -= len(rows)
            job.canceled -= sum(code == Canceled.code for _, _, code in rows)
            job.status = JobStatus.ONGOING
            job.canceled_at = None
            job.finished_at = None
            job.store_errors = []
            job.save(update_fields=["failed", "canceled", "status", "canceled_at", "finished_at", "store_errors"])
            announce_on_commit(job_id)
        still_unknown = failed.of_unknown_stores().count()
    return Retried(len(rows), still_unknown, len(refused))


def cancel(job_id: int) -> int:
    """End a job early: its pending images fail as `canceled`, those in flight finish, what is final stays.

    Returns how many were canceled. Raises Job.DoesNotExist, and NotPossible where the job has ended.
    """
    with transaction.atomic():
        pending, job = _lock(job_id, "cancel")
        canceled = fail_unfetched(pending, Canceled)
        job.failed += canceled
        job.canceled += canceled
        job.canceled_at = job.canceled_at or Now()
        job.paused_at = None
        if job.finished == job.total:
            job.status, job.finished_at = JobStatus.FAILED, Now()
        job.save(update_fields=["failed", "canceled", "canceled_at", "paused_at", "status", "finished_at"])
        if job.status == JobStatus.FAILED:
            write_store_errors([job_id])
            milestones.tell([milestones.Reached(job_id, job.owner_id, milestones.Milestone.ENDED)])
        announce_on_commit(job_id)
    return canceled


def pause(job_id: int) -> int:
    """Claim no more images of a job until it is resumed; those in flight finish. Returns how many are held.

    Raises Job.DoesNotExist, and NotPossible where the job has ended or is being canceled.
    """
    with transaction.atomic():
        pending, job = _lock(job_id, "pause")
        held = pending.update(held=True)
        if job.paused_at is None:
            job.paused_at = Now()
            job.save(update_fields=["paused_at"])
            announce_on_commit(job_id)
    return held


def resume(job_id: int) -> int:
    """Continue a paused job at its place in the queue when it was paused. Returns how many images were released.

    Raises Job.DoesNotExist, and NotPossible where the job is not paused.
    """
    with transaction.atomic():
        pending, job = _lock(job_id, "resume")
        if job.paused_at is None:
            raise NotPossible(f"Job {job_id} is not paused.")
        # Without its pause the job would pass everything that was submitted meanwhile.
        paused_for = Now() - Value(job.paused_at)
        one_by_one = job.on_error == OnError.STOP_STORE
        pending.update(
            held=one_by_one,
            ready_since=Now(),
            rank=F("rank") + Extract(paused_for, "epoch"),
            # HOST_PATIENCE_SECONDS do not run while nothing is asked of its host.
            waits_since=F("waits_since") + paused_for,
        )
        if one_by_one:
            # The one in flight first ("running" comes after "pending"): after a retry it need not be the store's first.
            images = ImageResult.objects.filter(job_id=job_id).unfinished().order_by("-state", "id")
            pending.filter(id__any=first_of_stores(images.values_list("id", "visit__store_id"))).update(held=False)
        job.paused_at = None
        job.save(update_fields=["paused_at"])
        announce_on_commit(job_id)
        return pending.filter(held=False).count()


def prioritize(job_id: int, priority: int) -> int:
    """Move a job's unfinished images in the queue, an hour for each step. Returns how many were moved.

    Raises Job.DoesNotExist, and NotPossible where the job has ended or is being canceled.
    """
    with transaction.atomic():
        _, job = _lock(job_id, "prioritize")
        hours = job.priority - priority
        unfinished = ImageResult.objects.filter(job_id=job_id).unfinished()
        moved = unfinished.update(rank=F("rank") + Value(hours * SECONDS_PER_PRIORITY)) if hours else 0
        job.priority = priority
        job.save(update_fields=["priority"])
        announce_on_commit(job_id)
    return moved


def _lock_job(job_id: int) -> Job:
    """Raises Job.DoesNotExist, and NotPossible where somebody else has the job for longer than BUSY_SECONDS."""
    try:
        with lock_timeout(BUSY_SECONDS):
            return Job.objects.locked().get(pk=job_id)
    except LockTimeout:
        raise NotPossible(f"Job {job_id} is busy with another action; try again in a minute.") from None


def _lock(job_id: int, verb: str) -> tuple[QuerySet[ImageResult], Job]:
    """The job's pending images, and the job, locked."""
    job = _lock_job(job_id)
    if job.status != JobStatus.ONGOING:
        raise NotPossible(f"Job {job_id} has ended; there is nothing to {verb}.")
    if job.canceled_at is not None and verb != "cancel":
        raise NotPossible(f"Job {job_id} is being canceled.")
    return ImageResult.objects.pending().filter(job_id=job_id), job
