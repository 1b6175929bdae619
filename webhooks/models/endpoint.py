from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, Value, When
from django.db.models.functions import Concat, Now

from access import rights
from jobs.models.update_from import UpdateFromMixin
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
    # Nobody sees it any more, and its rows go slice by slice, see `webhooks/retention.py`.
    DELETED = "deleted", "It is deleted."


# What happens meanwhile is stored for these, too: failed at once, to be replayed once a person has enabled them again.
TOLD = ["", DisabledFor.FAILING]
# In SQL, as the condition of an index says it.
IS_TOLD = f"disabled_for IN ({', '.join(f"'{each}'" for each in TOLD)})"
TOLD_OF_ALL = "all"


class EndpointQuerySet(UpdateFromMixin, models.QuerySet["Endpoint"]):
    def owned_by(self, user: User | AnonymousUser | None) -> EndpointQuerySet:
        """The user's own, or nobody's for callers without credentials."""
        return self.filter(owner=rights.owner_of(user))

    def lasting(self) -> EndpointQuerySet:
        """Those that people have set up, not those of a single job."""
        return self.filter(job_id=None)

    def enabled(self) -> EndpointQuerySet:
        return self.filter(disabled_for="")

    def disabled_by_itself(self) -> EndpointQuerySet:
        """Those that the service has switched off, which their owners must be told."""
        return self.filter(disabled_for__in=[DisabledFor.GONE, DisabledFor.FAILING])


_EndpointManager = models.Manager.from_queryset(EndpointQuerySet)


class EndpointManager(_EndpointManager["Endpoint"]):
    """The endpoints that are not deleted."""

    def get_queryset(self) -> EndpointQuerySet:
        return cast("EndpointQuerySet", super().get_queryset().exclude(disabled_for=DisabledFor.DELETED))


class Endpoint(models.Model):
    """An address of another system, which is told of its owner's jobs; or of one job, where the job names it.

    `webhooks/endpoints.py` makes and changes them.
    """

    # Null is nobody's, as with jobs.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    # The only job that it is told of. By its number, so that a job is deleted without asking this table.
    job_id = models.BigIntegerField(null=True, blank=True)
    # Told of everybody's jobs, for as long as its owner may read them.
    of_all = models.BooleanField(default=False, db_default=False)
    # Of which jobs it is told: `job:7`, `owner:3`, `owner:` of those that are nobody's, or `all`.
    told_of = models.GeneratedField(
        expression=Case(
            When(job_id__isnull=False, then=Concat(Value("job:"), "job_id", output_field=models.TextField())),
            When(of_all=True, then=Value(TOLD_OF_ALL)),
            When(owner__isnull=False, then=Concat(Value("owner:"), "owner_id", output_field=models.TextField())),
            default=Value("owner:"),
            output_field=models.TextField(),
        ),
        output_field=models.TextField(),
        db_persist=True,
    )
    name = models.CharField(max_length=LONGEST_NAME, blank=True, default="", db_default="")
    url = models.CharField(max_length=LONGEST_URL)
    events = ArrayField(models.CharField(max_length=32, choices=EventType))
    # `whsec_` and base64. In the clear, because signing needs it; it is shown when it is made, and never again.
    secret = models.CharField(max_length=LONGEST_SECRET)
    # Signs as well until then, so that receivers can change theirs meanwhile.
    old_secret = models.CharField(max_length=LONGEST_SECRET, blank=True, default="", db_default="")
    old_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # Since when it has been asking for its events without a break: an audit looks for those of jobs that ended since.
    asks_since = models.DateTimeField(db_default=Now(), editable=False)

    disabled_for = models.CharField(max_length=16, choices=DisabledFor, blank=True, default="", db_default="")
    disabled_at = models.DateTimeField(null=True, blank=True)
    # Failures since the last success, of attempts that were under way together only one; and when the first one was.
    failures = models.PositiveIntegerField(default=0, db_default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    # Nothing is sent before.
    rests_until = models.DateTimeField(null=True, blank=True)
    # How long the last attempt took; null before the first.
    last_ms = models.PositiveIntegerField(null=True, blank=True)

    objects = EndpointManager()
    with_deleted = _EndpointManager()

    class Meta:
        indexes = [
            models.Index(fields=["job_id"], condition=models.Q(job_id__isnull=False), name="endpoint_of_job"),
            # A few of each owner: every page asks for those that were disabled. There is no index of both kinds, since
            # of single jobs an owner may have a hundred thousand.
            models.Index(fields=["owner", "id"], condition=models.Q(job_id__isnull=True), name="endpoint_of_owner"),
            models.Index(fields=["owner", "id"], condition=models.Q(job_id__isnull=False), name="callback_of_owner"),
            # Who is told of a job: one look, with each batch of outcomes.
            models.Index(fields=["told_of"], condition=models.Q(disabled_for__in=TOLD), name="endpoint_told"),
            models.Index(fields=["id"], condition=models.Q(disabled_for=DisabledFor.DELETED), name="endpoint_deleted"),
            models.Index(fields=["created_at"], condition=models.Q(job_id__isnull=False), name="endpoint_of_job_age"),
        ]
        constraints = [
            # Of everybody's jobs, nobody in particular may be told.
            models.CheckConstraint(
                condition=models.Q(of_all=False) | models.Q(owner__isnull=False), name="endpoint_of_all_has_owner"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.url
