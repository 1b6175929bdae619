from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from jobs.models.image_result import MAX_HOST

if TYPE_CHECKING:
    from insights.audience import Audience

MAX_RULE = 32
MAX_REASON = 500
# What people did to one alert; beyond, the oldest is forgotten.
MOST_ACTIONS = 20


class AlertQuerySet(models.QuerySet["Alert"]):
    def of(self, audience: Audience) -> AlertQuerySet:
        return self.filter(of_all=audience.of_all, owner_id=audience.owner_id)

    def open(self) -> AlertQuerySet:
        return self.filter(state=Alert.State.OPEN)


class Alert(models.Model):
    """What a rule has found unusual about one area, host, store or person: one row for as long as that goes on.

                  raised            no longer found
        nothing ────────► open ────────────────────► over ──── half a year ────► deleted
                          │  ▲ ◄──────────────────────┘ found again within the rule's days
                dismissed ▼  │ reopened
                          dismissed ──── half a year after it was last found ──► deleted

    `insights/alerts.py` writes every one of these rows. A dismissed alert stays dismissed while the same goes on.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DISMISSED = "dismissed"
        OVER = "over"

    class Kind(models.TextChoices):
        AREA = "area"
        HOST = "host"
        STORE = "store"
        PERSON = "visited_by"
        # Of so many at once that they are one thing, and not many.
        SERVICE = "service"

    # Found in all jobs, for those who may read them; else in the jobs of this owner, and null is nobody's.
    of_all = models.BooleanField()
    owner_id = models.BigIntegerField(null=True, blank=True)
    # A name of `insights/rules.py`.
    rule = models.CharField(max_length=MAX_RULE)
    kind = models.CharField(max_length=16, choices=Kind)
    subject = models.CharField(max_length=MAX_HOST, blank=True)
    # -1: fewer than usual; 1: more; 0: neither.
    direction = models.SmallIntegerField(default=0)
    # The first and the last day that it is about, in INSIGHTS_TIME_ZONE.
    since = models.DateField()
    until = models.DateField()
    # In the rule's unit, of the day or week that differs most; null where nothing was expected.
    expected = models.FloatField(null=True, blank=True)
    seen = models.FloatField()
    # The same in a sentence.
    says = models.CharField(max_length=400)
    # When it was found for the first and the last time.
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    dismissed_at = models.DateTimeField(null=True, blank=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Kept when the user is deleted.
    dismissed_by_name = models.CharField(max_length=150, blank=True, default="")
    reason = models.CharField(max_length=MAX_REASON, blank=True, default="")
    # What people did to it, oldest first: {at, by, what, reason}.
    history = models.JSONField(default=list, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["of_all", "owner_id", "rule", "kind", "subject", "direction", "since"],
                nulls_distinct=False,
                name="alert_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="dismissed") | (models.Q(dismissed_at__isnull=False) & ~models.Q(reason="")),
                name="alert_dismissed_with_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["of_all", "owner_id", "state", "id"], name="alert_of_state"),
            models.Index(fields=["of_all", "owner_id", "id"], name="alert_newest"),
            models.Index(fields=["last_seen"], name="alert_last_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.says}"


class RuleCheckQuerySet(models.QuerySet["RuleCheck"]):
    def of(self, audience: Audience) -> RuleCheckQuerySet:
        return self.filter(of_all=audience.of_all, owner_id=audience.owner_id)


class RuleCheck(models.Model):
    """When a rule was last tried for an audience, and how often it is wrong there, by its own back-test."""

    of_all = models.BooleanField()
    owner_id = models.BigIntegerField(null=True, blank=True)
    rule = models.CharField(max_length=MAX_RULE)
    checked_at = models.DateTimeField()
    # What it found, before those of one thing were made one.
    found = models.PositiveIntegerField()
    # `insights.rule_tests.RuleTest` as JSON; null until the first.
    backtest = models.JSONField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)

    objects = RuleCheckQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["of_all", "owner_id", "rule"], nulls_distinct=False, name="rule_check_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} at {self.checked_at}"
