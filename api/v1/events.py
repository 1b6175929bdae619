"""Server-sent events of one job, and of all jobs; `sse.py` describes a stream."""

from django.conf import settings
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from access.throttles import principal
from api.v1 import problems
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.sse import NoStreamFree, TooManyStreams, stream
from api.v1.views import JobView, V1View
from jobs.models import Job

POLL_SECONDS = 5

_LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID", {"type": "string"}, "header", description="The id of the last event received."
)


class JobEvents(JobView):
    http_method_names = ["get"]

    @describe(
        summary="Watch a job",
        parameters=[_LAST_EVENT_ID],
        responses={
            (200, "text/event-stream"): {
                "type": "string",
                "description": "Events `change` and finally `end`, each with the job's state and counts as JSON.",
            },
            204: OpenApiResponse(description="The job has ended and the client has seen it: do not reconnect."),
        },
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """Server-sent events. A stream ends after a while: reconnect with `Last-Event-ID`, as browsers do.

        503 where every stream is taken, 429 where you have too many: then poll the job every few seconds.
        """
        return _open(self.find_job(job_id), request)


class JobsEvents(V1View):
    http_method_names = ["get"]

    @describe(
        summary="Watch all jobs",
        responses={
            (200, "text/event-stream"): {
                "type": "string",
                "description": "An event `change` whenever any job has changed; it does not say which.",
            }
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Server-sent events that tell when to reload a list of jobs."""
        return _open(None, request)


def _open(job: Job | None, request: Request) -> HttpResponseBase:
    try:
        return stream(job, request.headers.get("Last-Event-ID", ""), principal(request))
    except TooManyStreams:
        raise problems.Refusal(
            Problem.TOO_MANY_STREAMS,
            f"At most {settings.LIVE_STREAMS_PER_CLIENT:,} streams of events are open at once for you or your address; "
            f"ask for the job every {POLL_SECONDS} s instead.",
            wait=POLL_SECONDS,
        ) from None
    except NoStreamFree:
        raise problems.Refusal(
            Problem.UNAVAILABLE,
            f"No stream of events is free now; ask for the job every {POLL_SECONDS} s instead.",
            wait=POLL_SECONDS,
        ) from None
