"""Counting and deleting the rows of marked jobs, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper

from jobs import failpoints
from jobs.deletion.belongings import of_images, of_jobs, of_visits, with_belongings
from retail_pulse.db import advisory_locks
from retail_pulse.db.timeouts import longer

# Between a mark and its first slice. A request that has found the job has read its rows by then: what takes longer, an
# export for example, is one statement, and goes on in its snapshot.
GRACE_SECONDS = 2.0
# Images of one slice, and visits: about a fifth of a second of one processor, and some megabytes of log.
MOST_ROWS = 5_000
# How many small jobs one slice may hold.
MOST_JOBS = 1_000

# Each record is looked up by its key: to merge the two would be to read the records of all jobs that were ever deleted.
_DUE = """
    SELECT job.id, job.total, deleted.last_image
    FROM jobs_job job CROSS JOIN LATERAL (
        SELECT last_image FROM jobs_deletedjob
        WHERE job_id = job.id AND deleted_at <= clock_timestamp() - make_interval(secs => %(grace)s) OFFSET 0
    ) deleted
    WHERE job.is_deleted ORDER BY job.id LIMIT %(jobs)s
"""
# What belongs to an image goes before it does, see `belongings.py`; the files of kept photos go later, see `photos.py`.
#
# Each job's images are read from the index of (job, id), whatever the planner expects. The totals and the unwanted
# photos are written in the order of their keys, so that two statements that write them would wait for one another in no
# circle.
_COUNT_AND_DELETE_IMAGES = """
    WITH slice AS MATERIALIZED (
        SELECT image.id FROM unnest(%(jobs)s::bigint[], %(after)s::bigint[]) AS job (id, after) CROSS JOIN LATERAL (
            SELECT id FROM jobs_imageresult WHERE (job_id, id) > (job.id, job.after) AND job_id <= job.id
            ORDER BY job_id, id LIMIT %(most)s
        ) image
    ), photos AS (
        DELETE FROM jobs_keptphoto WHERE image_id = ANY (ARRAY(SELECT id FROM slice)) RETURNING sha256
    ), unwanted AS (
        INSERT INTO jobs_unwantedphoto (sha256) SELECT DISTINCT sha256 FROM photos ORDER BY sha256
        ON CONFLICT (sha256) DO NOTHING
    ), {belongings} deleted AS (
        DELETE FROM jobs_imageresult WHERE id = ANY (ARRAY(SELECT id FROM slice))
        RETURNING id, job_id, visit_id, host, error_code, finished_at, attempts, bytes, fetch_ms, measure_ms, gpu_ms
    ), counted AS (
        INSERT INTO jobs_daytotal AS total (
            day, owner, area, store, host, code, images, attempts, bytes, fetch_ms, measure_ms, gpu_ms
        )
        SELECT (image.finished_at AT TIME ZONE 'UTC')::date, job.owner_id,
            coalesce((SELECT area_code FROM stores_store WHERE store_id = visit.store_id), ''), visit.store_id,
            image.host, image.error_code, count(*), sum(image.attempts), coalesce(sum(image.bytes), 0),
            coalesce(sum(image.fetch_ms), 0), coalesce(sum(image.measure_ms), 0), coalesce(sum(image.gpu_ms), 0)
        FROM deleted image
        CROSS JOIN LATERAL (SELECT store_id FROM jobs_visit WHERE id = image.visit_id OFFSET 0) visit
        CROSS JOIN LATERAL (SELECT owner_id FROM jobs_job WHERE id = image.job_id OFFSET 0) job
        GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (day, owner, area, store, host, code) DO UPDATE SET
            images = total.images + excluded.images, attempts = total.attempts + excluded.attempts,
            bytes = total.bytes + excluded.bytes, fetch_ms = total.fetch_ms + excluded.fetch_ms,
            measure_ms = total.measure_ms + excluded.measure_ms, gpu_ms = total.gpu_ms + excluded.gpu_ms
    )
    SELECT count(*), max(id) FROM deleted
"""
_DELETE_VISITS = """
    WITH slice AS MATERIALIZED (
        SELECT visit.id FROM unnest(%(jobs)s::bigint[]) AS job (id) CROSS JOIN LATERAL (
            SELECT id FROM jobs_visit WHERE job_id = job.id LIMIT %(most)s
        ) visit
    ), {belongings} deleted AS (
        DELETE FROM jobs_visit WHERE id = ANY (ARRAY(SELECT id FROM slice)) RETURNING 1
    )
    SELECT count(*) FROM deleted
"""
_GO_ON_BEHIND = "UPDATE jobs_deletedjob SET last_image = %(image)s WHERE job_id = %(job)s"
_DELETE_JOBS = (
    "DELETE FROM jobs_jobaction WHERE job_id = ANY (%(jobs)s)",
    "DELETE FROM jobs_idempotencykey WHERE job_id = ANY (%(jobs)s)",
    "DELETE FROM jobs_job WHERE id = ANY (%(jobs)s)",
    "UPDATE jobs_deletedjob SET gone_at = clock_timestamp() WHERE job_id = ANY (%(jobs)s)",
)


@dataclass(frozen=True, slots=True)
class Slice:
    """How many images one slice deleted, and how many jobs of which it deleted the last row."""

    images: int
    jobs: int


def is_anything_due() -> bool:
    """Whether there is a job that was marked GRACE_SECONDS ago."""
    with connection.cursor() as cursor:
        return bool(_due(cursor, 1))


def delete_slice(*, wait: bool) -> Slice | None:
    """Count and delete at most MOST_ROWS images, and as many visits, of marked jobs, the oldest job first.

    None where there is nothing due, or, unless told to `wait`, where another process is deleting at this moment.
    """
    with longer("prune"), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_{'' if wait else 'try_'}advisory_xact_lock(%s)", [advisory_locks.DELETION])
        if cursor.fetchone() == (False,):
            return None
        chosen = list(_fit_together(_due(cursor, MOST_JOBS)))
        if not chosen:
            return None
        jobs = [job.id for job in chosen]
        cursor.execute(
            with_belongings(_COUNT_AND_DELETE_IMAGES, "image_id", of_images),
            {"jobs": jobs, "after": [job.last_image for job in chosen], "most": MOST_ROWS},
        )
        images, last_image = cursor.fetchone()
        failpoints.hit("prune.images", jobs)
        is_last = images < MOST_ROWS and _delete_visits(cursor, jobs) < MOST_ROWS and _delete_belongings(jobs)
        if is_last:
            for statement in _DELETE_JOBS:
                cursor.execute(statement, {"jobs": jobs})
        elif images:
            # One job alone: several have fewer images and visits than one slice takes.
            cursor.execute(_GO_ON_BEHIND, {"job": jobs[0], "image": last_image})
    failpoints.hit("prune.after_commit", jobs)
    return Slice(images, len(jobs) if is_last else 0)


class _Due(NamedTuple):
    """A marked job: how many images it had, and up to which id they are gone."""

    id: int
    total: int
    last_image: int


def _due(cursor: CursorWrapper, most: int) -> list[_Due]:
    cursor.execute(_DUE, {"grace": GRACE_SECONDS, "jobs": most})
    return [_Due(*row) for row in cursor.fetchall()]


def _fit_together(due: Iterable[_Due]) -> Iterable[_Due]:
    """The first job, and as many of the next as have less than MOST_ROWS images together with it."""
    images = 0
    for number, job in enumerate(due):
        images += job.total
        if number and images >= MOST_ROWS:
            return
        yield job


def _delete_visits(cursor: CursorWrapper, jobs: list[int]) -> int:
    statement = with_belongings(_DELETE_VISITS, "visit_id", of_visits)
    cursor.execute(statement, {"jobs": jobs, "most": MOST_ROWS})
    (number,) = cursor.fetchone()
    return int(number)


def _delete_belongings(jobs: list[int]) -> bool:
    """Delete MOST_ROWS of each kind that belongs to the jobs; says whether none is left."""
    return all(delete(jobs, MOST_ROWS) < MOST_ROWS for delete in of_jobs)
