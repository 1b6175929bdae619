"""How much work there is, counted in the queue's small partial indexes."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

# Each is counted up to this number; beyond it, pages say "more than". Each is read in the order of its index, so that
# nothing else is cheaper, whatever the statistics say; the oldest, as `image_oldest_ready` is for.
MOST_COUNTED = 100_000

_BACKLOG = """
    SELECT
        (SELECT count(*) FROM (SELECT FROM jobs_imageresult
            WHERE state = 'pending' AND run_after IS NULL AND NOT held AND waits_for = ''
            ORDER BY rank, id LIMIT %(most)s) ready),
        (SELECT count(*) FROM (SELECT FROM jobs_imageresult
            WHERE state = 'pending' AND run_after IS NOT NULL ORDER BY run_after LIMIT %(most)s) waiting),
        (SELECT count(*) FROM (SELECT FROM jobs_imageresult
            WHERE state = 'pending' AND NOT held AND waits_for <> ''
            ORDER BY waits_for, rank, id LIMIT %(most)s) deferred),
        (SELECT count(*) FROM (SELECT FROM jobs_imageresult
            WHERE state = 'running' ORDER BY claimed_by, id LIMIT %(most)s) running),
        (SELECT extract(epoch FROM clock_timestamp() - min(ready_since))::float8 FROM jobs_imageresult
            WHERE state = 'pending' AND run_after IS NULL AND NOT held AND waits_for = '' AND ready_since > 'epoch'),
        clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """`ready`, `waiting` (for another attempt), `deferred` (until their host can take more) and `running` count images,
    up to MOST_COUNTED each.

    `oldest_seconds` is how long the image has been ready that has been so for the longest, whatever its rank; None
    where nothing is ready. `now` is the database's clock.
    """

    ready: int
    waiting: int
    deferred: int
    running: int
    oldest_seconds: float | None
    now: datetime


def backlog() -> Backlog:
    """One query."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, {"most": MOST_COUNTED})
        return Backlog(*cursor.fetchone())
