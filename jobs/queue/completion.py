"""What a move leads to: the counters and the status of its job, and the images that depend on it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact, GreaterThan, LessThan

from jobs.errors import Canceled, ImageError, Skipped
from jobs.models import ImageResult, Job, Visit
from jobs.models.compiled import Select, SelectForEach, UpdateForEach
from jobs.models.expressions import Behind, ClockTimestamp, FromRow, Given
from jobs.models.finished import CountAndFile, Finished, file_updated
from jobs.models.index_order import index_order_where
from jobs.models.locks import LockTimeout, lock_timeout
from jobs.models.store_errors import write_store_errors
from jobs.queue import milestones
from jobs.states import ImageState, JobStatus, OnError

# A batch of outcomes takes some milliseconds, an action on a large job minutes.
SOON_SECONDS = 0.2


def _locked(*, skip_locked: bool) -> QuerySet[Any, Any]:
    jobs = Job.objects.filter(pk__any=Given("ids")).locked(skip_locked=skip_locked)
    columns = "pk", "on_error", "priority", "paused_at", "canceled_at", "request_id", "started_at", "owner"
    # A store's next image is found in the order of an index, see `_next_of_store`.
    return jobs.values_list(*columns, *index_order_where(Q(on_error=OnError.STOP_STORE)))


_lock_jobs = Select(lambda: _locked(skip_locked=False))
_lock_free_jobs = Select(lambda: _locked(skip_locked=True))
_failed = F("failed") + FromRow("failed")
_finished = F("completed") + FromRow("completed") + _failed
# Counts on, and files what has become final; a job whose images are all final gets its final status.
_count = CountAndFile(
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
    returning=["id", "status", "completed", "failed", "total"],
)


class JobRow(NamedTuple):
    """A locked row of a job, as far as the moves of its images need it."""

    id: int
    on_error: str
    priority: int
    is_paused: bool
    is_canceled: bool
    request_id: str = ""
    has_started: bool = True
    owner_id: int | None = None


class Moved(NamedTuple):
    """An image of a locked job, and what has become of it; `is_canceled` where that is why it failed."""

    id: int
    job_id: int
    visit_id: int
    generation: int
    state: ImageState
    is_canceled: bool = False


class Completed(NamedTuple):
    """The ids of jobs whose counters have moved, and of those of them that have finished.

    `succeeded` and `failed` count the images that are final by it, those skipped with their store included.
    """

    moved: list[int]
    finished: list[int]
    succeeded: int = 0
    failed: int = 0


def lock_jobs(job_ids: Iterable[int], *, skip_locked: bool = False) -> dict[int, JobRow]:
    """The jobs by id, locked in the order of their ids: before any of their images is, see the package's docstring."""
    lock = _lock_free_jobs if skip_locked else _lock_jobs
    rows = lock(ids=sorted(set(job_ids)))
    return {
        job_id: JobRow(
            *(job_id, on_error, priority, paused_at is not None, canceled_at is not None, request_id),
            started_at is not None,
            owner_id,
        )
        for job_id, on_error, priority, paused_at, canceled_at, request_id, started_at, owner_id, *_ in rows
    }


def lock_jobs_soon(job_ids: Iterable[int]) -> dict[int, JobRow]:
    """As `lock_jobs`, after SOON_SECONDS at most; where that is not enough, those that nobody is at.

    To skip at once would not do: engines that queue up for a busy job leave no moment in which nobody is at it.
    """
    job_ids = list(job_ids)
    if not job_ids:
        return {}
    try:
        with lock_timeout(SOON_SECONDS):
            return lock_jobs(job_ids)
    except LockTimeout:
        return lock_jobs(job_ids, skip_locked=True)


def complete(jobs: Mapping[int, JobRow], moved: Sequence[Moved]) -> Completed:
    """Move the counters of the jobs by what became of these images, and finish jobs whose images are all final.

    The caller holds the jobs' locks, has written the states, and announces the jobs that moved after the commit.
    """
    if not moved:
        return Completed([], [])
    completed_of = Counter(each.job_id for each in moved if each.state == ImageState.COMPLETED)
    failed_of = Counter(each.job_id for each in moved if each.state == ImageState.FAILED)
    skipped = _advance_stores(jobs, moved)
    failed_of.update(each.job_id for each in skipped)
    images_of: dict[int, list[int]] = defaultdict(list)
    generations_of: dict[int, list[int]] = defaultdict(list)
    for job_id, image_id, generation in _final(moved, skipped):
        images_of[job_id].append(image_id)
        generations_of[job_id].append(generation)
    canceled_of = Counter(each.job_id for each in moved if each.is_canceled)
    failed_images: dict[int, list[int]] = defaultdict(list)
    for each in moved:
        if each.state == ImageState.FAILED and not each.is_canceled:
            failed_images[each.job_id].append(each.id)
    counted = _count(
        {
            "id": job_id,
            "completed": completed_of[job_id],
            "failed": failed_of[job_id],
            "canceled": canceled_of[job_id],
            "images": images_of[job_id],
            "generations": generations_of[job_id],
        }
        # Those whose images wait for another attempt have started, too.
        for job_id in {each.job_id for each in moved}
    )
    write_store_errors([job_id for job_id, status, *_ in counted if status == JobStatus.FAILED])
    milestones.tell(
        [
            reached
            for job_id, _, completed, failed, total in counted
            for reached in milestones.passed(
                job_id,
                jobs[job_id].owner_id,
                started=jobs[job_id].has_started,
                before=completed + failed - completed_of[job_id] - failed_of[job_id],
                now=completed + failed,
                total=total,
            )
        ],
        [milestones.Failed(job_id, jobs[job_id].owner_id, image_ids) for job_id, image_ids in failed_images.items()],
    )
    return Completed(
        moved=[job_id for job_id, *_ in counted],
        finished=[job_id for job_id, status, *_ in counted if status != JobStatus.ONGOING],
        succeeded=completed_of.total(),
        failed=failed_of.total(),
    )


def _final(moved: Iterable[Moved], skipped: Iterable[Finished]) -> Iterator[Finished]:
    for each in moved:
        if each.state in (ImageState.COMPLETED, ImageState.FAILED):
            yield Finished(each.job_id, each.id, each.generation)
    yield from skipped


def apply_pending(jobs: Mapping[int, JobRow], again: Sequence[Moved]) -> list[Moved]:
    """Apply the pauses and cancels of these locked jobs to images that have just become pending again.

    Those of paused jobs are held. Those of canceled jobs are final and returned, for the caller to `complete`.
    """
    canceled = [
        each._replace(state=ImageState.FAILED, is_canceled=True) for each in again if jobs[each.job_id].is_canceled
    ]
    held = [each.id for each in again if jobs[each.job_id].is_paused and not jobs[each.job_id].is_canceled]
    if held:
        ImageResult.objects.filter(id__any=held).update(held=True)
    if canceled:
        ImageResult.objects.filter(id__any=[each.id for each in canceled]).update(**unfetched(Canceled))
    return canceled


def unfetched(error: type[ImageError]) -> dict[str, Any]:
    """The fields of pending images from now on that are final without having been fetched."""
    return {
        "state": ImageState.FAILED,
        "held": False,
        "run_after": None,
        "waits_for": "",
        "error_code": error.code,
        "error_message": error.sentence,
        "finished_at": Now(),
    }


def fail_unfetched(pending: QuerySet[ImageResult], error: type[ImageError]) -> int:
    """Make pending images final that will not be fetched, and file them; returns how many.

    The caller holds their jobs, and counts.
    """
    return file_updated(pending, **unfetched(error))


def first_of_stores(rows: Iterable[tuple[int, Any]], begun: Collection[Any] = ()) -> list[int]:
    """Every store's first image, but for the stores among `begun`.

    `rows` are (image id, store id) in the order in which they are to go.
    """
    first: dict[Any, int] = {}
    for image_id, store_id in rows:
        first.setdefault(store_id, image_id)
    return [image_id for store_id, image_id in first.items() if store_id not in begun]


def _next_of_store(row: Mapping[str, FromRow]) -> QuerySet[Any, Any]:
    """The store's next image that is held: from the visit of the row's image on, else (after a retry) the first one.

    Each visit is asked for its first one, and the first visit that has one ends the search. Written so that only
    the two indexes made for it give these orders: for `visit = 7 ORDER BY id` the planner likes to go through the ids.
    """
    of_visit = ImageResult.objects.held().filter(visit_id__gte=OuterRef("pk"), visit_id__lte=OuterRef("pk"))
    first_held = of_visit.order_by("visit_id", "id").values("pk")[:1]

    def from_visit(visit_id: Any) -> Subquery:
        visits = Visit.objects.filter(
            Behind("store_id", "pk", OuterRef("store_id"), visit_id - 1),
            job_id=OuterRef("job_id"),
            store_id__lte=OuterRef("store_id"),
            store_id__gte="",  # as the index says of its rows
        )
        having = visits.annotate(held=Subquery(first_held)).filter(held__isnull=False)
        return Subquery(having.order_by("store_id", "pk").values("held")[:1])

    found = Coalesce(from_visit(OuterRef("pk")), from_visit(Value(1)))
    return Visit.objects.filter(pk=row["visit_id"]).values_list(found)[:1]


def _rest_of_store(row: Mapping[str, FromRow]) -> QuerySet[Any, Any]:
    """The store's images in the job that are held."""
    store = Visit.objects.filter(pk=row["visit_id"]).values("store_id")[:1]
    visits = Visit.objects.filter(job_id=row["job_id"], store_id=Subquery(store))
    return ImageResult.objects.held().filter(visit__in=visits).values_list("pk")


_OF_STORE = {"visit_id": Visit._meta.pk, "job_id": Job._meta.pk}
_release_next = UpdateForEach(
    SelectForEach(_next_of_store, **_OF_STORE), ImageResult, returning=["id"], held=False, ready_since=Now()
)
_skip_rest = UpdateForEach(
    SelectForEach(_rest_of_store, **_OF_STORE), ImageResult, returning=["job", "id", "generation"], **unfetched(Skipped)
)


def _advance_stores(jobs: Mapping[int, JobRow], moved: Iterable[Moved]) -> list[Finished]:
    """Under `stop_store`: release a store's next image, or skip the rest of them. Returns what is skipped."""
    one_by_one = [each for each in moved if jobs[each.job_id].on_error == OnError.STOP_STORE]

    def rows(state: ImageState) -> Iterator[dict[str, int]]:
        return (
            {"visit_id": each.visit_id, "job_id": each.job_id}
            for each in one_by_one
            if each.state == state and not each.is_canceled
        )

    _release_next(row for row in rows(ImageState.COMPLETED) if not jobs[row["job_id"]].is_paused)
    return [Finished(*row) for row in _skip_rest(rows(ImageState.FAILED))]
