"""Jobs as v1 returns them."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from api.v1.pages import list_of
from insights.forecasts import estimates
from jobs.models import Job, JobAction
from jobs.models.store_errors import StoredErrors, stored
from jobs.reporting.hosts import MOST_OF_JOB, NONE, Waits, waits
from jobs.states import JobOutcome, JobState, OnError

_LINKS = ("images", "failures", "throughput", "areas", "actions", "retry", "export", "events", "store-errors")
# Of the stores with failures, those that a job itself lists; the link leads to all of them.
MOST_STORE_ERRORS = 100


class Counts(serializers.Serializer[Job]):
    """How many images are in each state: the five others always sum to `total`."""

    total = serializers.IntegerField(min_value=1)
    pending = serializers.IntegerField(min_value=0)
    running = serializers.IntegerField(min_value=0)
    completed = serializers.IntegerField(min_value=0)
    failed = serializers.SerializerMethodField(help_text="Not counting canceled images.")
    canceled = serializers.IntegerField(min_value=0)

    def get_failed(self, job: Job) -> int:
        return job.failed - job.canceled


class Estimate(serializers.Serializer[Any]):
    """When the job may end: between two times, as far as it does what past jobs did; else not before one."""

    images_per_second = serializers.FloatField(help_text="In the last minute.")
    earliest = serializers.DateTimeField()
    latest = serializers.DateTimeField(
        allow_null=True,
        help_text="Null where past jobs are too few, or where their ranges were wrong too often.",
    )
    least_seconds = serializers.FloatField(source="least", min_value=0, help_text="From now to `earliest`.")
    most_seconds = serializers.FloatField(source="most", allow_null=True, min_value=0, help_text="And to `latest`.")
    covers = serializers.FloatField(
        allow_null=True,
        min_value=0,
        max_value=1,
        help_text="The share of jobs that end between the two. How it was for past jobs: `forecasts`.",
    )
    past_jobs = serializers.IntegerField(source="jobs", min_value=0, help_text="Which the range is made of.")


class WaitingFor(serializers.Serializer[Any]):
    """A paused host: it gets no request for a while, and some of the job's images wait for it."""

    host = serializers.CharField(help_text="As name:port.")
    code = serializers.CharField(help_text="Error code of its last refusal, as an image would fail with it.")
    message = serializers.CharField()
    since = serializers.DateTimeField(help_text="When it refused for the first time since its last answer.")
    until = serializers.DateTimeField(help_text="Then one image tests whether it has recovered.")
    images = serializers.IntegerField(min_value=1, help_text="How many of this job's images wait for it.")


class JobSummary(serializers.Serializer[Job]):
    """One job in a list."""

    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(JobState.choices, help_text="The job's state.")
    outcome = serializers.ChoiceField(
        JobOutcome.choices,
        allow_null=True,
        help_text="How it ended, by the worst of its images; null until then.",
    )
    counts = Counts(source="*")
    progress = serializers.FloatField(min_value=0, max_value=1, help_text="The share of images with a final outcome.")
    estimate = serializers.SerializerMethodField(
        help_text="Null where recent work is too little to tell, and where all remaining images wait for their hosts."
    )
    waiting_for = serializers.SerializerMethodField(
        help_text=f"Paused hosts that images of the job wait for: at most {MOST_OF_JOB}, those with the most images."
    )
    all_waiting = serializers.SerializerMethodField(
        help_text="Whether no image of the job can go on before one of these hosts answers."
    )
    priority = serializers.IntegerField(min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY)
    on_error = serializers.ChoiceField(OnError.choices)
    owner = serializers.SerializerMethodField(help_text="The user who submitted it; null where nobody was signed in.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    request_id = serializers.CharField(
        help_text="X-Request-Id of the request that submitted it; empty where a command did."
    )
    client_reference = serializers.SerializerMethodField(help_text="Your own id of it; null without one.")
    metadata = serializers.DictField(child=serializers.CharField(), help_text="What else you say of it, as sent.")
    links = serializers.SerializerMethodField()

    @extend_schema_field(Estimate(allow_null=True))
    def get_estimate(self, job: Job) -> Any:
        estimate = self.context["estimates"].get(job.pk)
        return Estimate(estimate).data if estimate else None

    @extend_schema_field(WaitingFor(many=True))
    def get_waiting_for(self, job: Job) -> Any:
        return list_of(WaitingFor, self.context["waits"].get(job.pk, NONE).hosts)

    def get_all_waiting(self, job: Job) -> bool:
        is_all: bool = self.context["waits"].get(job.pk, NONE).is_all
        return is_all

    @extend_schema_field({"type": ["string", "null"]})
    def get_owner(self, job: Job) -> str | None:
        return job.owner.get_username() if job.owner else None

    @extend_schema_field({"type": ["string", "null"]})
    def get_client_reference(self, job: Job) -> str | None:
        return job.client_reference or None

    @extend_schema_field(
        {
            "type": "object",
            "properties": {name: {"type": "string", "format": "uri-reference"} for name in ("self", *_LINKS)},
            "required": ["self", *_LINKS],
        }
    )
    def get_links(self, job: Job) -> dict[str, str]:
        own = path_of(job)
        return {"self": own, **{name: f"{own}/{name}" for name in _LINKS}}


class StoreError(serializers.Serializer[Any]):
    """What failed of one store."""

    store_id = serializers.CharField()
    error = serializers.CharField()


class JobDetail(JobSummary):
    """One job."""

    store_errors = serializers.SerializerMethodField(
        help_text="One sentence for each store with failures, in order of the submission: at most the first "
        f"{MOST_STORE_ERRORS}; empty until the job has ended. The link `store-errors` leads to all of them."
    )
    store_errors_total = serializers.SerializerMethodField(
        help_text="How many stores have failures; 0 until the job has ended."
    )

    @extend_schema_field(StoreError(many=True))
    def get_store_errors(self, job: Job) -> Any:
        return self.context["store_errors"].entries

    @extend_schema_field({"type": "integer", "minimum": 0})
    def get_store_errors_total(self, job: Job) -> int:
        total: int = self.context["store_errors"].total
        return total


class CallbackSecret(serializers.Serializer[Any]):
    """The webhook that a submission's `callback_url` has made."""

    id = serializers.IntegerField(allow_null=True, help_text="Its id under `/api/v1/webhooks`; null if it is deleted.")
    secret = serializers.CharField(
        allow_null=True,
        help_text="`whsec_…`, shown this once; null where the submission named one, and in the answer to a replay.",
    )


class SubmittedJob(JobDetail):
    """A job as it was submitted."""

    callback = CallbackSecret(required=False, help_text="Where the submission has a `callback_url`.")


class ActionResult(serializers.Serializer[Any]):
    """The result of an action."""

    class Meta:
        ref_name = "Acted"  # its name in the OpenAPI document

    images = serializers.IntegerField(min_value=0, help_text="How many images it affected.")
    job = JobDetail()


class Action(serializers.Serializer[JobAction]):
    """An action that somebody took on a job."""

    id = serializers.IntegerField(source="pk")
    verb = serializers.ChoiceField(JobAction.Verb.choices)
    user = serializers.CharField(source="user_name", help_text="Empty where nobody was signed in.")
    images = serializers.IntegerField(min_value=0)
    parameters = serializers.DictField()
    done_at = serializers.DateTimeField()


def path_of(job: Job) -> str:
    return reverse("v1:job", args=[job.pk])


def context_of(jobs: Sequence[Job], waiting: Mapping[int, Waits] | None = None) -> dict[str, Any]:
    """The serializers' context for rows that were read `with_running`; two queries."""
    if waiting is None:
        waiting = waits(jobs)
    return {"waits": waiting, "estimates": estimates(jobs, waiting)}


def detail_of(job: Job, waiting: Mapping[int, Waits] | None = None) -> dict[str, Any]:
    """`waiting` is what `waits` found for the job, where it has been asked already."""
    errors = stored(job.pk, MOST_STORE_ERRORS) if job.outcome and job.failed else StoredErrors([], 0)
    detail: dict[str, Any] = JobDetail(job, context={**context_of([job], waiting), "store_errors": errors}).data
    return detail


def etag_of(job: Job, waiting: Waits) -> str:
    """A weak ETag of everything but the estimate, which changes with the clock.

    From the job's row and the hosts that it waits for, without the answer: a client that asks every second gets 304
    most of the time. What failed of its stores is written in the moment in which it ends.
    """
    moments = job.started_at, job.paused_at, job.finished_at
    shown = job.pk, job.revision, moments, job.owner and job.owner.get_username(), waiting.revision
    return f'W/"{sha256(repr(shown).encode()).hexdigest()[:32]}"'
