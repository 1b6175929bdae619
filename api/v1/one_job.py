"""One job: read, wait for news of it, prioritize, delete; its failed stores."""

from collections.abc import Sequence
from typing import NamedTuple

from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Scope
from access.throttles import principal
from api.pagination import Page, write_cursor
from api.v1 import pages, parameters, request_bodies, submission_schema
from api.v1.describe import describe
from api.v1.job_serializers import JobDetail, StoreError, detail_of, etag_of
from api.v1.prefer import MOST_SECONDS, applied, wait_in
from api.v1.sse import NoStreamFree, TooManyStreams
from api.v1.views import JobView, require_priority
from api.v1.waiting import wait_until
from jobs import actions
from jobs.models import Job
from jobs.models.store_errors import stored
from jobs.reporting.hosts import NONE, Waits, waits
from jobs.states import JobState

_ETAG = OpenApiParameter(
    "ETag", {"type": "string"}, "header", response=[200, 304], description="Weak; covers everything but the estimate."
)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    {"type": "string"},
    "header",
    description="The ETag of an earlier answer: 304 if nothing has changed.",
)
_PREFER = OpenApiParameter(
    "Prefer",
    {"type": "string"},
    "header",
    description=f"`wait=30` (RFC 7240): answer when the job is another than the one of `If-None-Match`, or without "
    f"that header when it has changed or ended, after so many seconds at the latest, {MOST_SECONDS} at most.",
)
_PREFERENCE_APPLIED = OpenApiParameter(
    "Preference-Applied",
    {"type": "string"},
    "header",
    response=[200, 304],
    description="`wait=30`: for as long it would have waited. Without it, no place was free to wait in.",
)
_PRIORITY = {
    "type": "object",
    "properties": {"priority": submission_schema.PRIORITY},
    "required": ["priority"],
    "additionalProperties": False,
}


class _Seen(NamedTuple):
    """A job as it was read, with the hosts that it waits for."""

    job: Job
    waiting: dict[int, Waits]
    etag: str

    def is_known(self, etags: Sequence[str]) -> bool:
        """By a weak comparison, as RFC 9110, section 13.1.2, requires."""
        return "*" in etags or self.etag in etags or self.etag.removeprefix("W/") in etags


class OneJob(JobView):
    scopes = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
    refusals = {"PATCH": (409,), "DELETE": (409,)}

    @describe(
        summary="Read a job",
        parameters=[_ETAG, _IF_NONE_MATCH, _PREFER, _PREFERENCE_APPLIED],
        responses={200: JobDetail, 304: OpenApiResponse(description="Nothing but the estimate has changed.")},
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """The job's state and counts, from a few rows, whatever its size.

        With `Prefer: wait=30` it is answered when there is news: ask again with the ETag of each answer.
        """
        known = parse_etags(request.headers.get("If-None-Match", ""))
        seen = self._look(job_id)
        headers: dict[str, str] = {}
        if (seconds := wait_in(request.headers.get("Prefer", ""))) and "*" not in known:
            seen, headers = self._wait(request, seen, known, seconds)
        headers["ETag"] = seen.etag
        if seen.is_known(known):
            return Response(status=304, headers=headers)
        return Response(detail_of(seen.job, seen.waiting), headers=headers)

    def _look(self, job_id: str) -> _Seen:
        """Raises a Refusal."""
        job = self.find_job(job_id)
        waiting = waits([job])
        return _Seen(job, waiting, etag_of(job, waiting.get(job.pk, NONE)))

    def _wait(self, request: Request, first: _Seen, known: Sequence[str], seconds: int) -> tuple[_Seen, dict[str, str]]:
        """The job once it is another than what is known, or where nothing is, than `first`; and the answer's headers.

        Where no place is free, at once, and without the header that says that it has waited.
        """

        def is_news(seen: _Seen) -> bool:
            if known:
                return not seen.is_known(known)
            return seen.etag != first.etag or seen.job.state == JobState.ENDED

        job_id = first.job.pk
        try:
            seen = (
                first
                if is_news(first)
                else wait_until(
                    lambda: self._look(str(job_id)),
                    is_news,
                    job_id=job_id,
                    seconds=seconds,
                    client=principal(request),
                    environ=request._request.META,
                )
            )
        except (NoStreamFree, TooManyStreams):
            return first, {}
        return seen, applied(seconds)

    @describe(
        summary="Change a job's priority",
        request={"application/json": _PRIORITY},
        responses=JobDetail,
        examples=[OpenApiExample("Sooner", {"priority": 3}, request_only=True)],
    )
    def patch(self, request: Request, job_id: str) -> Response:
        """Moves its unfinished images in the queue, by an hour for each step; a higher priority is sooner.

        One above your own (`GET /api/v1/limits`, mostly 0) needs the permission to prioritize jobs.
        """
        values = request_bodies.read_object(request.data, {"priority": request_bodies.priority}, ("priority",))
        job = self.find_job(job_id)
        require_priority(request, values["priority"])
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
