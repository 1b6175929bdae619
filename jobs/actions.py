"""Actions of people on jobs: the move in the queue, its line in the job's history, and the wake-up, in one call.

Everything through which people act calls this: the API, the dashboard, the commands.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from access.limits import WITH_LIMITS
from jobs import deletion, queue
from jobs.engine.base import wake_up
from jobs.engine.faults import is_conflict
from jobs.models import DeletedJob, ImageFilter, ImageResult, Job, JobAction
from jobs.models.image_result import ImageResultQuerySet
from jobs.pending_limit import TooManyPending, too_many_pending
from jobs.queue import NotPossible, Retried
from retail_pulse.db.timeouts import longer

logger = logging.getLogger(__name__)

Verb = JobAction.Verb
# An action on many jobs stops after this time and says where to go on: the person sees how far it is.
MOST_SECONDS = 5.0
# How many jobs are looked for at a time.
JOBS_AT_A_TIME = 200
# How often an action is tried that meets a deadlock. The queue's own moves make none, see `queue/__init__.py`.
TRIES = 3
type Person = User | AnonymousUser | None


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """The failed images that a retry would match: `matching = retryable + permanent + unknown_store`, always.

    `retryable`: another attempt may help. `permanent`: only once the cause is repaired. `unknown_store`: not before
    the store is imported; these are never reopened.
    """

    matching: int
    retryable: int
    permanent: int
    unknown_store: int


@dataclass(slots=True)
class BulkResult:
    """The result of an action on many jobs: done to `jobs`, which moved `images` of `moved` of them; `refused` says why
    not, by job; `left` were not reached in time: those that match behind the job `last`."""

    jobs: int = 0
    moved: int = 0
    images: int = 0
    left: int = 0
    last: int = 0
    refused: dict[int, str] = field(default_factory=dict)


def cancel(job_id: int, by: Person) -> int:
    """See `queue.cancel`, whose errors are raised; returns how many images were canceled."""
    return _perform(job_id, Verb.CANCEL, by, lambda: queue.cancel(job_id))


def pause(job_id: int, by: Person) -> int:
    """See `queue.pause`, whose errors are raised; returns how many images are held."""
    return _perform(job_id, Verb.PAUSE, by, lambda: queue.pause(job_id))


def resume(job_id: int, by: Person) -> int:
    """See `queue.resume`, whose errors are raised; returns how many images were released."""
    return _perform(job_id, Verb.RESUME, by, lambda: queue.resume(job_id))


def prioritize(job_id: int, priority: int, by: Person) -> int:
    """See `queue.prioritize`, whose errors are raised; returns how many images were moved."""
    return _perform(job_id, Verb.PRIORITIZE, by, lambda: queue.prioritize(job_id, priority), priority=priority)


def retry(job_id: int, by: Person, image_filter: ImageFilter | None = None, *, only_retryable: bool = False) -> Retried:
    """See `queue.retry`, whose errors are raised, and TooManyPending where the owner would exceed the limit.

    A retry that reopens nothing adds no line to the history.
    """
    image_filter = image_filter or ImageFilter()
    _refuse_too_many(job_id, image_filter, only_retryable=only_retryable)

    def move() -> Retried:
        retried = queue.retry(job_id, image_filter, only_retryable=only_retryable)
        if retried.reopened:
            # The key is stored and shown by the API: it stays what the rows of earlier releases have.
            parameters = {**image_filter.parts, **({"only_promising": True} if only_retryable else {})}
            _note(job_id, Verb.RETRY, by, retried.reopened, parameters)
        return retried

    return _in_transaction(move)


def delete(job_id: int, by: Person) -> DeletedJob:
    """Delete an ended job with all that belongs to it, for good. See `deletion.mark`, whose errors are raised.

    Its history goes with it; who deleted it is in what is returned, and stays.
    """
    return _in_transaction(lambda: deletion.mark(job_id, by if isinstance(by, User) else None))


def _refuse_too_many(job_id: int, image_filter: ImageFilter, *, only_retryable: bool) -> None:
    """Raises TooManyPending where the images that a retry would reopen pass their owner's limit."""
    job = Job.objects.select_related("owner", f"owner__{WITH_LIMITS}").filter(pk=job_id).first()
    # No more than have failed are reopened; they are only counted where that would be too many.
    if job is None or too_many_pending(job.owner, job.failed) is None:
        return
    failed = ImageResult.objects.failed().filter(job=job).matching(image_filter)
    more = failed.retryable().count() if only_retryable else failed.count() - failed.of_unknown_stores().count()
    if refusal := too_many_pending(job.owner, more, "this retry adds"):
        raise refusal


def resume_host(name: str, by: Person) -> bool:
    """Have a paused host ("photos.example:443") tried again at once. Returns whether it was paused.

    It belongs to no job, so only the log records who did it.
    """
    resumed = queue.resume_host(name)
    if resumed:
        user = by.get_username() if isinstance(by, User) else ""
        logger.info("host resumed", extra={"host": name, "by": user})
        transaction.on_commit(wake_up, robust=True)
    return resumed


def preview_retry(job_id: int, image_filter: ImageFilter | None = None) -> RetryPreview:
    return _preview(ImageResult.objects.filter(job_id=job_id).matching(image_filter or ImageFilter()))


def preview_retry_of_all(jobs: QuerySet[Job]) -> RetryPreview:
    return _preview(ImageResult.objects.filter(job__in=jobs.values("pk")))


def _preview(images: ImageResultQuerySet) -> RetryPreview:
    failed = images.failed()
    matching, retryable = failed.count(), failed.retryable().count()
    unknown_store = failed.of_unknown_stores().count()
    return RetryPreview(matching, retryable, matching - retryable - unknown_store, unknown_store)


def act_on_all(
    jobs: QuerySet[Job], perform: Callable[[int], int], *, after: int = 0, seconds: float = MOST_SECONDS
) -> BulkResult:
    """Do the same to every one of `jobs` behind the job `after`, each in its own transaction, the oldest first.

    One at least, and then for at most `seconds`; to do the rest, call it again with `after` as the result's `last`, so
    that every job has its turn, however many there are. `perform` takes a job's id and returns how many images it
    moved; what a job's state, or a limit, does not allow is collected.
    """
    result = BulkResult(last=after)
    end = monotonic() + seconds
    while job_ids := _next_ids(jobs, result.last):
        for job_id in job_ids:
            _act_on_one(job_id, perform, result)
            result.last = job_id
            if monotonic() >= end:
                result.left = jobs.filter(pk__gt=job_id).count()
                return result
    return result


def _next_ids(jobs: QuerySet[Job], after: int) -> list[int]:
    return list(jobs.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:JOBS_AT_A_TIME])


def _act_on_one(job_id: int, perform: Callable[[int], int], result: BulkResult) -> None:
    try:
        images = perform(job_id)
    except (NotPossible, TooManyPending) as error:
        result.refused[job_id] = str(error)
    except Job.DoesNotExist:
        pass  # deleted meanwhile
    else:
        result.jobs += 1
        result.moved += bool(images)
        result.images += images


@dataclass(frozen=True, slots=True)
class Action:
    """What a button does to jobs: `effect` describes it beforehand, `after` afterwards the images that were moved."""

    verb: JobAction.Verb
    title: str
    effect: str
    after: str
    do: Callable[[int, Person], int]


def _retry_all(job_id: int, by: Person) -> int:
    return retry(job_id, by).reopened


CANCEL = Action(
    Verb.CANCEL,
    "Cancel jobs",
    "Images that are not in flight will not be fetched; they fail as canceled. Results are kept.",
    "will not be fetched",
    cancel,
)
PAUSE = Action(
    Verb.PAUSE, "Pause jobs", "No more images will be claimed until the jobs are resumed.", "will wait", pause
)
RESUME = Action(Verb.RESUME, "Resume jobs", "The jobs continue at their place in the queue.", "will go on", resume)
RETRY = Action(
    Verb.RETRY,
    "Retry failed images",
    "Every failed image will be tried again, except those whose store is still unknown.",
    "will be tried again",
    _retry_all,
)
ACTIONS = {action.verb.value: action for action in (PAUSE, RESUME, CANCEL, RETRY)}


def _perform(job_id: int, verb: JobAction.Verb, by: Person, move: Callable[[], int], **parameters: object) -> int:
    def act() -> int:
        images = move()
        _note(job_id, verb, by, images, parameters)
        return images

    return _in_transaction(act)


def _in_transaction[Result](act: Callable[[], Result]) -> Result:
    """Act in a transaction; again where the database has broken it off for another's sake."""
    for left in reversed(range(TRIES)):
        try:
            # A job may have a million images.
            with longer("action on a job"):
                return act()
        except DatabaseError as error:
            # Within another transaction, that one is broken as well.
            if not left or not is_conflict(error) or connection.in_atomic_block:
                raise
    raise AssertionError("unreachable")


def _note(job_id: int, verb: JobAction.Verb, by: Person, images: int, parameters: dict[str, object]) -> None:
    user = by if isinstance(by, User) else None
    JobAction.objects.create(
        job_id=job_id,
        verb=verb,
        user=user,
        user_name=user.get_username() if user else "",
        images=images,
        parameters=parameters,
    )
    transaction.on_commit(wake_up, robust=True)
