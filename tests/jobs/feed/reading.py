"""A reader of the results feed that keeps its place."""

from django.db import connection

from jobs import queue
from jobs.reporting import results_feed
from jobs.reporting.audit_checks import CHECKS
from jobs.reporting.exports import result_columns
from jobs.reporting.results_feed import BEGINNING
from tests.factories import make_worker, success


class Reader:
    def __init__(self, owners=None, place=BEGINNING):
        self.owners, self.place = owners, place

    def page(self, limit=1000):
        """The rows of the next page, by name, and whether there may be more."""
        page = results_feed.read(self.owners, self.place, limit)
        self.place = page.place
        names = [column.name for column in result_columns()]
        return [dict(zip(names, row, strict=True)) for row in page.rows], page.has_more

    def rest(self, limit=1000):
        """All that there is, as (image, generation)."""
        found, has_more = [], True
        while has_more:
            rows, has_more = self.page(limit)
            assert len(rows) <= limit
            found += [(row["image_id"], row["generation"]) for row in rows]
        return found


def record_all(outcome=success, size=100):
    """Work off the queue, in batches of `size`."""
    worker = make_worker()
    while claims := queue.claim(worker, limit=size):
        queue.record(worker, [outcome(claim) for claim in claims])


def outcomes(job):
    """All of the job's images, which are final, as (image, generation)."""
    return sorted(job.images.values_list("pk", "generation"))


def broken():
    """What an audit would say of the feed."""
    (check,) = (check for check in CHECKS if check.code == "feed")
    with connection.cursor() as cursor:
        cursor.execute(check.broken)
        return cursor.fetchall()
