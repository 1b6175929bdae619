from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from photos.models.finding import MAX_CODE
from photos.models.owned import Owned, OwnedQuerySet


class VisitLookQuerySet(OwnedQuerySet["VisitLook"]):
    def open(self) -> VisitLookQuerySet:
        """Those that nobody has judged."""
        return self.filter(is_judged=False)


class VisitLook(Owned):
    """A visit that needs a look, and why; kept up to date with the findings of its photos."""

    visit_id = models.BigIntegerField(primary_key=True)
    # Keys of `photos.kinds.REASONS`.
    reasons = ArrayField(models.CharField(max_length=MAX_CODE))
    # A photo that shows why.
    image_id = models.BigIntegerField()
    day = models.DateField(null=True, blank=True)
    # Whether there is a `VisitVerdict`.
    is_judged = models.BooleanField(default=False)

    objects = VisitLookQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["visit_id"], condition=Q(is_judged=False), name="look_open"),
            models.Index(fields=["owner_id", "visit_id"], name="look_of_owner"),
        ]

    def __str__(self) -> str:
        return f"Visit {self.visit_id} needs a look"


class VisitVerdictQuerySet(OwnedQuerySet["VisitVerdict"]):
    pass


class VisitVerdict(Owned):
    """Somebody has looked at a visit's photos: they are fine, or not. It outlives the visit, to be counted.

    `codes` are what was found about its photos at that time.
    """

    visit_id = models.BigIntegerField(primary_key=True)
    is_fine = models.BooleanField()
    codes = ArrayField(models.CharField(max_length=MAX_CODE))
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Kept when the user is deleted; empty without credentials.
    decided_by_name = models.CharField(max_length=150, blank=True, default="")

    objects = VisitVerdictQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner_id"], name="verdict_of_owner")]

    def __str__(self) -> str:
        return f"Visit {self.visit_id} is {'fine' if self.is_fine else 'not fine'}"
