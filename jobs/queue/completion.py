"""What a move leads to: the counters and the status of its job, and the images that depend on it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import Case, F, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact, GreaterThan, LessThan

from jobs.errors import Canceled, ImageError, Skipped
from jobs.models import ImageResult, Job, Visit
from jobs.models.compiled import Select
from jobs.models.expressions import ClockTimestamp, FromRow, Given
from jobs.models.server import notify
from jobs.models.store_errors import store_errors
from jobs.models.update_from import UpdateFrom
from jobs.states import ImageState, JobStatus, OnError

# The channel on which the ids of jobs are announced whose counters or state have moved; a hint, like every NOTIFY here.
JOBS_CHANNEL = "retail_pulse_jobs"
# A notification holds 8,000 bytes; an id has 19 digits at most.
_IDS_AT_A_TIME = 390

_lock_jobs = Select(lambda: Job.objects.filter(pk__any=Given("ids")).locked().values_list("pk"))
_failed = F("failed") + FromRow("failed")
_finished = F("completed") + FromRow("completed") + _failed
# Counts on; a job whose images are all final gets its final status.
_count = UpdateFrom(
    Job.objects.all,
    fields=["completed", "failed", "canceled"],
    completed=F("completed") + FromRow("completed"),
    failed=_failed,
    canceled=F("canceled") + FromRow("canceled"),
    started_at=Coalesce("started_at", ClockTimestamp()),
    status=Case(
        When(LessThan(_finished, F("total")), then=Value(JobStatus.ONGOING)),
        When(GreaterThan(_failed, 0), then=Value(JobStatus.FAILED)),
        default=Value(JobStatus.COMPLETED),
    ),
    finished_at=Case(When(Exact(_finished, F("total")), then=ClockTimestamp())),
    returning=["id", "status"],
)


class Row(NamedTuple):
    """A locked row of a running image, as far as its move needs it."""

    id: int
    job_id: int
    claim_no: int
    crashes: int
    on_error: str


def announce(job_ids: Sequence[int]) -> None:
    """Notify those who watch that these jobs have moved; heard after the commit."""
    for start in range(0, len(job_ids), _IDS_AT_A_TIME):
        ids = ",".join(str(job_id) for job_id in job_ids[start : start + _IDS_AT_A_TIME])
        notify(JOBS_CHANNEL, ids)


def complete(rows: Sequence[Row], states: Sequence[ImageState], canceled: Iterable[Row] = ()) -> list[int]:
    """Move the counters of the jobs by what became of these rows, and finish jobs whose images are all final.

    `canceled` are those of them that became pending, and final by `apply_pending`. Returns the ids of the jobs
    finished. The caller holds the rows' locks and has written the states.
    """
    completed = [row for row, state in zip(rows, states, strict=True) if state == ImageState.COMPLETED]
    failed = [row for row, state in zip(rows, states, strict=True) if state == ImageState.FAILED]
    completed_of = Counter(row.job_id for row in completed)
    failed_of = Counter(row.job_id for row in failed)
    failed_of.update(_advance_stores(completed, failed))
    canceled_of = Counter(row.job_id for row in canceled)
    failed_of.update(canceled_of)
    counts = [
        {
            "id": job_id,
            "completed": completed_of[job_id],
            "failed": failed_of[job_id],
            "canceled": canceled_of[job_id],
        }
        # Those whose images wait for another attempt have started, too.
        for job_id in {row.job_id for row in rows}
    ]
    if not counts:
        return []
    # In the order of their ids, as all do who lock several jobs.
    _lock_jobs(ids=[count["id"] for count in counts])
    moved = _count.returned(counts)
    finished = [(job_id, status) for job_id, status in moved if status != JobStatus.ONGOING]
    for job_id, status in finished:
        if status == JobStatus.FAILED:
            Job.objects.filter(pk=job_id).update(store_errors=store_errors(job_id))
    announce([job_id for job_id, _ in moved])
    return [job_id for job_id, _ in finished]


def apply_pending(rows: Sequence[Row]) -> list[Row]:
    """Apply a pause or cancel that came meanwhile to rows that have just become pending again.

    Those of paused jobs are held. Those of canceled jobs are final and returned, for the caller to `complete`.
    The jobs are read only now that the rows are locked: a pause or cancel locks the job's images first, so it has
    either committed, or waits for us and will find these rows pending.
    """
    if not rows:
        return []
    jobs = Job.objects.filter(Q(paused_at__isnull=False) | Q(canceled_at__isnull=False))
    pending = dict(jobs.filter(pk__in={row.job_id for row in rows}).values_list("pk", "canceled_at"))
    paused = [row.id for row in rows if row.job_id in pending and pending[row.job_id] is None]
    canceled = [row for row in rows if pending.get(row.job_id) is not None]
    if paused:
        ImageResult.objects.filter(id__any=paused).update(held=True)
    if canceled:
        fail_unfetched(ImageResult.objects.filter(id__any=[row.id for row in canceled]), Canceled)
    return canceled


def fail_unfetched(pending: QuerySet[ImageResult], error: type[ImageError]) -> int:
    """Make pending images final that will not be fetched; returns how many. The caller holds their locks and counts."""
    return pending.update(
        state=ImageState.FAILED,
        held=False,
        run_after=None,
        waits_for="",
        error_code=error.code,
        error_message=error.sentence,
        finished_at=Now(),
    )


def hold_all_but_first(rows: Iterable[tuple[int, Any]]) -> None:
    """Hold every image of a store but its first; `rows` are (image id, store id) in id order."""
    seen: set[str] = set()
    later = []
    for image_id, store_id in rows:
        if store_id in seen:
            later.append(image_id)
        seen.add(store_id)
    ImageResult.objects.pending().filter(id__any=later).update(held=True)


def _advance_stores(completed: Iterable[Row], failed: Iterable[Row]) -> Counter[int]:
    """Under `stop_store`: release a store's next image, or skip the rest of them. Returns skips by job."""
    skipped: Counter[int] = Counter()
    for row in completed:
        if row.on_error == OnError.STOP_STORE:
            rest = _rest_of_store(row).filter(job__paused_at=None).select_for_update(of=("self",), no_key=True)
            # Read first: within the UPDATE the planner may look for "the next one" again and again, and release all.
            ImageResult.objects.filter(pk__in=list(rest.values_list("pk", flat=True)[:1])).update(held=False)
    for row in failed:
        if row.on_error == OnError.STOP_STORE:
            left = list(_rest_of_store(row).select_for_update(no_key=True).values_list("pk", flat=True))
            fail_unfetched(ImageResult.objects.filter(pk__any=left), Skipped)
            skipped[row.job_id] += len(left)
    return skipped


def _rest_of_store(row: Row) -> QuerySet[ImageResult]:
    """The store's images in the job that are still held, in their order."""
    store = Visit.objects.filter(images=row.id).values("store_id")[:1]
    visits = Visit.objects.filter(job_id=row.job_id, store_id=Subquery(store))
    return ImageResult.objects.held().filter(visit__in=visits).order_by("id")
