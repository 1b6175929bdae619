from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from access import rights
from insights.default_period import WEEKS
from stores.models.category import MAX_CATEGORY
from stores.models.store import MAX_LENGTHS, all_visible

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

MAX_NAME = 100
MOST_WEEKS = 52
MOST_DAYS = 366
# Of one owner.
MOST_REPORTS = 200


class Dimension(models.TextChoices):
    """What the rows of a report are."""

    AREA = "area", "Area"
    CATEGORY = "category", "Category"
    GROUP = "group", "Group"
    STORE = "store", "Store"
    WEEK = "week", "Week"
    HOST = "host", "Photo host"


class Measure(models.TextChoices):
    """What the columns of a report are."""

    VISITS = "visits", "Visits"
    IMAGES = "images", "Images"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    UNPROCESSED = "unprocessed", "Not tried"
    FAILURE_RATE = "failure_rate", "Failure rate"
    FETCH_MS = "fetch_ms", "Download, mean"
    TURNAROUND = "turnaround", "Turnaround, mean"

    @property
    def is_figure(self) -> bool:
        """A rate or a mean, which has an interval; else a number that adds up."""
        return self in (Measure.FAILURE_RATE, Measure.FETCH_MS, Measure.TURNAROUND)


class Period(models.TextChoices):
    """Which days a report is about: relative ones move on with the calendar."""

    WEEKS = "weeks", "The last weeks, today included"
    MONTH = "month", "The last full month"
    FIXED = "fixed", "From one day to another"


DEFAULT_COLUMNS = [Measure.VISITS, Measure.IMAGES, Measure.FAILED, Measure.FAILURE_RATE]


def default_columns() -> list[str]:
    return [column.value for column in DEFAULT_COLUMNS]


class ReportQuerySet(models.QuerySet["Report"]):
    def owned_by(self, user: User | AnonymousUser | None) -> ReportQuerySet:
        """Theirs alone: what staff may see of others' jobs, they see by reports of their own."""
        return self.filter(owner=rights.owner_of(user))


class Report(models.Model):
    """A question about visits that somebody keeps: of which stores and days, by what, and which measures.

    Its rows are computed whenever it is read, of the visits that its owner may see then.
    """

    # Null is nobody's, where the API is open.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    name = models.CharField(max_length=MAX_NAME, validators=[all_visible])
    # Null does not narrow it; an empty category is that of stores without one.
    area = models.CharField(max_length=MAX_LENGTHS["area_code"], null=True, blank=True)  # noqa: DJ001 - differs from ""
    category = models.CharField(max_length=MAX_CATEGORY, null=True, blank=True)  # noqa: DJ001 - as above
    # Its id and no foreign key: without its group, a report has no rows, rather than those of all stores.
    group = models.BigIntegerField(null=True, blank=True)
    store = models.CharField(max_length=MAX_LENGTHS["store_id"], null=True, blank=True)  # noqa: DJ001 - as above
    period = models.CharField(max_length=8, choices=Period.choices, default=Period.WEEKS)
    weeks = models.PositiveSmallIntegerField(default=WEEKS)
    # Of a fixed period, both included.
    since = models.DateField(null=True, blank=True)
    until = models.DateField(null=True, blank=True)
    dimension = models.CharField(max_length=8, choices=Dimension.choices, default=Dimension.AREA)
    columns = ArrayField(models.CharField(max_length=16, choices=Measure.choices), default=default_columns)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now(), editable=False)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], nulls_distinct=False, name="report_name_once"),
            models.CheckConstraint(
                condition=~models.Q(period="fixed") | models.Q(since__isnull=False, until__gte=models.F("since")),
                name="report_period_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self.name = self.name.strip()
        super().clean_fields(exclude)

    def clean(self) -> None:
        """Raises ValidationError where fields do not go together, or say less than a report needs."""
        faults: dict[str, str] = {}
        if not self.columns or len(set(self.columns)) < len(self.columns):
            faults["columns"] = "Choose at least one column, and none twice."
        if not 1 <= self.weeks <= MOST_WEEKS:
            faults["weeks"] = f"Choose 1 to {MOST_WEEKS} weeks."
        if self.period == Period.FIXED:
            faults |= self._faults_of_days()
        if faults:
            raise ValidationError(faults)

    def _faults_of_days(self) -> dict[str, str]:
        if self.since is None or self.until is None:
            return {"since": "Give the first and the last day."}
        if not 0 <= (self.until - self.since).days < MOST_DAYS:
            return {"since": f"The first day must not be after the last one, nor {MOST_DAYS} days before it."}
        return {}
