"""Jobs: submit, list, read, prioritize."""

from typing import Any

from django.contrib.auth.models import User
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.idempotency import read_idempotency_token
from api.pagination import Page, write_cursor
from api.v1 import callbacks, pages, parameters, problems, request_bodies, submission_schema, submissions
from api.v1.describe import describe
from api.v1.job_serializers import (
    JobDetail,
    JobSummary,
    StoreError,
    SubmittedJob,
    context_of,
    detail_of,
    etag_of,
    path_of,
)
from api.v1.problem_types import Problem
from api.v1.views import JobView, V1View
from jobs import actions
from jobs.models import Job, Visit
from jobs.models.job import JobQuerySet
from jobs.models.store_errors import stored
from jobs.reporting.hosts import NONE, waits
from jobs.states import JobOutcome, JobState
from jobs.submission.submit import submit

_FILTERS = (
    parameters.choice("state", "Jobs in this state.", JobState.values),
    parameters.choice("outcome", "Ended jobs with this outcome.", JobOutcome.values),
    parameters.text("store", "Jobs with a visit of this store.", 64),
    parameters.text("owner", "Jobs of the user with this name; for staff, who see all.", 150),
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
_ETAG = OpenApiParameter(
    "ETag", {"type": "string"}, "header", response=[200, 304], description="Weak; covers everything but the estimate."
)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string"},
    "header",
    description="The ETag of an earlier answer: 304 if nothing has changed.",
)
_PRIORITY = {
    "type": "object",
    "properties": {"priority": submission_schema.PRIORITY},
    "required": ["priority"],
    "additionalProperties": False,
}


class Jobs(V1View):
    parser_classes = submissions.PARSERS
    scopes = {"POST": Scope.SUBMIT}
    parameters = {"GET": (*_FILTERS, *parameters.PAGE), "POST": submissions.OPTIONS}
    refusals = {"POST": (422,)}

    @describe(summary="List jobs", responses=pages.page_of(JobSummary))
    def get(self, request: Request) -> Response:
        """Newest first, of the jobs that you may see."""
        request_of_page = parameters.page_of(self.query)
        # Not by a join: for that, the planner may sort all of the jobs.
        visible = Job.objects.with_running().visible_to(request.user).prefetch_related("owner")
        page = request_of_page.of(_narrow(visible, self.query), newest_first=True)
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

        The body is the assignment's, with an optional `priority`; or a file of visits: CSV or an Excel workbook with
        the columns `store_id`, `visit_time` and `image_url`, a row per image, or what an export wrote. A store that is
        not in the store master is accepted: its images fail as `unknown_store`. A priority above 0 needs the
        permission to prioritize jobs. `callback_url` is told when the job has ended, or of `callback_events`; the
        answer shows the secret that signs, this once.
        """
        # Before the body is parsed: a file is read from the stream, once.
        token = read_idempotency_token(request, self.query)
        payload, priority, callback = submission_schema.read(submissions.read_submission(request, self.query).body)
        _require_priority(request, priority)
        owner = request.user if request.user.is_authenticated else None
        submitted = submit(
            payload.visits,
            owner=owner,
            on_error=payload.on_error,
            priority=priority,
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


class OneJob(JobView):
    scopes = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
    refusals = {"PATCH": (409,), "DELETE": (409,)}

    @describe(
        summary="Read a job",
        parameters=[_ETAG, _IF_NONE_MATCH],
        responses={200: JobDetail, 304: OpenApiResponse(description="Nothing but the estimate has changed.")},
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """The job's state and counts, from a few rows, whatever its size."""
        job = self.find_job(job_id)
        waiting = waits([job])
        etag = etag_of(job, waiting.get(job.pk, NONE))
        known = parse_etags(request.headers.get("If-None-Match", ""))
        # A weak comparison, as RFC 9110, section 13.1.2, requires.
        if "*" in known or etag in known or etag.removeprefix("W/") in known:
            return Response(status=304, headers={"ETag": etag})
        return Response(detail_of(job, waiting), headers={"ETag": etag})

    @describe(
        summary="Change a job's priority",
        request={"application/json": _PRIORITY},
        responses=JobDetail,
        examples=[OpenApiExample("Sooner", {"priority": 3}, request_only=True)],
    )
    def patch(self, request: Request, job_id: str) -> Response:
        """Moves its unfinished images in the queue, by an hour for each step; a higher priority is sooner.

        One above 0 needs the permission to prioritize jobs.
        """
        values = request_bodies.read_object(request.data, {"priority": request_bodies.priority}, ("priority",))
        job = self.find_job(job_id)
        _require_priority(request, values["priority"])
        actions.prioritize(job.pk, values["priority"], request.user)
        return Response(detail_of(self.find_job(job_id)))

    @describe(
        summary="Delete a job",
        request=None,
        responses={204: OpenApiResponse(description="It is deleted, and cannot be restored.")},
    )
    def delete(self, request: Request, job_id: str) -> Response:
        """With its visits, images and history; their number stays in the totals, and who deleted it on record.

        It takes the permission to delete jobs. 409 where the job has not ended: cancel it first.
        """
        request_bodies.read_nothing(request.data)
        actions.delete(self.find_job(job_id).pk, request.user)
        return Response(status=204)


class StoreErrors(JobView):
    parameters = {"GET": parameters.PAGE}

    @describe(summary="List a job's failed stores", responses=pages.page_of(StoreError))
    def get(self, request: Request, job_id: str) -> Response:
        """One sentence for each store with failures, in order of the submission; empty until the job has ended."""
        asked = parameters.page_of(self.query)
        found = stored(self.find_job(job_id).pk, asked.limit, asked.after)
        end = asked.after + len(found.entries)
        page = Page(found.entries, write_cursor(end) if end < found.total else None)
        return Response(pages.answer(StoreError, page))


def _require_priority(request: Request, priority: int) -> None:
    """Raises a Refusal."""
    if not rights.may_prioritize(request.user, priority):
        raise problems.Refusal(Problem.NOT_ALLOWED, rights.NEEDS_PRIORITIZE)


def _narrow(jobs: JobQuerySet, query: dict[str, Any]) -> JobQuerySet:
    if "state" in query:
        jobs = jobs.in_state(JobState(query["state"]))
    if "outcome" in query:
        jobs = jobs.with_outcome(JobOutcome(query["outcome"]))
    if "store" in query:
        jobs = jobs.filter(pk__in=Visit.objects.filter(store_id=query["store"]).values("job"))
    if "owner" in query:
        jobs = jobs.filter(owner__in=list(User.objects.filter(username=query["owner"])))
    if "created_from" in query:
        jobs = jobs.filter(created_at__gte=query["created_from"])
    if "created_to" in query:
        jobs = jobs.filter(created_at__lt=query["created_to"])
    return jobs
