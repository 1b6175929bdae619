"""Every move of an image row, and nothing else.

Whoever wants to know whether the fence holds reads this file: a claim raises `claim_no`, and only the holder of
(running, worker, claim number) changes the row afterwards. All times are the database's clock.

Locks are taken in one order everywhere: worker row, images by id, jobs by id.
"""

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, Exists, F, Func, IntegerField, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Extract, Now

from jobs import failpoints
from jobs.errors import CrashLoop, Skipped, UnknownStore
from jobs.imaging.outcome import Claim, Outcome
from jobs.isolation import company
from jobs.models import FailedAttempt, ImageResult, Job, Visit, Worker
from jobs.models.store_errors import store_errors
from jobs.states import ImageState, JobStatus, OnError
from jobs.verdict import failed_attempt, verdict
from stores.models import Store

# The first half of the advisory lock that a living worker's keeper holds; the second half is the worker's id.
WORKER_LOCK = 0x5250

# Plain SQL for what every image passes through: the ORM would take ten times the processor time for it.
# The first in rank, locked; what others are claiming at this moment is passed over.
_READY = """
    SELECT id, job_id, claim_no, attempts, url, crashes FROM jobs_imageresult
    WHERE state = 'pending' AND run_after IS NULL AND NOT held
    ORDER BY rank, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
_CLAIM = """
    UPDATE jobs_imageresult
    SET state = 'running', claimed_by = %s, claimed_at = statement_timestamp(), claim_no = claim_no + 1
    WHERE id = ANY(%s)
"""
# Rows that their worker still holds by the same claim. In id order: all who lock several images do so.
_LOCK_OURS = """
    SELECT image.id, image.job_id, image.claim_no, image.crashes, job.on_error
    FROM jobs_imageresult image JOIN jobs_job job ON job.id = image.job_id
    WHERE image.id = ANY(%s) AND image.state = 'running' AND image.claimed_by = %s
    ORDER BY image.id FOR NO KEY UPDATE OF image
"""
# What locked images become by their verdicts, see `verdict.py`.
_RECORD = """
    UPDATE jobs_imageresult image SET
        state = new.state, attempts = new.attempts, bytes = new.bytes,
        width = new.width, height = new.height, perimeter = new.perimeter, format = new.format,
        gpu_result = new.gpu_result, error_code = new.error_code, error_message = new.error_message,
        fetch_ms = new.fetch_ms, measure_ms = new.measure_ms, gpu_ms = new.gpu_ms,
        claimed_by = CASE WHEN new.state = 'pending' THEN NULL ELSE image.claimed_by END,
        run_after = CASE WHEN new.state = 'pending' THEN clock_timestamp() + make_interval(secs => new.wait) END,
        finished_at = CASE WHEN new.state <> 'pending' THEN clock_timestamp() END
    FROM json_to_recordset(%s) AS new (
        id bigint, state text, attempts int, bytes bigint,
        width bigint, height bigint, perimeter bigint, format text,
        gpu_result jsonb, error_code text, error_message text,
        fetch_ms int, measure_ms int, gpu_ms int, wait float8
    )
    WHERE image.id = new.id
"""
# Jobs are locked in id order, then counted on; one whose images are all final gets its final status.
_COUNT = """
    WITH moved AS MATERIALIZED (
        SELECT job.id, job.completed + new.completed AS completed, job.failed + new.failed AS failed
        FROM jobs_job job JOIN json_to_recordset(%s) AS new (id bigint, completed int, failed int) ON new.id = job.id
        ORDER BY job.id FOR NO KEY UPDATE OF job
    )
    UPDATE jobs_job job SET
        completed = moved.completed,
        failed = moved.failed,
        status = CASE WHEN moved.completed + moved.failed < total THEN 'ongoing'
                      WHEN moved.failed > 0 THEN 'failed' ELSE 'completed' END,
        finished_at = CASE WHEN moved.completed + moved.failed = total THEN clock_timestamp() END
    FROM moved WHERE job.id = moved.id
    RETURNING job.id, job.status
"""


class _Row(NamedTuple):
    """A locked row of a running image, as far as its move needs it."""

    id: int
    job_id: int
    claim_no: int
    crashes: int
    on_error: str


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
        rows = _execute(_READY, [limit])
        rows = rows[: _fit_together([row[5] for row in rows], beside)]
        if rows:
            _execute(_CLAIM, [worker_id, [row[0] for row in rows]])
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
        ours = [by_fence.pop((row.id, row.claim_no)) for row in rows]
        verdicts = [verdict(outcome) for outcome in ours]
        if verdicts:
            _execute(_RECORD, [json.dumps(verdicts)])
        finished_jobs = _settle(rows, [each["state"] for each in verdicts])
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
            _Row(*row)
            for row in orphans.order_by("id")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .values_list("id", "job_id", "claim_no", "crashes", "job__on_error")
        ]
        crash_loops = [row for row in rows if row.crashes + 1 >= settings.MAX_CRASHES]
        crashed = ImageResult.objects.filter(id__in=[row.id for row in rows])
        looping = {row.id for row in crash_loops}
        crashed.exclude(id__in=looping).update(state=ImageState.PENDING, claimed_by=None, crashes=F("crashes") + 1)
        crashed.filter(id__in=looping).update(
            state=ImageState.FAILED,
            crashes=F("crashes") + 1,
            error_code=CrashLoop.code,
            error_message=CrashLoop.sentence,
            finished_at=Now(),
        )
        _settle(crash_loops, [ImageState.FAILED] * len(crash_loops))
    return Rescued(workers, len(rows) - len(crash_loops), len(crash_loops))


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
    if not _execute("SELECT 1 FROM jobs_worker WHERE id = %s FOR KEY SHARE", [worker_id]):
        raise WorkerGone(f"Worker {worker_id} was declared dead.")


def _fit_together(crashes: Sequence[int], beside: Collection[Claim]) -> int:
    """How many of the images with these crashes, from the first on, may join what is in hand."""
    most = min((company(claim.crashes, settings.WORKER_THREADS) for claim in beside), default=sys.maxsize)
    for count, crashed in enumerate(crashes):
        most = min(most, company(crashed, settings.WORKER_THREADS))
        if len(beside) + count >= most:
            return count
    return len(crashes)


def _lock_ours(worker_id: int, claims: Iterable[Claim]) -> list[_Row]:
    """The claims' rows that are still ours, locked, in id order."""
    fences = {claim.image_id: claim.claim_no for claim in claims}
    rows = [_Row(*row) for row in _execute(_LOCK_OURS, [list(fences), worker_id])]
    return [row for row in rows if row.claim_no == fences[row.id]]


def _execute(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


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


def _settle(rows: Sequence[_Row], states: Sequence[ImageState]) -> list[int]:
    """Move the counters of the jobs by what became of these rows, and finish jobs whose images are all final.

    Returns the ids of the jobs finished. The caller holds the rows' locks and has written the states.
    """
    completed = [row for row, state in zip(rows, states, strict=True) if state == ImageState.COMPLETED]
    failed = [row for row, state in zip(rows, states, strict=True) if state == ImageState.FAILED]
    if not completed and not failed:
        return []
    completed_of = Counter(row.job_id for row in completed)
    failed_of = Counter(row.job_id for row in failed)
    failed_of.update(_advance_stores(completed, failed))
    counts = [
        {"id": job_id, "completed": completed_of[job_id], "failed": failed_of[job_id]}
        for job_id in {*completed_of, *failed_of}
    ]
    finished = [
        (job_id, status) for job_id, status in _execute(_COUNT, [json.dumps(counts)]) if status != JobStatus.ONGOING
    ]
    for job_id, status in finished:
        if status == JobStatus.FAILED:
            Job.objects.filter(pk=job_id).update(store_errors=store_errors(job_id))
    return [job_id for job_id, _ in finished]


def _advance_stores(completed: Iterable[_Row], failed: Iterable[_Row]) -> Counter[int]:
    """Under `stop_store`: let a store's next image go, or skip the rest of them. Returns skips by job."""
    skipped: Counter[int] = Counter()
    for row in completed:
        if row.on_error == OnError.STOP_STORE:
            following = _rest_of_store(row).select_for_update(no_key=True)[:1]
            ImageResult.objects.filter(pk__in=following.values("pk")).update(held=False)
    for row in failed:
        if row.on_error == OnError.STOP_STORE:
            rest = list(_rest_of_store(row).select_for_update(no_key=True).values_list("pk", flat=True))
            ImageResult.objects.filter(pk__in=rest).update(
                state=ImageState.FAILED,
                held=False,
                error_code=Skipped.code,
                error_message=Skipped.sentence,
                finished_at=Now(),
            )
            skipped[row.job_id] += len(rest)
    return skipped


def _rest_of_store(row: _Row) -> QuerySet[ImageResult]:
    """The store's images in the job that are still held, in their order."""
    store = Visit.objects.filter(images=row.id).values("store_id")[:1]
    visits = Visit.objects.filter(job_id=row.job_id, store_id=Subquery(store))
    return ImageResult.objects.held().filter(visit__in=visits).order_by("id")


def _hold_all_but_first(rows: Iterable[tuple[int, Any]]) -> None:
    """Hold every image of a store but its first; `rows` are (image id, store id) in id order."""
    seen: set[str] = set()
    later = []
    for image_id, store_id in rows:
        if store_id in seen:
            later.append(image_id)
        seen.add(store_id)
    ImageResult.objects.filter(id__in=later).update(held=True)
