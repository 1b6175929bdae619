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

from jobs.queue import WORKER_LOCK
from retail_pulse.db.timeouts import longer

# Within this time some engine rescues, see `jobs/engine/pace.py`; what a dead worker holds for longer stays there.
RESCUE_SECONDS = 6.0
LOOK_SECONDS = 0.5
# How many images a slice has at most, unless a single job has more; and how many jobs.
SLICE_IMAGES, SLICE_JOBS = 50_000, 10_000
# How many cases of one finding are listed.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """`promise` is a sentence; `broken` is a query for (id, what is wrong) of every row that breaks it.

    It is asked of each slice, in which the tables hold only the rows of its jobs, or once of the whole database.
    """

    code: str
    promise: str
    broken: str
    is_of_jobs: bool = True


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


CHECKS = (
    Check(
        "conservation",
        "A job has as many images as were submitted, and its counters match its images",
        """
        SELECT job.id, format(
            'job %s holds %s of %s images; %s completed, counted %s; %s failed, counted %s; %s canceled, counted %s',
            job.id, coalesce(images.total, 0), job.total,
            coalesce(images.completed, 0), job.completed, coalesce(images.failed, 0), job.failed,
            coalesce(images.canceled, 0), job.canceled)
        FROM jobs_job job LEFT JOIN (
            SELECT job_id, count(*) AS total,
                count(*) FILTER (WHERE state = 'completed') AS completed,
                count(*) FILTER (WHERE state = 'failed') AS failed,
                count(*) FILTER (WHERE error_code = 'canceled') AS canceled
            FROM jobs_imageresult GROUP BY job_id
        ) images ON images.job_id = job.id
        WHERE NOT job.is_deleted
            AND (coalesce(images.total, 0), coalesce(images.completed, 0), coalesce(images.failed, 0),
                coalesce(images.canceled, 0))
            IS DISTINCT FROM (job.total::bigint, job.completed::bigint, job.failed::bigint, job.canceled::bigint)
        """,
    ),
    Check(
        "status",
        "A job is ongoing while an image is, then failed if any image failed, else completed",
        """
        SELECT id, format('job %s is %s with %s completed and %s failed of %s',
            id, status, completed, failed, total)
        FROM jobs_job
        WHERE status <> CASE WHEN completed + failed < total THEN 'ongoing' WHEN failed > 0 THEN 'failed'
                ELSE 'completed' END
            OR (status = 'ongoing') <> (finished_at IS NULL)
            OR (status = 'failed') <> (jsonb_array_length(store_errors) > 0)
        """,
    ),
    Check(
        "outcome",
        "A completed image has the perimeter 2 * (height + width) and no error, a failed one a code and no perimeter",
        """
        SELECT id, format('image %s is %s, %s x %s, perimeter %s, code "%s"',
            id, state, width, height, perimeter, error_code)
        FROM jobs_imageresult
        WHERE (state = 'completed' AND perimeter > 0 AND perimeter = 2 * (height + width)) IS DISTINCT FROM
                (perimeter IS NOT NULL)
            OR (state = 'completed') <> (perimeter IS NOT NULL)
            OR (state = 'failed') <> (error_code <> '')
            OR (state IN ('completed', 'failed')) <> (finished_at IS NOT NULL)
        """,
    ),
    Check(
        "written_once",
        "An image has one outcome: no claim has two, and no more attempts are counted than there were claims",
        """
        SELECT image.id, format(
            'image %s is %s at claim %s, with %s attempts, %s crashes and %s failed attempts kept',
            image.id, image.state, image.claim_no, image.attempts, image.crashes, coalesce(evidence.total, 0))
        FROM jobs_imageresult image LEFT JOIN (
            SELECT image_id, count(*) FILTER (WHERE counted) AS total, max(claim_no) AS last
            FROM jobs_failedattempt GROUP BY image_id
        ) evidence ON evidence.image_id = image.id
        WHERE image.attempts + image.crashes > image.claim_no
            OR evidence.last > image.claim_no
            OR (image.state = 'completed' AND evidence.last = image.claim_no)
            OR (image.generation = 0
                AND image.attempts <> coalesce(evidence.total, 0) + (image.state = 'completed')::int)
        """,
    ),
    Check(
        "running",
        "A running image names its worker and waits for nothing, and a pending one names none",
        """
        SELECT id, format('image %s is %s, claimed by %s, held %s', id, state, claimed_by, held)
        FROM jobs_imageresult
        WHERE (state = 'running' AND (claimed_by IS NULL OR held OR run_after IS NOT NULL))
            OR (state = 'pending' AND claimed_by IS NOT NULL)
        """,
    ),
    Check(
        "waits",
        "Only a pending image waits for a host, which is the host of its URL, and it waits for nothing else",
        # Names beyond ASCII and addresses in brackets are spelled differently in a URL than in a lane's name.
        """
        SELECT id, format('image %s of job %s is %s and waits for "%s", run after %s',
            id, job_id, state, waits_for, coalesce(run_after::text, 'nothing'))
        FROM jobs_imageresult
        WHERE waits_for <> '' AND (state <> 'pending' OR run_after IS NOT NULL
            OR (waits_for <> '*' || job_id AND NOT CASE WHEN host ~ '^[a-z0-9._-]+$'
                THEN waits_for ~ ':[0-9]{1,5}$' AND left(waits_for, -1 - length(split_part(waits_for, ':', -1)))
                    = rtrim(host, '.')
                ELSE waits_for ~ '^[^*].*:[0-9]{1,5}$' END))
        """,
    ),
    Check(
        "held",
        "A held image waits for its job to be resumed, or for another unfinished image of its store",
        """
        SELECT image.id, format('image %s of job %s is held, and nothing will release it', image.id, image.job_id)
        FROM jobs_imageresult image
        JOIN jobs_visit visit ON visit.id = image.visit_id
        JOIN jobs_job job ON job.id = image.job_id
        WHERE image.held AND image.state = 'pending' AND job.paused_at IS NULL AND NOT EXISTS (
            SELECT FROM jobs_imageresult other JOIN jobs_visit sibling ON sibling.id = other.visit_id
            WHERE other.job_id = image.job_id AND sibling.store_id = visit.store_id
                AND other.state IN ('pending', 'running') AND NOT other.held
        )
        """,
    ),
    Check(
        "asked",
        "No image of a paused or canceled job can be claimed",
        """
        SELECT image.id, format('image %s of job %s is %s, although the job was paused at %s and canceled at %s',
            image.id, image.job_id, image.state, job.paused_at, job.canceled_at)
        FROM jobs_imageresult image JOIN jobs_job job ON job.id = image.job_id
        WHERE image.state = 'pending'
            AND (job.canceled_at IS NOT NULL OR (job.paused_at IS NOT NULL AND NOT image.held))
        """,
    ),
    Check(
        "final",
        "The database refuses to change a final image",
        """
        SELECT 0, 'the trigger jobs_imageresult_stays_final is missing or switched off'
        WHERE NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgname = 'jobs_imageresult_stays_final'
                AND tgrelid = 'jobs_imageresult'::regclass AND tgenabled IN ('O', 'A')
        )
        """,
        is_of_jobs=False,
    ),
    Check(
        "deleted",
        "A deleted job is on record with what it had, and its rows are gone once the record says so",
        """
        SELECT coalesce(job.id, deleted.job_id), format(
            'job %s, which is %s, has %s images, %s completed and %s failed; '
            'on record is %s with %s, %s and %s, gone at %s',
            coalesce(job.id, deleted.job_id),
            CASE job.is_deleted WHEN true THEN 'deleted' WHEN false THEN 'not deleted' ELSE 'not there' END,
            job.total, job.completed, job.failed, coalesce('a deletion at ' || deleted.deleted_at, 'no deletion'),
            deleted.total, deleted.completed, deleted.failed, coalesce(deleted.gone_at::text, 'no time'))
        FROM jobs_job job FULL JOIN jobs_deletedjob deleted ON deleted.job_id = job.id
        WHERE (job.is_deleted OR deleted.job_id IS NOT NULL) AND CASE
            WHEN job.id IS NULL THEN deleted.gone_at IS NULL OR deleted.completed + deleted.failed <> deleted.total
            ELSE NOT job.is_deleted OR deleted.job_id IS NULL OR deleted.gone_at IS NOT NULL
                OR (job.total, job.completed, job.failed) <> (deleted.total, deleted.completed, deleted.failed)
        END
        """,
        is_of_jobs=False,
    ),
    Check(
        "totals",
        "Every image of a deleted job is counted in the totals, or still there, and never both",
        """
        SELECT 0, format(
            'deleted jobs had %s completed and %s failed images; %s and %s are counted, %s and %s are still there',
            had.completed, had.failed, counted.completed, counted.failed, left_over.completed, left_over.failed)
        FROM (
            SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed FROM jobs_deletedjob
        ) had, (
            SELECT coalesce(sum(images) FILTER (WHERE code = ''), 0) AS completed,
                coalesce(sum(images) FILTER (WHERE code <> ''), 0) AS failed
            FROM jobs_daytotal
        ) counted, (
            SELECT count(*) FILTER (WHERE image.state = 'completed') AS completed,
                count(*) FILTER (WHERE image.state = 'failed') AS failed
            FROM jobs_job job JOIN jobs_imageresult image ON image.job_id = job.id WHERE job.is_deleted
        ) left_over
        WHERE (had.completed, had.failed) IS DISTINCT FROM
            (counted.completed + left_over.completed, counted.failed + left_over.failed)
        """,
        is_of_jobs=False,
    ),
    Check(
        "durable",
        "What was committed survives a power failure",
        """
        SELECT 0, format('%s is off', name) FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
        """,
        is_of_jobs=False,
    ),
)

# The last job of the slice behind a job.
_LAST_OF_SLICE = """
    SELECT max(id) FROM (
        SELECT id, total, sum(total) OVER (ORDER BY id) AS so_far
        FROM (SELECT id, total FROM jobs_job WHERE id > %s AND id <= %s ORDER BY id LIMIT %s) page
    ) counted
    WHERE so_far <= %s OR so_far = total
"""
# Behind it, the names of the tables mean the rows of a slice.
_SLICE = """
    WITH jobs_job AS NOT MATERIALIZED (SELECT * FROM jobs_job WHERE id BETWEEN {first} AND {last}),
    jobs_imageresult AS NOT MATERIALIZED (SELECT * FROM jobs_imageresult WHERE job_id BETWEEN {first} AND {last}),
    jobs_failedattempt AS NOT MATERIALIZED (
        SELECT * FROM jobs_failedattempt WHERE image_id IN (SELECT id FROM jobs_imageresult)
    )
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
    counts: Counter[str] = Counter()
    cases: dict[str, list[tuple[int, str]]] = defaultdict(list)
    jobs = images = 0
    for first, last in _slices():
        with _snapshot() as cursor:
            tables = _SLICE.format(first=first, last=last)
            cursor.execute(tables + _COUNT)
            found_jobs, found_images = cursor.fetchone()
            jobs, images = jobs + found_jobs, images + found_images
            for check in CHECKS:
                if check.is_of_jobs:
                    count, shown = _run_check(cursor, check, tables)
                    counts[check.code] += count
                    cases[check.code] += shown
    with _snapshot() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_deletedjob")
        deleted = cursor.fetchone()[0]
        for check in CHECKS:
            if not check.is_of_jobs:
                counts[check.code], cases[check.code] = _run_check(cursor, check)
    findings = [Finding(check, counts[check.code], cases[check.code][:SHOWN]) for check in CHECKS]
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
    cursor.execute(_DEAD_CLAIMS, [settings.LEASE_SECONDS, settings.LEASE_ONLY, WORKER_LOCK])
    return {(image_id, claim_no): what for image_id, claim_no, what in cursor.fetchall()}
