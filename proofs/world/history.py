"""Very many images that ended long ago, in many jobs, by a few statements."""

from collections.abc import Callable
from typing import Any

# Of one job.
VISITS, IMAGES_OF_VISIT = 200, 5
IMAGES_OF_JOB = VISITS * IMAGES_OF_VISIT
# How many jobs one statement writes: a million images.
JOBS_AT_A_TIME = 1_000

type Run = Callable[[str, dict[str, Any]], Any]

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


def fill(run: Run, images: int, *, days_ago: int = 100) -> None:
    """Jobs of IMAGES_OF_JOB completed images each, which ended `days_ago` and in the days before; nobody's."""
    left = max(1, images // IMAGES_OF_JOB)
    # What is written here refers to what is there; looking that up would be most of the work.
    run("SET session_replication_role = replica", {})
    while left > 0:
        jobs = min(left, JOBS_AT_A_TIME)
        ids = [job for (job,) in run(_JOBS, {"images": IMAGES_OF_JOB, "days": days_ago, "jobs": jobs})]
        for statement in (_VISITS, _IMAGES, _ATTEMPTS):
            run(statement, {"ids": ids, "visits": VISITS, "each": IMAGES_OF_VISIT})
        left -= jobs
    run("RESET session_replication_role", {})
