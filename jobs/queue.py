"""Every move of an image row, and nothing else.

Whoever wants to know whether the fence holds reads this file: a claim raises `claim_no`, and only the holder of
(running, worker, claim number) changes the row afterwards. All times are the database's clock.

Locks are taken in one order everywhere: worker row, images by id, jobs by id.
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, Exists, F, Func, IntegerField, Min, OuterRef, Q, Value
from django.db.models.functions import Cast, Extract, Now

from jobs import failpoints
from jobs.backoff import full_jitter
from jobs.errors import CrashLoop, ImageError, Skipped, UnknownStore
from jobs.imaging.outcome import Claim, Outcome
from jobs.isolation import company
from jobs.models import FailedAttempt, ImageResult, Job, Visit, Worker
from jobs.models.store_errors import store_errors
from jobs.states import ImageState, JobStatus, OnError
from stores.models import Store

# The first half of the advisory lock that a living worker's keeper holds; the second half is the worker's id.
WORKER_LOCK = 0x5250

# What a recorded outcome may change; everything else of the row stays as the claim left it.
_MOVED_FIELDS = [
    "state", "run_after", "held", "claimed_by", "attempts", "crashes",
    "width", "height", "perimeter", "format", "bytes", "gpu_result", "error_code", "error_message",
    "fetch_ms", "measure_ms", "gpu_ms", "finished_at",
]  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class Retried:
    """Images reopened, and images left as they are because their store is still unknown."""

    reopened: int
    still_unknown: int


def claim(worker_id: int, limit: int, beside: Collection[Claim] = ()) -> list[Claim]:
    """Take up to `limit` ready images in rank order; committed before any byte is fetched.

    `beside` is what the worker has in hand already: images that were in hand at several crashes are only taken in
    small company, see `isolation.py`; where the first in rank needs a smaller one, none is taken.
    Raises WorkerGone where the worker's row was deleted: the row stays locked until the commit, so that no
    rescue can pass between this look and the claims.
    """
    with transaction.atomic():
        _hold_worker(worker_id)
        rows = list(
            ImageResult.objects.ready()
            .order_by("rank", "id")
            .select_for_update(skip_locked=True, no_key=True)
            .values_list("id", "job_id", "claim_no", "attempts", "url", "crashes")[:limit]
        )
        rows = rows[: _fit_together([row[5] for row in rows], beside)]
        if rows:
            ImageResult.objects.filter(id__in=[row[0] for row in rows]).update(
                state=ImageState.RUNNING,
                claimed_by=worker_id,
                claimed_at=Now(),
                claim_no=F("claim_no") + 1,
            )
    return [
        Claim(image_id, job_id, claim_no=claim_no + 1, attempt=attempts + 1, url=url, crashes=crashes)
        for image_id, job_id, claim_no, attempts, url, crashes in rows
    ]


def record(worker_id: int, outcomes: Collection[Outcome]) -> Recorded:
    """Write what became of claimed images, in one transaction.

    A row that is no longer ours is left alone and reported as fenced; so a batch whose COMMIT was lost on the
    way may be recorded again and changes nothing.
    """
    by_fence = {(outcome.claim.image_id, outcome.claim.claim_no): outcome for outcome in outcomes}
    with transaction.atomic():
        rows = _lock_ours(worker_id, [outcome.claim for outcome in outcomes])
        now = database_now()
        evidence = []
        for row in rows:
            outcome = by_fence.pop((row.pk, row.claim_no))
            _apply(row, outcome, now)
            if outcome.error is not None:
                evidence.append(_evidence(row, outcome, outcome.error, worker_id))
        finished_jobs = _settle(rows)
        FailedAttempt.objects.bulk_create(evidence)
        failpoints.hit("record.before_commit", outcomes)
    return Recorded(len(rows), [outcome.claim for outcome in by_fence.values()], finished_jobs)


def release(worker_id: int, claims: Sequence[Claim]) -> int:
    """Hand unfinished claims back; counts as neither an attempt nor a crash. Returns how many were still ours."""
    with transaction.atomic():
        rows = _lock_ours(worker_id, claims)
        ImageResult.objects.filter(id__in=[row.pk for row in rows]).update(state=ImageState.PENDING, claimed_by=None)
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
        rows = list(orphans.order_by("id").select_for_update(no_key=True, skip_locked=True))
        if not rows:
            return Rescued(workers, released=0, crash_loops=0)
        now = database_now()
        crash_loops = 0
        for row in rows:
            row.crashes += 1
            if row.crashes >= settings.MAX_CRASHES:
                _fail(row, CrashLoop(), now)
                crash_loops += 1
            else:
                row.state = ImageState.PENDING
                row.claimed_by = None
        _settle(rows)
    return Rescued(workers, len(rows) - crash_loops, crash_loops)


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


def retry(job_id: int, code: str | None = None) -> Retried:
    """Reopen a job's failed images, all or those failed with `code`: the one door out of a final state.

    Images of stores that are still unknown stay failed. The retried images queue up behind what was submitted
    before now, in their old order. Raises Job.DoesNotExist.
    """
    with transaction.atomic():
        if not Job.objects.filter(pk=job_id).exists():
            raise Job.DoesNotExist
        failed = ImageResult.objects.failed().filter(job_id=job_id)
        if code is not None:
            failed = failed.filter(error_code=code)
        known = Q(Exists(Store.objects.filter(store_id=OuterRef("visit__store_id"))))
        rows = list(
            failed.filter(known | ~Q(error_code=UnknownStore.code))
            .order_by("id")
            .select_for_update(of=("self",), no_key=True)
            .values_list("id", "visit__store_id")
        )
        reopened = ImageResult.objects.filter(id__in=[pk for pk, _ in rows])
        first_rank = reopened.aggregate(first=Min("rank"))["first"]
        reopened.update(
            state=ImageState.PENDING,
            generation=F("generation") + 1,
            rank=Extract(Now(), "epoch") + F("rank") - Value(first_rank),
            attempts=0,
            crashes=0,
            run_after=None,
            held=False,
            claimed_by=None,
            bytes=None,
            error_code="",
            error_message="",
            fetch_ms=None,
            measure_ms=None,
            gpu_ms=None,
            finished_at=None,
        )
        job = Job.objects.select_for_update(no_key=True).get(pk=job_id)
        if job.on_error == OnError.STOP_STORE:
            _hold_all_but_first(rows)
        if rows:
            job.failed -= len(rows)
            job.status = JobStatus.ONGOING
            job.finished_at = None
            job.store_errors = []
            job.save(update_fields=["failed", "status", "finished_at", "store_errors"])
        still_unknown = failed.filter(error_code=UnknownStore.code).count()
    return Retried(len(rows), still_unknown)


def _hold_worker(worker_id: int) -> None:
    # FOR KEY SHARE lets the heartbeat's UPDATE pass and holds off the rescue's DELETE; the ORM cannot say it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM jobs_worker WHERE id = %s FOR KEY SHARE", [worker_id])
        if cursor.fetchone() is None:
            raise WorkerGone(f"Worker {worker_id} was declared dead.")


def _fit_together(crashes: Sequence[int], beside: Collection[Claim]) -> int:
    """How many of the images with these crashes, from the first on, may join what is in hand."""
    most = min((company(claim.crashes, settings.WORKER_THREADS) for claim in beside), default=sys.maxsize)
    for count, crashed in enumerate(crashes):
        most = min(most, company(crashed, settings.WORKER_THREADS))
        if len(beside) + count >= most:
            return count
    return len(crashes)


def _lock_ours(worker_id: int, claims: Iterable[Claim]) -> list[ImageResult]:
    """The claims' rows that are still ours, whole and locked, in id order."""
    fences = {claim.image_id: claim.claim_no for claim in claims}
    rows = (
        ImageResult.objects.claimed_by(worker_id)
        .filter(id__in=list(fences))
        .order_by("id")
        .select_for_update(no_key=True)
    )
    return [row for row in rows if row.claim_no == fences[row.pk]]


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


def _apply(row: ImageResult, outcome: Outcome, now: datetime) -> None:
    """Move a running row by its outcome: completed, failed, or pending again with `run_after`."""
    row.attempts += 1
    evidence = outcome.evidence
    row.bytes = evidence.bytes
    row.fetch_ms = evidence.fetch_ms
    row.measure_ms = evidence.measure_ms
    row.gpu_ms = evidence.gpu_ms
    if outcome.error is not None:
        if outcome.error.may_retry(row.attempts, settings.MAX_ATTEMPTS):
            wait = full_jitter(
                row.attempts,
                settings.BACKOFF_BASE_SECONDS,
                settings.BACKOFF_MAX_SECONDS,
                outcome.error.retry_after,
            )
            row.state = ImageState.PENDING
            row.claimed_by = None
            row.run_after = now + timedelta(seconds=wait)
        else:
            _fail(row, outcome.error, now)
        return
    assert outcome.measurement is not None
    row.state = ImageState.COMPLETED
    row.width = outcome.measurement.width
    row.height = outcome.measurement.height
    row.perimeter = outcome.measurement.perimeter
    row.format = outcome.measurement.format
    row.gpu_result = outcome.gpu_result
    row.finished_at = now


def _fail(row: ImageResult, error: ImageError, now: datetime) -> None:
    row.state = ImageState.FAILED
    row.error_code = error.code
    row.error_message = str(error)[:500]
    row.finished_at = now


def _evidence(row: ImageResult, outcome: Outcome, error: ImageError, worker_id: int) -> FailedAttempt:
    seen = outcome.evidence
    return FailedAttempt(
        image=row,
        claim_no=row.claim_no,
        code=error.code,
        message=str(error)[:500],
        http_status=seen.http_status,
        redirects=seen.redirects,
        bytes=seen.bytes,
        elapsed_ms=seen.fetch_ms + seen.measure_ms + seen.gpu_ms,
        worker_id=worker_id,
    )


def _settle(rows: Sequence[ImageResult]) -> list[int]:
    """Write moved rows, move the counters of their jobs by what was written, finish jobs that are full.

    Returns the ids of the jobs finished. The caller holds the rows' locks.
    """
    if not rows:
        return []
    # The rows exist and are locked, so every insert ends in the conflict's update: one statement for the batch
    # at a tenth of the CPU of `bulk_update`.
    ImageResult.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=_MOVED_FIELDS)
    final = [row for row in rows if row.state in (ImageState.COMPLETED, ImageState.FAILED)]
    completed = Counter(row.job_id for row in final if row.state == ImageState.COMPLETED)
    failed = Counter(row.job_id for row in final if row.state == ImageState.FAILED)
    failed.update(_advance_stores(final))
    finished = []
    for job in Job.objects.filter(id__in={*completed, *failed}).order_by("id").select_for_update(no_key=True):
        job.completed += completed[job.pk]
        job.failed += failed[job.pk]
        changed = ["completed", "failed"]
        if job.finished == job.total:
            job.status = JobStatus.FAILED if job.failed else JobStatus.COMPLETED
            job.store_errors = store_errors(job.pk) if job.failed else []
            job.finished_at = database_now()
            changed += ["status", "store_errors", "finished_at"]
            finished.append(job.pk)
        job.save(update_fields=changed)
    return finished


def _advance_stores(final: Sequence[ImageResult]) -> Counter[int]:
    """Under `stop_store`: let a store's next image go, or skip the rest of them. Returns skips by job."""
    skipped: Counter[int] = Counter()
    stopping = set(
        Job.objects.filter(id__in={row.job_id for row in final}, on_error=OnError.STOP_STORE).values_list(
            "id", flat=True
        )
    )
    for row in final:
        if row.job_id not in stopping:
            continue
        store_visits = Visit.objects.filter(job_id=row.job_id, store_id=row.visit.store_id)
        rest = ImageResult.objects.held().filter(visit__in=store_visits).order_by("id")
        if row.state == ImageState.COMPLETED:
            ImageResult.objects.filter(pk__in=rest.select_for_update(no_key=True)[:1].values("pk")).update(held=False)
        else:
            locked = list(rest.select_for_update(no_key=True).values_list("pk", flat=True))
            ImageResult.objects.filter(pk__in=locked).update(
                state=ImageState.FAILED,
                held=False,
                error_code=Skipped.code,
                error_message=Skipped.sentence,
                finished_at=Now(),
            )
            skipped[row.job_id] += len(locked)
    return skipped


def _hold_all_but_first(rows: Iterable[tuple[int, Any]]) -> None:
    """Hold every image of a store but its first; `rows` are (image id, store id) in id order."""
    seen: set[str] = set()
    later = []
    for image_id, store_id in rows:
        if store_id in seen:
            later.append(image_id)
        seen.add(store_id)
    ImageResult.objects.filter(id__in=later).update(held=True)
