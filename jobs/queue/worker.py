"""What engines do with image rows: claim them, and write, hand back, rescue or promote what was claimed."""

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, Case, Exists, F, FloatField, Func, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Cast, Now
from django.db.models.lookups import Exact

from jobs import failpoints
from jobs.errors import CrashLoop
from jobs.imaging.host_limits import NoLimits
from jobs.imaging.types import Claim, Outcome
from jobs.models import FailedAttempt, ImageResult, Worker
from jobs.models.expressions import ClockTimestamp, FromRow, Seconds
from jobs.models.update_from import UpdateFrom
from jobs.queue.completion import Row, execute, obey, settle
from jobs.queue.hosts import take_probes
from jobs.queue.lanes import Choice, Lanes, Look, look_into
from jobs.queue.quarantine import company
from jobs.queue.rank import BEHIND_SECONDS, SECONDS_PER_PRIORITY
from jobs.queue.transitions import failed_attempt, is_refused, lane_of, transition
from jobs.states import ImageState

# The first half of the advisory lock that a living worker's keeper holds; the second half is the worker's id.
WORKER_LOCK = 0x5250

# Plain SQL for what every image passes through: the ORM would take ten times the processor time for it.
_CLAIM = """
    UPDATE jobs_imageresult
    SET state = 'running', claimed_by = %s, claimed_at = statement_timestamp(), claim_no = claim_no + 1,
        waits_for = ''
    WHERE id = ANY(%s)
"""
# Rows that their worker still holds by the same claim. In id order: all who lock several images do so.
_LOCK_OURS = """
    SELECT image.id, image.job_id, image.claim_no, image.crashes, job.on_error
    FROM jobs_imageresult image JOIN jobs_job job ON job.id = image.job_id
    WHERE image.id = ANY(%s) AND image.state = 'running' AND image.claimed_by = %s
    ORDER BY image.id FOR NO KEY UPDATE OF image
"""
_is_pending_again = Exact(FromRow("state"), Value(ImageState.PENDING))
# What locked images become, see `transitions.py`.
_record = UpdateFrom(
    ImageResult.objects.all,
    match=["id", "claim_no"],
    fields=[
        *["state", "attempts", "bytes", "width", "height", "perimeter", "format", "gpu_result"],
        *["error_code", "error_message", "fetch_ms", "measure_ms", "gpu_ms"],
    ],
    also={"wait": FloatField()},
    claimed_by=Case(When(_is_pending_again, then=None), default=F("claimed_by")),
    run_after=Case(When(_is_pending_again, then=ClockTimestamp() + Seconds(FromRow("wait")))),
    finished_at=Case(When(_is_pending_again, then=None), default=ClockTimestamp()),
)
# What images become besides whose host is to blame: where it is paused they wait in its lane.
_REFUSED = """
    UPDATE jobs_imageresult image SET
        waits_for = new.lane,
        waits_since = coalesce(image.waits_since, clock_timestamp()),
        rank = %s + greatest(image.rank, extract(epoch FROM clock_timestamp()) - %s * job.priority)
    FROM unnest(%s::bigint[], %s::text[]) AS new (id, lane), jobs_job job
    WHERE image.id = new.id AND job.id = image.job_id
"""


class WorkerGone(Exception):
    """This worker was declared dead and its claims were rescued; it must come back under a new id."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: outcomes written, and outcomes dropped because the claim was no longer ours."""

    written: int
    fenced: list[Claim]
    finished_jobs: list[int]


@dataclass(frozen=True, slots=True)
class Rescued:
    workers: list[int]
    released: int
    crash_loops: int


def claim(worker_id: int, limit: int, beside: Collection[Claim] = (), lanes: Lanes | None = None) -> list[Claim]:
    """Take up to `limit` ready images in rank order, as far as their hosts have room.

    Committed before any byte is fetched. `lanes` are what this process knows of hosts; without them, only the common
    line is looked at, and no host is limited.
    `beside` is what the worker has in hand already: images that were in hand at several crashes are only taken in
    small company, see `isolation.py`; where the first in rank needs a smaller one, none is taken.
    Raises WorkerGone where the worker's row was deleted: the row stays locked until the commit, so that no
    rescue can pass between this look and the claims.
    """
    if lanes is None:
        lanes = Lanes(NoLimits())
    choice = Choice(limit, lanes, lambda crashes: _fit_together(crashes, beside))
    try:
        with transaction.atomic():
            _hold_worker(worker_id)
            if due := lanes.limits.due(limit):
                for host in choice.probe(take_probes(worker_id, due)):
                    lanes.limits.resume(host)
            choice.make()
            if choice.begun:
                execute(_CLAIM, [worker_id, [row.id for row, _ in choice.begun]])
    except BaseException:
        # Whatever it is, nothing was claimed: the places of these images must not stay taken at their hosts.
        for row, host in choice.begun:
            lanes.limits.released(host, row.id)
        raise
    return [row.claim(host) for row, host in choice.begun]


def claim_waiting(worker_id: int, host: str, limit: int) -> list[Claim]:
    """Take up to `limit` images out of the lane of a host, not to fetch them, but to record how its probe ended."""
    with transaction.atomic():
        _hold_worker(worker_id)
        rows = look_into([Look(host, limit)])
        if rows:
            execute(_CLAIM, [worker_id, [row.id for row in rows]])
    return [row.claim(host) for row in rows]


def record(worker_id: int, outcomes: Collection[Outcome]) -> Recorded:
    """Write what became of claimed images, in one transaction.

    A row that is no longer ours is left alone and reported as fenced; so a batch whose COMMIT was lost on the
    way may be recorded again and changes nothing.
    """
    by_fence = {(outcome.claim.image_id, outcome.claim.claim_no): outcome for outcome in outcomes}
    with transaction.atomic():
        rows = _lock_ours(worker_id, [outcome.claim for outcome in outcomes])
        ours = [by_fence.pop((row.id, row.claim_no)) for row in rows]
        transitions = [transition(outcome) for outcome in ours]
        _record(transitions)
        if refused := {outcome.claim.image_id: lane_of(outcome) for outcome in ours if is_refused(outcome)}:
            execute(_REFUSED, [BEHIND_SECONDS, SECONDS_PER_PRIORITY, list(refused), list(refused.values())])
        states = [each["state"] for each in transitions]
        again = [row for row, state in zip(rows, states, strict=True) if state == ImageState.PENDING]
        finished_jobs = settle(rows, states, obey(again))
        FailedAttempt.objects.bulk_create(
            failed_attempt(outcome, outcome.error, worker_id) for outcome in ours if outcome.error is not None
        )
        failpoints.hit("record.before_commit", outcomes)
    return Recorded(len(rows), [outcome.claim for outcome in by_fence.values()], finished_jobs)


def release(worker_id: int, claims: Sequence[Claim]) -> int:
    """Hand unfinished claims back; counts as neither an attempt nor a crash. Returns how many were still ours."""
    with transaction.atomic():
        rows = _lock_ours(worker_id, claims)
        ImageResult.objects.filter(id__in=[row.id for row in rows]).update(state=ImageState.PENDING, claimed_by=None)
        canceled = obey(rows)
        settle(canceled, [ImageState.PENDING] * len(canceled), canceled)
    return len(rows)


def rescue() -> Rescued:
    """Take the claims of dead workers back, and delete the workers.

    Dead is whose keeper's lock is free, or whose heartbeat is older than the lease. Under LEASE_ONLY the lock
    says nothing. A worker that is claiming at this moment is skipped: the next round finds it.
    """
    with transaction.atomic():
        dead = Worker.objects.silent() if settings.LEASE_ONLY else Worker.objects.filter(_is_dead())
        workers = list(dead.order_by("id").select_for_update(skip_locked=True).values_list("id", flat=True))
        Worker.objects.filter(id__in=workers).delete()
        orphans = ImageResult.objects.running().filter(~Exists(Worker.objects.filter(id=OuterRef("claimed_by"))))
        rows = [
            Row(*row)
            for row in orphans.order_by("id")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .values_list("id", "job_id", "claim_no", "crashes", "job__on_error")
        ]
        again = [row for row in rows if row.crashes + 1 < settings.MAX_CRASHES]
        crash_loops = [row for row in rows if row.crashes + 1 >= settings.MAX_CRASHES]
        ImageResult.objects.filter(id__in=[row.id for row in again]).update(
            state=ImageState.PENDING, claimed_by=None, crashes=F("crashes") + 1
        )
        ImageResult.objects.filter(id__in=[row.id for row in crash_loops]).update(
            state=ImageState.FAILED,
            crashes=F("crashes") + 1,
            error_code=CrashLoop.code,
            error_message=CrashLoop.sentence,
            finished_at=Now(),
        )
        canceled = obey(again)
        final = [ImageState.FAILED] * len(crash_loops) + [ImageState.PENDING] * len(canceled)
        settle([*crash_loops, *canceled], final, canceled)
    return Rescued(workers, len(again), len(crash_loops))


def promote(limit: int = 1000) -> int:
    """Make waiting images ready whose time has come. Returns how many."""
    with transaction.atomic():
        due = list(
            ImageResult.objects.waiting()
            .filter(run_after__lte=Now())
            .order_by("run_after")
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("id", flat=True)[:limit]
        )
        if due:
            ImageResult.objects.filter(id__in=due).update(run_after=None)
    return len(due)


def _hold_worker(worker_id: int) -> None:
    # FOR KEY SHARE lets the heartbeat's UPDATE pass and holds off the rescue's DELETE; the ORM cannot say it.
    if not execute("SELECT 1 FROM jobs_worker WHERE id = %s FOR KEY SHARE", [worker_id]):
        raise WorkerGone(f"Worker {worker_id} was declared dead.")


def _fit_together(crashes: Sequence[int], beside: Collection[Claim]) -> int:
    """How many of the images with these crashes, from the first on, may join what is in hand."""
    # One crash accuses nobody, see `isolation.py`: mostly there is nothing to think about.
    accused = [claim.crashes for claim in beside if claim.crashes > 1]
    if not accused and max(crashes, default=0) <= 1:
        return len(crashes)
    most = min((company(crashed, settings.WORKER_THREADS) for crashed in accused), default=sys.maxsize)
    for count, crashed in enumerate(crashes):
        most = min(most, company(crashed, settings.WORKER_THREADS))
        if len(beside) + count >= most:
            return count
    return len(crashes)


def _lock_ours(worker_id: int, claims: Iterable[Claim]) -> list[Row]:
    """The claims' rows that are still ours, locked, in id order."""
    fences = {claim.image_id: claim.claim_no for claim in claims}
    rows = [Row(*row) for row in execute(_LOCK_OURS, [list(fences), worker_id])]
    return [row for row in rows if row.claim_no == fences[row.id]]


def database_now() -> datetime:
    """The database's clock: the only one that stored times may come from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def _is_dead() -> Q:
    lock_free = Func(
        Value(WORKER_LOCK),
        Cast("id", IntegerField()),
        function="pg_try_advisory_xact_lock",
        output_field=BooleanField(),
    )
    return Q(pk__in=Worker.objects.silent().values("pk")) | Q(lock_free)
