"""Checks every row of the database against the guarantees of `jobs/engine/base.py`.

An audit may run while engines work. It reads some jobs at a time, each slice in a snapshot of its own, which cannot
change anything: no promise spans two jobs, and one snapshot of everything would hold up vacuum, and so every claim.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from jobs.reporting.audit_checks import CHECKS, Check, further_checks
from retail_pulse.db import advisory_locks
from retail_pulse.db.timeouts import longer

# Within this time some engine rescues, see `jobs/engine/pace.py`; what a dead worker holds for longer stays there.
RESCUE_SECONDS = 6.0
LOOK_SECONDS = 0.5
# How many images a slice has at most, unless a single job has more; and how many jobs.
SLICE_IMAGES, SLICE_JOBS = 50_000, 10_000
# How many cases of one finding are listed.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows break a promise, and the first SHOWN of them as (id, what is wrong)."""

    check: Check
    count: int
    cases: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Audit:
    """How many jobs and images there are, and how many jobs were deleted."""

    jobs: int
    images: int
    deleted: int
    findings: list[Finding]

    @property
    def is_clean(self) -> bool:
        return not any(finding.count for finding in self.findings)


# The last job of the slice behind a job.
_LAST_OF_SLICE = """
    SELECT max(id) FROM (
        SELECT id, total, sum(total) OVER (ORDER BY id) AS so_far
        FROM (SELECT id, total FROM jobs_job WHERE id > %s AND id <= %s ORDER BY id LIMIT %s) page
    ) counted
    WHERE so_far <= %s OR so_far = total
"""
# Behind it, the names of these tables mean the rows of a slice. Others are looked up by the key of such a row: to look
# into a slice by a key is to leave it to the planner whether it reads the whole slice for each.
_SLICE = """
    WITH jobs_job AS NOT MATERIALIZED (SELECT * FROM jobs_job WHERE id BETWEEN {first} AND {last}),
    jobs_imageresult AS NOT MATERIALIZED (SELECT * FROM jobs_imageresult WHERE job_id BETWEEN {first} AND {last}),
    jobs_finishedbatch AS NOT MATERIALIZED (SELECT * FROM jobs_finishedbatch WHERE job_id BETWEEN {first} AND {last})
"""

_COUNT = "SELECT (SELECT count(*) FROM jobs_job WHERE NOT is_deleted), (SELECT count(*) FROM jobs_imageresult)"

# Only with LEASE_ONLY does the lock say nothing; `holder` is the heartbeat of a living worker.
_DEAD_CLAIMS = """
    SELECT image.id, image.claim_no,
        'image ' || image.id || ' is held by worker ' || image.claimed_by || ', which is dead'
    FROM jobs_imageresult image LEFT JOIN jobs_worker worker ON worker.id = image.claimed_by
    WHERE image.state = 'running' AND (
        worker.id IS NULL
        OR worker.beat_at < clock_timestamp() - make_interval(secs => %s)
        OR NOT (%s OR EXISTS (
            SELECT FROM pg_locks holder
            WHERE holder.locktype = 'advisory' AND holder.granted AND holder.objsubid = 2
                AND holder.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND holder.classid = %s AND holder.objid = worker.id
        ))
    )
    ORDER BY image.id
"""
DEAD_CLAIMS = Check("dead_claims", "No dead worker holds an image for longer than a rescue takes", _DEAD_CLAIMS)


def audit() -> Audit:
    """Run all checks on the jobs that there are now. Takes some seconds for a million images, and up to RESCUE_SECONDS
    more if a rescue is due."""
    checks = [*CHECKS, *further_checks]
    counts: Counter[str] = Counter()
    cases: dict[str, list[tuple[int, str]]] = defaultdict(list)
    jobs = images = 0
    for first, last in _slices():
        with _snapshot() as cursor:
            tables = _SLICE.format(first=first, last=last)
            cursor.execute(tables + _COUNT)
            found_jobs, found_images = cursor.fetchone()
            jobs, images = jobs + found_jobs, images + found_images
            for check in checks:
                if check.is_of_jobs:
                    count, shown = _run_check(cursor, check, tables)
                    counts[check.code] += count
                    cases[check.code] += shown
    with _snapshot() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_deletedjob")
        deleted = cursor.fetchone()[0]
        for check in checks:
            if not check.is_of_jobs:
                counts[check.code], cases[check.code] = _run_check(cursor, check)
    findings = [Finding(check, counts[check.code], cases[check.code][:SHOWN]) for check in checks]
    return Audit(jobs, images, deleted, [*findings, _find_dead_claims()])


def _slices() -> Iterator[tuple[int, int]]:
    """The first and the last id of each slice of the jobs that there are at the beginning."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM jobs_job")
        newest, last = cursor.fetchone()[0], 0
        while True:
            cursor.execute(_LAST_OF_SLICE, [last, newest, SLICE_JOBS, SLICE_IMAGES])
            first, last = last + 1, cursor.fetchone()[0]
            if last is None:
                return
            yield first, last


def _find_dead_claims() -> Finding:
    """Those that are still there after the time that a rescue takes."""
    deadline = time.monotonic() + RESCUE_SECONDS
    with _snapshot() as cursor:
        dead = _dead_claims(cursor)
    while dead and time.monotonic() < deadline:
        time.sleep(min(LOOK_SECONDS, RESCUE_SECONDS))
        with _snapshot() as cursor:
            dead = {claim: what for claim, what in _dead_claims(cursor).items() if claim in dead}
    cases = [(image_id, what) for (image_id, _), what in dead.items()]
    return Finding(DEAD_CLAIMS, len(cases), cases[:SHOWN])


@contextmanager
def _snapshot() -> Iterator[CursorWrapper]:
    """One snapshot of the database, read only."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with longer("audit"):
            yield cursor


def _run_check(cursor: CursorWrapper, check: Check, tables: str = "") -> tuple[int, list[tuple[int, str]]]:
    """How many rows break the promise, and the first SHOWN of them."""
    # Without parameters, so that the % signs in the checks are not interpreted.
    cursor.execute(
        f"{tables} SELECT count(*) OVER (), * FROM ({check.broken}) broken (id, what) ORDER BY id LIMIT {SHOWN}"  # noqa: S608 - constants
    )
    rows = cursor.fetchall()
    return rows[0][0] if rows else 0, [(row_id, what) for _, row_id, what in rows]


def _dead_claims(cursor: CursorWrapper) -> dict[tuple[int, int], str]:
    """What dead workers hold: (image, claim number) and a sentence."""
    cursor.execute(_DEAD_CLAIMS, [settings.LEASE_SECONDS, settings.LEASE_ONLY, advisory_locks.WORKER])
    return {(image_id, claim_no): what for image_id, claim_no, what in cursor.fetchall()}
