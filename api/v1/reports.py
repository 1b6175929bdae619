"""Saved reports of visits, and their rows."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.pagination import write_cursor
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.figures import FIGURE, About, about
from api.v1.problem_types import Problem
from api.v1.report_bodies import BODY, EXAMPLE, FIELDS
from api.v1.views import V1View, find_by_id, path_id
from insights import reports
from insights.models import Dimension, Measure, Period, Report
from insights.models.report import MOST_REPORTS
from insights.report_files import ReportFile, as_json, filename
from insights.scope import as_of
from jobs.reporting.exports import ExportFormat

REPORT_ID = path_id("report_id", "A report's id.")
_FORMAT = parameters.choice(
    "format", "By default JSON, page by page; the others are all rows as a file.", ["json", *ExportFormat]
)
_JSON = "json"


class ReportRow(serializers.Serializer[Report]):
    """One saved report."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    dimension = serializers.ChoiceField(choices=Dimension.values, help_text="What its rows are.")
    columns = serializers.ListField(child=serializers.ChoiceField(choices=Measure.values))
    period = serializers.ChoiceField(choices=Period.values)
    weeks = serializers.IntegerField(help_text="Of the period `weeks`.")
    since = serializers.DateField(allow_null=True, help_text="Of the period `fixed`.")
    until = serializers.DateField(allow_null=True)
    area = serializers.CharField(allow_null=True)
    category = serializers.CharField(allow_null=True, help_text="Empty: stores without one.")
    group = serializers.IntegerField(allow_null=True)
    store = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    @extend_schema_field(
        {
            "type": "object",
            "properties": {"rows": {"type": "string", "format": "uri-reference"}},
            "required": ["rows"],
        }
    )
    def get_links(self, report: Report) -> dict[str, str]:
        return {"rows": reverse("v1:report-rows", kwargs={"report_id": report.pk})}


_ROW = {
    "type": "object",
    "properties": {
        "key": {"type": ["string", "null"], "description": "Null: of stores that the store master does not have."},
        "name": {"type": ["string", "null"], "description": "The store's, of a report by store."},
        **{measure.value: FIGURE if measure.is_figure else {"type": "integer", "minimum": 0} for measure in Measure},
    },
    "required": ["key", "name"],
    "additionalProperties": False,
}


class ReportAnswer(About):
    """A page of a report's rows. `fetch_ms` is in milliseconds, `turnaround` in seconds."""

    class Meta:
        ref_name = "ReportRows"  # its name in the OpenAPI document

    rows = serializers.IntegerField(min_value=0, help_text="In all.")
    total = serializers.SerializerMethodField(
        help_text="Of all visits; null by group, since a store may be in several, and where there are no visits."
    )
    results = serializers.SerializerMethodField(help_text="In the order of `key`; with the report's columns.")
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")

    @extend_schema_field({"oneOf": [_ROW, {"type": "null"}]})
    def get_total(self, answer: Any) -> Any:
        return answer["total"]

    @extend_schema_field({"type": "array", "items": _ROW})
    def get_results(self, answer: Any) -> Any:
        return answer["results"]


class _ReportView(V1View):
    tag = "reports"

    def own(self) -> Any:
        return Report.objects.owned_by(self.request.user)


class Reports(_ReportView):
    scopes = {"POST": Scope.MANAGE}
    parameters = {"GET": parameters.PAGE}
    refusals = {"POST": (409,)}

    @describe(summary="List reports", responses=pages.page_of(ReportRow))
    def get(self, request: Request) -> Response:
        """Your own, in the order in which they were saved."""
        return Response(pages.answer(ReportRow, parameters.page_of(self.query).of(self.own())))

    @describe(
        summary="Save a report",
        request={"application/json": {**BODY, "required": ["name"]}},
        responses={201: ReportRow},
        examples=[OpenApiExample("Failures by area", EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Its rows are computed whenever they are read. 409 where you have a report of this name, or too many."""
        values = request_bodies.read_object(request.data, FIELDS, ("name",))
        report = Report(owner=rights.owner_of(request.user), **values)
        if self.own().count() >= MOST_REPORTS:
            raise problems.Refusal(Problem.CONFLICT, f"You have {MOST_REPORTS} reports: delete one first.")
        _save(report)
        return Response(ReportRow(report).data, status=201)


class OneReport(_ReportView):
    scopes = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
    refusals = {"PATCH": (409,)}
    path_parameters = (REPORT_ID,)

    @describe(summary="Read a report", responses=ReportRow)
    def get(self, request: Request, report_id: str) -> Response:
        """What it asks; its rows are under `links`."""
        return Response(ReportRow(find_by_id(self.own(), report_id, "report")).data)

    @describe(
        summary="Change a report",
        request={"application/json": BODY},
        responses=ReportRow,
        examples=[OpenApiExample("A longer period", {"period": "weeks", "weeks": 26}, request_only=True)],
    )
    def patch(self, request: Request, report_id: str) -> Response:
        """What is not given stays as it is. 409 where you have another report of this name."""
        values = request_bodies.read_object(request.data, FIELDS)
        with transaction.atomic():
            report = find_by_id(self.own().select_for_update(), report_id, "report")
            for name, value in values.items():
                setattr(report, name, value)
            _save(report)
        return Response(ReportRow(report).data)

    @describe(
        summary="Delete a report",
        request=None,
        responses={204: OpenApiResponse(description="It is deleted; the visits are not.")},
    )
    def delete(self, request: Request, report_id: str) -> Response:
        """The saved question alone; nothing that it is about."""
        request_bodies.read_nothing(request.data)
        find_by_id(self.own(), report_id, "report").delete()
        return Response(status=204)


class ReportRows(_ReportView):
    # A HEAD would compute the whole report as well.
    http_method_names = ["get"]
    path_parameters = (REPORT_ID,)
    parameters = {"GET": (_FORMAT, *parameters.PAGE)}
    refusals = {"GET": (409,)}

    @describe(
        summary="Read a report's rows",
        responses={
            (200, "application/json"): ReportAnswer,
            (200, ExportFormat.CSV.content_type): {"type": "string"},
            (200, ExportFormat.NDJSON.content_type): {"type": "string"},
        },
    )
    def get(self, request: Request, report_id: str) -> HttpResponseBase:
        """Computed now, of the visits of jobs that you may read.

        As a file it is streamed; one that fails is cut off without its last chunk. 409 where it has too many rows.
        """
        report = find_by_id(self.own(), report_id, "report")
        form = self.query.pop("format", _JSON)
        try:
            return self._page(report) if form == _JSON else self._file(report, ExportFormat(form))
        except reports.TooManyRows as fault:
            raise problems.Refusal(Problem.CONFLICT, str(fault)) from None

    def _page(self, report: Report) -> Response:
        asked = parameters.page_of(self.query)
        scope = reports.scope_of(report, self.request.user)
        found = reports.rows(report, self.request.user, asked.after, asked.limit)
        end = asked.after + len(found.rows)
        answer = {
            **about(scope, as_of()),
            "rows": found.number,
            "total": found.total and as_json(found.total),
            "results": [as_json(row) for row in found.rows],
            "next_cursor": write_cursor(end) if end < found.number else None,
        }
        return Response(ReportAnswer(answer).data)

    def _file(self, report: Report, form: ExportFormat) -> StreamingHttpResponse:
        if self.query:
            raise problems.invalid_parameters([(name, f"{name} is for JSON alone.") for name in sorted(self.query)])
        response = StreamingHttpResponse(ReportFile(report, self.request.user, form), content_type=form.content_type)
        response["Content-Disposition"] = f'attachment; filename="{filename(report, form)}"'
        return response


def _save(report: Report) -> None:
    """Raises InvalidPayload, and a Refusal where the owner has another report of this name."""
    try:
        report.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise request_bodies.refused(error) from None
    try:
        with transaction.atomic():
            report.save()
    except IntegrityError:
        raise problems.Refusal(Problem.CONFLICT, f"You have another report named {report.name!r}.") from None
    report.refresh_from_db()
