"""The results feed: every image's result once, in an order that only grows at its end; and the results of a period."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from api import cursors
from api.v1 import parameters
from api.v1.describe import describe
from api.v1.parameters import Parameter, Unreadable
from api.v1.problem_types import Problem
from api.v1.problems import Refusal, invalid_parameters
from api.v1.views import V1View
from jobs.models import Job
from jobs.models.finished_batch import MOST_IMAGES
from jobs.reporting import periods, results_feed
from jobs.reporting.exports import ExportFormat, Type, ndjson_lines, result_columns
from jobs.reporting.long_files import Chunks, chunks
from jobs.reporting.results_feed import BEGINNING, FeedSetBack, Place

# Instead of a cursor.
LATEST = "latest"
# That of a cursor: position, images read within, checksum.
_LAYOUT = ">QHI"
_MOST_POSITION = 2**63 - 1
_ABOUT = {
    "job_id": "The job that the image belongs to.",
    "image_id": "With `generation`, the key of a result.",
    "generation": "How often the image was retried: each retry leads to another result.",
    "owner": "The user who submitted the job; null where nobody was signed in.",
    "visit_time": "As sent.",
    "state": "completed or failed.",
    "perimeter": "2 * (height + width), in pixels.",
    "attempts": "Finished attempts since the last retry.",
    "retryable": "Whether a retry may help; null unless the image failed.",
}
_FIELDS: dict[Type, type[serializers.Field[Any, Any, Any, Any]]] = {
    Type.TEXT: serializers.CharField,
    Type.INTEGER: serializers.IntegerField,
    Type.TIME: serializers.DateTimeField,
    Type.FLAG: serializers.BooleanField,
    Type.JSON: serializers.JSONField,
}
_NEVER_NULL = ("job_id", "image_id", "generation", "visit_id", "store_id", "image_url", "state", "finished_at")

# As in the exports of jobs, for the documentation.
Result = type(
    "Result",
    (serializers.Serializer,),
    {
        "__doc__": "One image's result, as a line of an NDJSON export has it.",
        **{
            column.name: _FIELDS[column.kind.type](
                # Of JSON, null is a value like any other.
                allow_null=column.name not in _NEVER_NULL and column.kind.type is not Type.JSON,
                help_text=_ABOUT.get(column.name, ""),
            )
            for column in result_columns()
        },
    },
)


class ResultPage(serializers.Serializer[Any]):
    """Results in the order of the feed."""

    results = Result(many=True)
    next_cursor = serializers.CharField(help_text="`after` of the next request, on an empty page too: store it.")
    has_more = serializers.BooleanField(help_text="Whether to ask again at once; the next page may be empty.")


def write_cursor(place: Place) -> str:
    return cursors.write(_LAYOUT, *place)


def _read_after(text: str) -> Place | None:
    if text == LATEST:
        return None
    if not text:
        return BEGINNING
    numbers = cursors.read(_LAYOUT, text)
    place = None if numbers is None else Place(*numbers)
    if place is None or place.position > _MOST_POSITION or place.within > MOST_IMAGES:
        raise Unreadable(f"must be the next_cursor of an earlier answer, {LATEST}, or empty")
    return place


AFTER = Parameter(
    "after",
    "The `next_cursor` of the page before. Without it, or empty, from the beginning; `latest`: only what ends from now "
    "on.",
    _read_after,
)


class Results(V1View):
    tag = "results"
    parameters = {"GET": (AFTER, parameters.LIMIT)}
    refusals = {"GET": (409,)}

    @describe(summary="Read the results feed", responses=ResultPage)
    def get(self, request: Request) -> Response:
        """Results of completed and failed images of the jobs that one may read, each once: of what ends while the feed
        is read, too. Store `next_cursor` together with the results of its page, and go on there.

        A result whose image was retried since is left out, and the new one comes later. `limit` is of those looked at:
        pages may be shorter, and empty where `has_more` is true.
        """
        owners = rights.readable_owners(request.user)
        place = self.query.get("after", BEGINNING)
        limit = self.query.get("limit", parameters.LIMIT.schema["default"])
        try:
            page = results_feed.end(owners) if place is None else results_feed.read(owners, place, limit)
        except FeedSetBack:
            raise Refusal(Problem.FEED_SET_BACK, Problem.FEED_SET_BACK.value.explanation) from None
        names = [column.name for column in result_columns()]
        return Response(
            {
                "results": [dict(zip(names, row, strict=True)) for row in page.rows],
                "next_cursor": LATEST if page.place is None else write_cursor(page.place),
                "has_more": page.has_more,
            }
        )


_FROM = parameters.since("from", "Required: images that ended from this time on: RFC 3339, or a date, a day in UTC.")
_TO = parameters.until("to", "Required: up to this time, inclusive; it must be over.")


class ResultsExport(V1View):
    # A HEAD would run the whole export as well.
    http_method_names = ["get"]
    tag = "results"
    parameters = {"GET": (_FROM, _TO)}

    @describe(
        summary="Export the results of a period",
        responses={(200, ExportFormat.NDJSON.content_type): {"type": "string"}},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """NDJSON of all images that ended in the period, of the jobs that one may read, streamed, in no promised order.

        A stream that fails is cut off without its last chunk, which clients report as an error: then request it again,
        or a shorter period. `manage.py export_results` writes Parquet, too, and longer periods.
        """
        if missing := [name for name in ("from", "to") if name not in self.query]:
            raise invalid_parameters([(name, f"{name} is required.") for name in missing])
        since, until = self.query["from"], self.query["to"]
        if since >= until:
            raise invalid_parameters([("to", "to must not be before from.")])
        if until > (latest := periods.latest_end()):
            raise invalid_parameters([("to", f"to must be over: at the latest {_text(latest)}.")])
        columns = result_columns()
        seconds = settings.LONG_STATEMENT_SECONDS["export"]
        rows = periods.rows(Job.objects.visible_to(request.user), since, until, columns, seconds=seconds)
        form = ExportFormat.NDJSON
        response = StreamingHttpResponse(
            Chunks(chunks(ndjson_lines(columns, rows), rows)), content_type=form.content_type
        )
        name = f"results-{since:%Y%m%dT%H%M%SZ}-{until:%Y%m%dT%H%M%SZ}.{form}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _text(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
