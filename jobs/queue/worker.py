"""What engines do with image rows: claim them, and write, hand back, rescue or promote what was claimed."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, F, FloatField, OuterRef, SmallIntegerField, Value, When
from django.db.models.functions import Coalesce, Extract, Greatest, Now
from django.db.models.lookups import Exact, IsNull

from jobs import failpoints
from jobs.errors import Canceled, CrashLoop
from jobs.imaging.host_limits import NoLimits
from jobs.imaging.types import Claim, Outcome
from jobs.models import FailedAttempt, ImageResult, Worker
from jobs.models.compiled import Select, Update
from jobs.models.expressions import ClockTimestamp, FromRow, Given, Seconds
from jobs.models.index_order import INDEX_ORDER
from jobs.models.update_from import UpdateFrom
from jobs.queue.choice import Choice
from jobs.queue.completion import Moved, apply_pending, complete, lock_jobs, lock_jobs_soon
from jobs.queue.hosts import take_probes
from jobs.queue.kept_photos import record_kept
from jobs.queue.lanes import Lanes
from jobs.queue.photo_rows import insert_photos
from jobs.queue.quarantine import batch_size
from jobs.queue.rank import BEHIND_SECONDS, SECONDS_PER_PRIORITY
from jobs.queue.ready_rows import Look, look_into
from jobs.queue.transitions import failed_attempt, transition
from jobs.states import ImageState

# The row that a rescue deletes; the heartbeat updates it meanwhile.
_hold_worker = Select(
    lambda: Worker.objects.filter(pk=Given("worker_id")).for_key_share().values_list("pk", *INDEX_ORDER)
)
_take = Update(
    lambda: ImageResult.objects.filter(id__any=Given("ids")),
    state=ImageState.RUNNING,
    claimed_by=Given("worker_id"),
    claimed_at=Now(),
    claim_no=F("claim_no") + 1,
    waits_for="",
)
_lock_held = Select(
    lambda: (
        ImageResult.objects.held_by(Given("worker_id"))
        .filter(id__any=Given("ids"))
        .locked()
        .values_list("id", "job_id", "visit_id", "claim_no", "generation")
    )
)
_is_pending_again = Exact(FromRow("state"), Value(ImageState.PENDING))
_is_refused = IsNull(FromRow("refused_at"), False)
# What images become that are ours, see `transitions.py`. "Running" is said in a way that only the primary key can find:
# else the planner would rather read through all that the worker holds.
_record = UpdateFrom(
    lambda: ImageResult.objects.exclude(state__in=set(ImageState) - {ImageState.RUNNING}).filter(
        claimed_by=Given("worker_id")
    ),
    match=["id", "claim_no"],
    fields=[
        *["state", "attempts", "bytes", "width", "height", "perimeter", "format", "gpu_result"],
        *["error_code", "error_message", "fetch_ms", "measure_ms", "gpu_ms", "held", "waits_for"],
    ],
    also={"wait": FloatField(), "refused_at": SmallIntegerField()},
    claimed_by=Case(When(_is_pending_again, then=None), default=F("claimed_by")),
    run_after=Case(When(_is_pending_again, then=ClockTimestamp() + Seconds(FromRow("wait")))),
    finished_at=Case(When(_is_pending_again, then=None), default=ClockTimestamp()),
    waits_since=Case(When(_is_refused, then=Coalesce("waits_since", ClockTimestamp())), default=F("waits_since")),
    rank=Case(
        When(
            _is_refused,
            then=Value(BEHIND_SECONDS)
            + Greatest(
                F("rank"),
                Extract(ClockTimestamp(), "epoch", tzinfo=UTC, output_field=FloatField())
                - Value(SECONDS_PER_PRIORITY) * FromRow("refused_at"),
            ),
        ),
        default=F("rank"),
    ),
    returning=["id", "claim_no", "visit_id", "generation"],
)


class WorkerGone(Exception):
    """This worker was declared dead and its claims were rescued; it must come back under a new id."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: outcomes written, and outcomes dropped because the claim was no longer ours.

    `completed` and `failed` count the images that are final by it. `request_ids` are of the requests that made the
    jobs, by the jobs' ids.
    """

    written: int
    fenced: list[Claim]
    finished_jobs: list[int]
    moved_jobs: list[int] = field(default_factory=list)
    """For the caller to announce, like those of the others below."""
    completed: int = 0
    failed: int = 0
    request_ids: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Released:
    """How many claims were still ours and were handed back."""

    images: int
    moved_jobs: list[int]


@dataclass(frozen=True, slots=True)
class Rescued:
    """The dead `workers`, and how many of their images were `released` or given up as `crash_loops`.

    `failed` counts the images that are final by it: besides the crash loops those of canceled jobs, and those skipped.
    """

    workers: list[int]
    released: int
    crash_loops: int
    moved_jobs: list[int] = field(default_factory=list)
    failed: int = 0


def claim(worker_id: int, limit: int, in_flight: Collection[Claim] = (), lanes: Lanes | None = None) -> list[Claim]:
    """Take up to `limit` ready images in rank order, as far as their hosts have room.

    Committed before any byte is fetched. `lanes` are what this process knows of hosts; without them, only the common
    line is looked at, and no host is limited.
    `in_flight` are the worker's other claims: images that were in flight at several crashes are only claimed in small
    batches, see `quarantine.py`; where the first in rank needs a smaller one, none is claimed.
    Raises WorkerGone where the worker's row was deleted: the row stays locked until the commit, so that no
    rescue can pass between this look and the claims.
    """
    if lanes is None:
        lanes = Lanes(NoLimits())
    choice = Choice(limit, lanes, lambda crashes: _fit_together(crashes, in_flight))
    try:
        with transaction.atomic():
            _hold(worker_id)
            if due := lanes.limits.due(limit):
                for host in choice.probe(take_probes(worker_id, due)):
                    lanes.limits.resume(host)
            choice.make()
            if choice.begun:
                _take(worker_id=worker_id, ids=[row.id for row, _ in choice.begun])
    except BaseException:
        # Whatever it is, nothing was claimed: the places of these images must not stay taken at their hosts.
        for row, host in choice.begun:
            lanes.limits.released(host, row.id)
        raise
    return [row.claim(host) for row, host in choice.begun]


def claim_waiting(worker_id: int, host: str, limit: int) -> list[Claim]:
    """Take up to `limit` images out of the lane of a host, not to fetch them, but to record how its probe ended."""
    with transaction.atomic():
        _hold(worker_id)
        rows = look_into([Look(host, limit)])
        if rows:
            _take(worker_id=worker_id, ids=[row.id for row in rows])
    return [row.claim(host) for row in rows]


def record(worker_id: int, outcomes: Collection[Outcome]) -> Recorded:
    """Write what became of claimed images, in one transaction.

    A row that is no longer ours is left alone and reported as fenced; so a batch whose COMMIT was lost on the
    way may be recorded again and changes nothing.
    """
    by_fence = {(outcome.claim.image_id, outcome.claim.claim_no): outcome for outcome in outcomes}
    with transaction.atomic():
        jobs = lock_jobs(outcome.claim.job_id for outcome in outcomes)
        # A job that is not there was deleted, and its images with it.
        become = {
            fence: transition(outcome, jobs[outcome.claim.job_id])
            for fence, outcome in by_fence.items()
            if outcome.claim.job_id in jobs
        }
        written = _record.returned(become.values(), worker_id=worker_id)
        ours, moved, photos = [], [], []
        for image_id, claim_no, visit_id, generation in written:
            outcome, columns = by_fence.pop((image_id, claim_no)), become[image_id, claim_no]
            is_canceled = columns["error_code"] == Canceled.code
            ours.append(outcome)
            moved.append(Moved(image_id, outcome.claim.job_id, visit_id, generation, columns["state"], is_canceled))
            if outcome.photo is not None and columns["state"] == ImageState.COMPLETED:
                photos.append((image_id, outcome.photo))
        completed = complete(jobs, moved)
        FailedAttempt.objects.bulk_create(
            failed_attempt(outcome, outcome.error, worker_id) for outcome in ours if outcome.error is not None
        )
        gone = [outcome for outcome in outcomes if outcome.claim.job_id not in jobs]
        done = {each.id for each in moved if each.state == ImageState.COMPLETED}
        record_kept(worker_id, [*ours, *gone], done)
        if photos:
            insert_photos(photos)
        failpoints.hit("record.before_commit", outcomes)
    return Recorded(
        len(written),
        [outcome.claim for outcome in by_fence.values()],
        completed.finished,
        completed.moved,
        completed=completed.succeeded,
        failed=completed.failed,
        request_ids={job_id: job.request_id for job_id, job in jobs.items()},
    )


def release(worker_id: int, claims: Sequence[Claim]) -> Released:
    """Hand unfinished claims back; counts as neither an attempt nor a crash."""
    with transaction.atomic():
        jobs = lock_jobs(claim.job_id for claim in claims)
        fences = {claim.image_id: claim.claim_no for claim in claims}
        held = _lock_held(worker_id=worker_id, ids=list(fences))
        again = [
            Moved(image_id, job_id, visit_id, generation, ImageState.PENDING)
            for image_id, job_id, visit_id, claim_no, generation in held
            if claim_no == fences[image_id]
        ]
        ImageResult.objects.filter(id__any=[each.id for each in again]).update(
            state=ImageState.PENDING, claimed_by=None, ready_since=Now()
        )
        completed = complete(jobs, apply_pending(jobs, again))
    return Released(len(again), completed.moved)


def rescue() -> Rescued:
    """Take the claims of dead workers back, and delete the workers, see `WorkerQuerySet.dead`.

    A worker that is claiming at this moment is skipped, and so are jobs, all but those that nobody is at, where it
    would have to wait long for one: the next round finds them.
    """
    with transaction.atomic():
        dead = Worker.objects.dead().order_by("id").select_for_update(skip_locked=True)
        workers = list(dead.values_list("id", flat=True))
        Worker.objects.filter(id__in=workers).delete()
        orphans = ImageResult.objects.running().filter(~Exists(Worker.objects.filter(id=OuterRef("claimed_by"))))
        jobs = lock_jobs_soon(orphans.values_list("job_id", flat=True).distinct())
        again, crash_loops = [], []
        if jobs:
            rows = orphans.filter(job_id__in=jobs).locked()
            for pk, job_id, visit_id, generation, crashes in rows.values_list(
                "id", "job_id", "visit_id", "generation", "crashes"
            ):
                if crashes + 1 < settings.MAX_CRASHES:
                    again.append(Moved(pk, job_id, visit_id, generation, ImageState.PENDING))
                else:
                    crash_loops.append(Moved(pk, job_id, visit_id, generation, ImageState.FAILED))
        if again:
            ImageResult.objects.filter(id__any=[each.id for each in again]).update(
                state=ImageState.PENDING, claimed_by=None, crashes=F("crashes") + 1, ready_since=Now()
            )
        if crash_loops:
            ImageResult.objects.filter(id__any=[each.id for each in crash_loops]).update(
                state=ImageState.FAILED,
                crashes=F("crashes") + 1,
                error_code=CrashLoop.code,
                error_message=CrashLoop.sentence,
                finished_at=Now(),
            )
        completed = complete(jobs, [*crash_loops, *apply_pending(jobs, again)])
    return Rescued(workers, len(again), len(crash_loops), completed.moved, completed.failed)


def promote(limit: int = 1000) -> int:
    """Make waiting images ready whose time has come. Returns how many."""
    with transaction.atomic():
        due = ImageResult.objects.waiting().filter(run_after__lte=Now()).order_by("run_after").skipping_locked()
        ids = list(due.values_list("id", flat=True)[:limit])
        if ids:
            ImageResult.objects.filter(id__any=ids).update(run_after=None, ready_since=Now())
    return len(ids)


def _hold(worker_id: int) -> None:
    if not _hold_worker(worker_id=worker_id):
        raise WorkerGone(f"Worker {worker_id} was declared dead.")


def _fit_together(crashes: Sequence[int], in_flight: Collection[Claim]) -> int:
    """How many of the images with these crashes, from the first on, may join what is in flight."""
    # One crash makes nothing a suspect, see `quarantine.py`: mostly there is nothing to think about.
    suspects = [claim.crashes for claim in in_flight if claim.crashes > 1]
    if not suspects and max(crashes, default=0) <= 1:
        return len(crashes)
    most = min((batch_size(crashed, settings.WORKER_THREADS) for crashed in suspects), default=sys.maxsize)
    for count, crashed in enumerate(crashes):
        most = min(most, batch_size(crashed, settings.WORKER_THREADS))
        if len(in_flight) + count >= most:
            return count
    return len(crashes)
