"""Files in the results feed what became final without being filed: before there was one, or by an older version."""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection, transaction

from jobs.models import ResultsFeed
from jobs.models.finished import file_missing
from jobs.queue.completion import lock_jobs

# Images of one transaction, unless a single job has more; and jobs.
MOST_IMAGES, MOST_JOBS = 20_000, 500

_NEXT_JOBS = """
    SELECT id FROM (
        SELECT id, total, sum(total) OVER (ORDER BY id) AS so_far
        FROM (SELECT id, total FROM jobs_job WHERE id > %(after)s AND NOT is_deleted ORDER BY id LIMIT %(jobs)s) next
    ) counted
    WHERE so_far <= %(images)s OR so_far = total ORDER BY id
"""


class Filled(NamedTuple):
    jobs: int
    images: int


def fill() -> Iterator[Filled]:
    """A slice of jobs at a time, each committed when it is yielded; at the end, nothing that is there is missing."""
    after = 0
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_NEXT_JOBS, {"after": after, "jobs": MOST_JOBS, "images": MOST_IMAGES})
                job_ids = [job_id for (job_id,) in cursor.fetchall()]
            if not job_ids:
                break
            # So that nobody files an outcome meanwhile.
            filled = Filled(len(job_ids), file_missing(list(lock_jobs(job_ids))))
        after = job_ids[-1]
        yield filled
    ResultsFeed.objects.update_or_create(pk=ResultsFeed.ID, defaults={"began_at": None})
