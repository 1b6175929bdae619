"""The front of the common line: the image that is claimed next and how far its job is, each by one step in an index."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection

# The conditions are those of the partial index image_ready, word for word. The clock is read along with it: a
# submission asks no question more.
_FRONT = """
    SELECT clock_timestamp(), (
        -- As one value, without a join: that takes the planner as long as all the rest.
        SELECT ARRAY[rank, coalesce(category_priority, 0)] || (
            SELECT ARRAY[job.priority, job.completed + job.failed]::double precision[]
            FROM jobs_job job WHERE job.id = image.job_id
        )
        FROM jobs_imageresult image
        WHERE NOT held AND run_after IS NULL AND state = 'pending' AND waits_for = ''
        ORDER BY rank, id LIMIT 1
    )
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
        now, found = cursor.fetchone()
    if found is None:
        return Front(now, None, 0, 0)
    rank, of_category, of_job, finished = found
    return Front(now, rank, round(of_category + of_job), round(finished))
