from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models

from access import rights
from jobs.models.image_result import MAX_HOST

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# Bucket i holds the turnarounds from TURNAROUND_RATIO^i seconds on, up to the next; those below SHORTEST_TURNAROUND
# count as that.
TURNAROUND_RATIO = 1.15
SHORTEST_TURNAROUND = 0.01


class KeptDay(models.Model):
    """A day whose visits are summed in `DaySum`. Whoever writes a visit's summary deletes its day here.

    What it was summed with: the time zone in which the day begins, and a number that differs where the store master
    gives any store another area or category.
    """

    day = models.DateField(primary_key=True)
    zone = models.CharField(max_length=64)
    stores = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.day} in {self.zone}"


class Kind(models.TextChoices):
    """What visits are summed by: the label is an area, a category's name, a host, or an hour of the day, 0 to 23."""

    AREA = "area"
    CATEGORY = "category"
    HOST = "host"
    HOUR = "hour"


class DaySumQuerySet(models.QuerySet["DaySum"]):
    def visible_to(self, user: User | AnonymousUser | None) -> DaySumQuerySet:
        """Sums of the jobs that `user` may read, see `access/rights.py`."""
        return rights.readable(self, user)


class DaySum(models.Model):
    """What the visits of one day, owner and label sum to. It holds only while its day is a `KeptDay`."""

    day = models.DateField()
    # Null is nobody's.
    owner_id = models.BigIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    # Null for stores that the store master does not hold; "" for no category, and for no host.
    label = models.CharField(max_length=MAX_HOST, null=True, blank=True)  # noqa: DJ001 - null and "" differ
    visits = models.BigIntegerField()
    images = models.BigIntegerField()
    completed = models.BigIntegerField()
    failed = models.BigIntegerField()
    unprocessed = models.BigIntegerField()
    fetched = models.BigIntegerField()
    fetch_ms = models.BigIntegerField()
    # Visits with images that were tried, with downloads, and with a turnaround; these turnarounds' sum in µs.
    tried_visits = models.BigIntegerField()
    fetched_visits = models.BigIntegerField()
    timed_visits = models.BigIntegerField()
    turnaround_us = models.BigIntegerField()
    # Of visits by their most frequent codes, how many images failed; not by hour.
    codes = ArrayField(models.CharField(max_length=32))
    code_failed = ArrayField(models.BigIntegerField())
    # By bucket of their turnaround, how many visits; by area and category.
    buckets = ArrayField(models.IntegerField())
    bucket_visits = ArrayField(models.BigIntegerField())

    objects = DaySumQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["kind", "day"], name="day_sum_kind_day")]

    def __str__(self) -> str:
        return f"{self.kind} {self.label} on {self.day}"
