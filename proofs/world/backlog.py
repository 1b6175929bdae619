"""Very many pending images, the same rows that a submission writes, but by one statement."""

from proofs.world.cluster import Cluster
from proofs.world.processes import STORES

_FILL = """
    WITH job AS (
        INSERT INTO jobs_job (status, on_error, priority, total, completed, failed, canceled, store_errors)
        VALUES ('ongoing', 'continue', 0, %(number)s, 0, 0, 0, '[]') RETURNING id
    ), visit AS (
        INSERT INTO jobs_visit (job_id, store_id, visit_time)
        SELECT id, %(store)s, 'today' FROM job RETURNING id, job_id
    )
    INSERT INTO jobs_imageresult (
        job_id, visit_id, url, state, rank, run_after, waits_for, held, claim_no, attempts, crashes, generation,
        format, error_code, error_message
    )
    SELECT job_id, id, %(url)s || number || '.jpg', 'pending',
        coalesce(%(rank)s::float8, extract(epoch FROM now())) + number,
        CASE WHEN %(waiting)s THEN now() + interval '1 day' END, %(waits_for)s, false, 0, 0, 0, 0, '', '', ''
    FROM visit, generate_series(1, %(number)s) AS number
"""


def fill(
    cluster: Cluster,
    database: str,
    url: str,
    number: int,
    *,
    rank: float | None = None,
    waits_for: str = "",
    waiting: bool = False,
) -> None:
    """One job of `number` images, each at `url` followed by its number.

    The first image's rank is one above `rank`, by default above now. They are ready, or wait for a host, or, with
    `waiting`, for their next attempt.
    """
    values = {"number": number, "store": STORES[0], "url": url, "rank": rank, "waits_for": waits_for}
    cluster.query(_FILL, {**values, "waiting": waiting}, database)
