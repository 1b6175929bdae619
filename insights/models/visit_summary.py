from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from access import rights
from jobs.models.image_result import MAX_HOST
from stores.models.store import MAX_LENGTHS

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class VisitSummaryQuerySet(models.QuerySet["VisitSummary"]):
    def visible_to(self, user: User | AnonymousUser | None) -> VisitSummaryQuerySet:
        """The visits of jobs that `user` may read."""
        return rights.readable(self, user)


class VisitSummary(models.Model):
    """What became of one visit's images: one row a visit, from which every figure about stores and areas is summed.

    Area, category and group are joined when they are read: they are those of the store master as it is today. The row
    refers to visit, job, owner and store by their values, so that it outlives them.
    """

    visit_id = models.BigIntegerField(primary_key=True)
    job_id = models.BigIntegerField()
    # Null is nobody's: a job that was submitted without credentials.
    owner_id = models.BigIntegerField(null=True, blank=True)
    store_id = models.CharField(max_length=MAX_LENGTHS["store_id"])
    # Null where the client sent no time that can be read: such a visit is part of no period.
    visited_at = models.DateTimeField(null=True, blank=True)
    images = models.PositiveIntegerField()
    completed = models.PositiveIntegerField()
    # After they were tried. `images - completed - failed - unprocessed` are still under way.
    failed = models.PositiveIntegerField()
    # Failed without a try: their store was unknown, the job was canceled, or another image of the store had failed.
    unprocessed = models.PositiveIntegerField()
    # Of those completed or failed: images with a duration of their download, and these durations' sum in ms.
    fetched = models.PositiveIntegerField()
    fetch_ms = models.BigIntegerField()
    # Seconds from the job's submission to the visit's last final image; null until all are final, and where none was
    # tried.
    turnaround = models.FloatField(null=True, blank=True)
    # The most frequent among its images: the host, and the code of those that failed after they were tried. Of equals
    # the first in the order of their bytes.
    host = models.CharField(max_length=MAX_HOST, blank=True)
    code = models.CharField(max_length=32, blank=True)

    objects = VisitSummaryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["store_id", "visited_at"], name="summary_store_time"),
            # Visits come in nearly in the order of their time, but for late devices, which this operator class bears: a
            # thousandth of a B-tree's size, and no slower.
            BrinIndex(
                fields=["visited_at"],
                opclasses=["timestamptz_minmax_multi_ops"],
                pages_per_range=32,
                autosummarize=True,
                name="summary_time",
            ),
            models.Index(
                fields=["owner_id", "visited_at"],
                condition=models.Q(owner_id__isnull=False),
                name="summary_owner_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Visit {self.visit_id} of store {self.store_id}"
