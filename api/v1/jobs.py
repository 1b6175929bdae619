"""Jobs: list, submit."""

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Scope
from api.idempotency import read_idempotency_token
from api.v1 import callbacks, pages, parameters, submission_schema, submissions
from api.v1.describe import describe
from api.v1.job_serializers import (
    JobSummary,
    SubmittedJob,
    context_of,
    detail_of,
    path_of,
)
from api.v1.views import V1View, require_priority
from jobs.models import Job, Visit
from jobs.models.client_reference import jobs_with
from jobs.models.job import JobQuerySet
from jobs.states import JobOutcome, JobState
from jobs.submission.submit import submit

_FILTERS = (
    parameters.choice("state", "Jobs in this state.", JobState.values),
    parameters.choice("outcome", "Ended jobs with this outcome.", JobOutcome.values),
    parameters.text("store", "Jobs with a visit of this store.", 64),
    parameters.text("owner", "Jobs of the user with this name, of those that you may see.", 150),
    parameters.client_reference("The job"),
    parameters.metadata("Jobs"),
    parameters.since("created_from", "Jobs from this time on: RFC 3339, or a date, which is that day in UTC."),
    parameters.until("created_to", "Jobs up to this time, inclusive."),
)
_LOCATION = OpenApiParameter(
    "Location", {"type": "string", "format": "uri-reference"}, "header", response=[201], description="The job's path."
)
_REPLAYED = OpenApiParameter(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    "header",
    response=[201],
    description="The same key and body were sent before: this is that job, in its present state.",
)
_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": r"^[!-~]{1,255}$"},
    "header",
    description="Within 24 hours the same key and body return the same job; another body is refused with 422.",
)


class Jobs(V1View):
    parser_classes = submissions.PARSERS
    scopes = {"POST": Scope.SUBMIT}
    parameters = {"GET": (*_FILTERS, *parameters.PAGE), "POST": submissions.OPTIONS}
    refusals = {"POST": (409, 422)}

    @describe(summary="List jobs", responses=pages.page_of(JobSummary))
    def get(self, request: Request) -> Response:
        """Newest first, of the jobs that you may see.

        A page ends early where its jobs have much metadata: there is another one as long as `next_cursor` says so.
        """
        request_of_page = parameters.page_of(self.query)
        # Not by a join: for that, the planner may sort all of the jobs.
        jobs = Job.objects.with_running().prefetch_related("owner")
        if self.query.keys() - {"limit", "cursor"}:
            narrowed = _narrow(jobs.visible_to(request.user), self.query)
            page = request_of_page.of(narrowed, newest_first=True, sort="metadata" in self.query)
        else:
            page = request_of_page.of_newest_jobs(jobs, request.user)
        page = pages.cut_at_metadata(page, lambda job: job.metadata)
        return Response(pages.answer(JobSummary, page, **context_of(page.rows)))

    @describe(
        summary="Submit a job",
        parameters=[_KEY, _LOCATION, _REPLAYED],
        request={"application/json": submission_schema.with_priority(), **submissions.FILE_SCHEMAS},
        responses={201: SubmittedJob},
        examples=[
            OpenApiExample("Two visits", submission_schema.EXAMPLE, request_only=True),
            OpenApiExample("With a callback", submission_schema.WITH_CALLBACK, request_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """The job and all its rows are stored durably before the answer.

        The body is the assignment's, with an optional `priority`, and ids and metadata of yours for the job, its visits
        and images; or a file of visits: CSV or an Excel workbook with the columns `store_id`, `visit_time` and
        `image_url`, a row per image, or what an export wrote. A store that is not in the store master is accepted: its
        images fail as `unknown_store`. A priority above your own (`GET /api/v1/limits`, mostly 0) needs the permission
        to prioritize jobs. 409 where a `client_reference` is that of another job of yours, or of a visit or an image in
        one: the answer names it. `callback_url` is told when the job has ended, or of `callback_events`; the answer
        shows the secret that signs, this once.
        """
        # Before the body is parsed: a file is read from the stream, once.
        token = read_idempotency_token(request, self.query)
        payload, priority, callback = submission_schema.read(submissions.read_submission(request, self.query).body)
        if priority is not None:
            require_priority(request, priority)
        owner = request.user if request.user.is_authenticated else None
        submitted = submit(
            payload.visits,
            owner=owner,
            on_error=payload.on_error,
            priority=priority,
            details=payload.details,
            idempotency=token,
            stored=None if callback is None else lambda job_id: callback.add(job_id, owner),
        )
        # A job that is replayed may be deleted at this very moment.
        job = Job.with_deleted.with_running().select_related("owner").get(pk=submitted.job_id)
        headers = {"Location": path_of(job), **({"Idempotent-Replayed": "true"} if submitted.replayed else {})}
        detail = detail_of(job)
        if callback is not None:
            detail["callback"] = callbacks.told(job.pk, callback, is_replay=submitted.replayed)
        return Response(detail, status=201, headers=headers)


def _narrow(jobs: JobQuerySet, query: dict[str, Any]) -> JobQuerySet:
    if "state" in query:
        jobs = jobs.in_state(JobState(query["state"]))
    if "outcome" in query:
        jobs = jobs.with_outcome(JobOutcome(query["outcome"]))
    if "store" in query:
        jobs = jobs.filter(pk__in=Visit.objects.filter(store_id=query["store"]).values("job"))
    if "owner" in query:
        jobs = jobs.filter(owner__in=list(User.objects.filter(username=query["owner"])))
    if "client_reference" in query:
        jobs = jobs.filter(pk__in=jobs_with(query["client_reference"]))
    if "metadata" in query:
        jobs = jobs.with_metadata(*query["metadata"])
    if "created_from" in query:
        jobs = jobs.filter(created_at__gte=query["created_from"])
    if "created_to" in query:
        jobs = jobs.filter(created_at__lt=query["created_to"])
    return jobs
