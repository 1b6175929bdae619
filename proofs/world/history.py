"""Very many images that ended long ago, in many jobs, by a few statements."""

from typing import Any

import psycopg

IMAGES_OF_VISIT = 5
# How many images one statement writes.
IMAGES_AT_A_TIME = 1_000_000

_JOBS = """
    INSERT INTO jobs_job (
        status, on_error, priority, total, completed, failed, canceled, store_errors,
        created_at, started_at, finished_at
    )
    SELECT 'completed', 'continue', 0, %(images)s, %(images)s, 0, 0, '[]', ended, ended, ended
    FROM (SELECT now() - make_interval(days => %(days)s, hours => n) AS ended FROM generate_series(1, %(jobs)s) n) job
    RETURNING id
"""
_VISITS = """
    INSERT INTO jobs_visit (job_id, store_id, visit_time, visited_at)
    SELECT id, 'K-' || n, '2026-01-31', finished_at FROM jobs_job, generate_series(1, %(visits)s) AS n
    WHERE id = ANY (%(ids)s) ORDER BY id, n
"""
# Every twentieth at its second attempt.
_IMAGES = """
    INSERT INTO jobs_imageresult (
        job_id, visit_id, url, state, rank, held, claim_no, attempts, crashes, generation, format, width, height,
        perimeter, bytes, fetch_ms, measure_ms, gpu_ms, finished_at, error_code, error_message
    )
    SELECT job_id, visit.id, 'https://photos' || visit.id / 7 %% 40 || '.example/' || visit.id || '/' || n || '.jpg',
        'completed', extract(epoch FROM visited_at) + n, false, attempts, attempts, 0, 0, 'JPEG', 640, 480, 2240,
        400000, 20, 3, 250, visited_at, '', ''
    FROM jobs_visit visit CROSS JOIN LATERAL (
        SELECT n, CASE WHEN (visit.id * %(each)s + n) %% 20 = 0 THEN 2 ELSE 1 END AS attempts
        FROM generate_series(1, %(each)s) AS n
    ) image
    WHERE job_id = ANY (%(ids)s) ORDER BY visit.id, n
"""
_ATTEMPTS = """
    INSERT INTO jobs_failedattempt (
        image_id, claim_no, code, message, redirects, address_class, content_type, bytes, elapsed_ms,
        worker_id, failed_at
    )
    SELECT id, 1, 'http_503', 'The server answered 503 instead of 200.', '[]', '', '', 0, 20, 1, finished_at
    FROM jobs_imageresult WHERE job_id = ANY (%(ids)s) AND attempts = 2
"""


def fill(connection: psycopg.Connection[Any], images: int, *, of_job: int = 1_000, days_ago: int = 100) -> None:
    """Jobs of `of_job` completed images each, which ended `days_ago` and in the days before; nobody's.

    The connection is the superuser's, outside transactions.
    """
    left = max(1, images // of_job)
    # What is written here refers to what is there; looking that up would be most of the work.
    connection.execute("SET session_replication_role = replica")
    while left > 0:
        jobs = min(left, IMAGES_AT_A_TIME // of_job)
        made = connection.execute(_JOBS, {"images": of_job, "days": days_ago, "jobs": jobs})
        ids = [job for (job,) in made]
        for statement in (_VISITS, _IMAGES, _ATTEMPTS):
            connection.execute(statement, {"ids": ids, "visits": of_job // IMAGES_OF_VISIT, "each": IMAGES_OF_VISIT})
        left -= jobs
    connection.execute("RESET session_replication_role")
