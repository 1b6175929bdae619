"""The front of the common line: the image that is claimed next and how far its job is, each by one step in an index."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection

# The conditions are those of the partial index image_ready, word for word. The clock is read along with it: a
# submission asks no question more.
_FRONT = """
    SELECT clock_timestamp(), front.rank, coalesce(job.priority, 0) + coalesce(front.category_priority, 0),
           coalesce(job.completed + job.failed, 0)
    FROM (SELECT 1) one
    LEFT JOIN LATERAL (
        SELECT rank, category_priority, job_id FROM jobs_imageresult
        WHERE NOT held AND run_after IS NULL AND state = 'pending' AND waits_for = ''
        ORDER BY rank, id LIMIT 1
    ) front ON true
    LEFT JOIN jobs_job job ON job.id = front.job_id
"""


class Front(NamedTuple):
    """`now` by the database's clock; the `rank` of the first ready image, None where no image is ready; what its job
    and its category have for `priority` together, and how many images of its job are `finished`."""

    now: datetime
    rank: float | None
    priority: int
    finished: int


def front_of_line() -> Front:
    with connection.cursor() as cursor:
        cursor.execute(_FRONT)
        return Front(*cursor.fetchone())
