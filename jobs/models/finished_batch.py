"""The results feed: which images have become final together, and in which order readers get them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from jobs.models.job import Job

# Of a job without an owner.
NOBODY = 0
# Images of one batch. A page reads whole batches, and a cursor says how many images of one were read.
MOST_IMAGES = 500


class FinishedBatch(models.Model):
    """Images of one job that have become final in one transaction; written by that transaction, see `finished.py`.

    An image has one outcome in each generation, and a retry begins the next; so (image, generation) names an outcome.

    A batch gets its position when somebody reads the feed, see `reporting/results_feed.py`: by then it is committed.
    Its id says nothing of that: ids are drawn before the commit, so that a lower one may become visible later.
    """

    # Goes with its job, slice by slice, see `deletion/slices.py`.
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    # The job's owner by number, or NOBODY.
    owner = models.BigIntegerField()
    size = models.PositiveSmallIntegerField()
    images = ArrayField(models.BigIntegerField())
    # Of the image at the same place.
    generations = ArrayField(models.IntegerField())
    position = models.BigIntegerField(null=True)

    class Meta:
        verbose_name_plural = "finished batches"
        indexes = [
            models.Index(fields=["job"], name="finished_batch_of_job"),
            # Each in the order of positions, and behind them, in the order of ids, what has no position yet.
            models.Index(fields=["position", "id"], name="finished_batch_position"),
            models.Index(fields=["owner", "position", "id"], name="finished_batch_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.size} images of job {self.job_id}"


class ResultsFeed(models.Model):
    """One row: the last position that was given, and since when outcomes are in the feed without exception.

    The position is kept here, and not read off the batches: those may be deleted, and no position is given twice. Who
    gives positions locks the row until the commit.
    """

    ID: ClassVar[int] = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ID)
    last_position = models.BigIntegerField(default=0)
    # Null: there is no exception.
    began_at = models.DateTimeField(null=True, db_default=Now())

    def __str__(self) -> str:
        return f"Results feed up to {self.last_position}"
