from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from access import rights
from webhooks.kinds import EventType

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

LONGEST_URL = 2048
LONGEST_NAME = 100
LONGEST_SECRET = 100
# Of one user, those for a single job not counted.
MOST_ENDPOINTS = 20


class DisabledFor(models.TextChoices):
    """Why nothing is sent to an endpoint; empty where it is."""

    GONE = "gone", "It answered 410 Gone."
    FAILING = "failing", "It has failed for days."
    PERSON = "person", "A person has switched it off."


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def owned_by(self, user: User | AnonymousUser | None) -> EndpointQuerySet:
        """The user's own, or nobody's for callers without credentials."""
        return self.filter(owner=rights.owner_of(user))

    def lasting(self) -> EndpointQuerySet:
        """Those that people have set up, not those of a single job."""
        return self.filter(job_id=None)

    def enabled(self) -> EndpointQuerySet:
        return self.filter(disabled_for="")


class Endpoint(models.Model):
    """An address of another system, which is told of its owner's jobs; or of one job, where the job names it."""

    # Null is nobody's, as with jobs.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # The only job that it is told of. By its number, so that a job is deleted without asking this table.
    job_id = models.BigIntegerField(null=True, blank=True)
    # Told of everybody's jobs, for as long as its owner may read them.
    of_all = models.BooleanField(default=False, db_default=False)
    name = models.CharField(max_length=LONGEST_NAME, blank=True, default="", db_default="")
    url = models.CharField(max_length=LONGEST_URL)
    events = ArrayField(models.CharField(max_length=32, choices=EventType))
    # `whsec_` and base64. In the clear, because signing needs it; it is shown when it is made, and never again.
    secret = models.CharField(max_length=LONGEST_SECRET)
    # Signs as well until then, so that receivers can change theirs meanwhile.
    old_secret = models.CharField(max_length=LONGEST_SECRET, blank=True, default="", db_default="")
    old_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    disabled_for = models.CharField(max_length=16, choices=DisabledFor, blank=True, default="", db_default="")
    disabled_at = models.DateTimeField(null=True, blank=True)
    # Attempts that have failed since the last success, and when the first of them did.
    failures = models.PositiveIntegerField(default=0, db_default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    # Nothing is sent before.
    rests_until = models.DateTimeField(null=True, blank=True)
    # How long the last attempt took; null before the first.
    last_ms = models.PositiveIntegerField(null=True, blank=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["job_id"], condition=models.Q(job_id__isnull=False), name="endpoint_of_job"),
            # What a job's events are looked up in; the owner's own index has no condition.
            models.Index(
                fields=["owner"],
                condition=models.Q(job_id__isnull=True, disabled_for=""),
                name="endpoint_of_owner",
            ),
            models.Index(fields=["id"], condition=models.Q(of_all=True, disabled_for=""), name="endpoint_of_all"),
        ]

    def __str__(self) -> str:
        return f"Endpoint {self.pk}"
