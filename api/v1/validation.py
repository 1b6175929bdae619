"""Dry run of a submission: what would happen, before anything is stored."""

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import callbacks, pages, request_bodies, submission_schema, submissions
from api.v1.describe import describe
from api.v1.problems import pointer
from api.v1.views import V1View
from jobs.submission.dry_run import DryRun, Finding, dry_run


class FindingRow(serializers.Serializer[Finding]):
    """One error or warning."""

    code = serializers.CharField(help_text="Stable: branch on it.")
    detail = serializers.CharField(source="message")
    pointer = serializers.SerializerMethodField(help_text="A JSON Pointer into the body; `#` is the whole body.")

    def get_pointer(self, finding: Finding) -> str:
        return pointer(finding.path)


class Numbers(serializers.Serializer[Any]):
    """Counts over the valid visits."""

    visits = serializers.IntegerField(min_value=0)
    images = serializers.IntegerField(min_value=0)
    stores = serializers.IntegerField(min_value=0)
    hosts = serializers.IntegerField(min_value=0, help_text="Hosts of URLs that will be fetched.")


class Group(serializers.Serializer[Any]):
    """Parts of the body that have something in common."""

    subject = serializers.CharField(help_text="What they have in common.")
    count = serializers.IntegerField(min_value=1)
    places = serializers.ListField(child=serializers.CharField(), help_text="The places of the first of them.")


class Groups(serializers.Serializer[Any]):
    """The largest of `total` groups, which have `count` members altogether."""

    total = serializers.IntegerField(min_value=0)
    count = serializers.IntegerField(min_value=0)
    listed = Group(many=True)


class DryRunRow(serializers.Serializer[Any]):
    """What a submission would do; everything but `errors` covers only the valid visits."""

    class Meta:
        ref_name = "RehearsalRow"  # its name in the OpenAPI document

    accepted = serializers.BooleanField(help_text="Whether it would be accepted: there are no `errors`.")
    errors = FindingRow(many=True)  # type: ignore[assignment]  # the metaclass takes the fields away
    warnings = FindingRow(many=True)
    numbers = Numbers()
    unknown_stores = Groups()
    refused_by_rules = Groups()
    repeated_urls = Groups()
    repeated_visits = Groups()
    refused_urls = Groups()
    undated_visits = Groups()
    doubtful_stores = Groups()
    invisible_characters = Groups()
    several_urls = Groups()
    seconds = serializers.SerializerMethodField(
        help_text="How long it may take with all worker slots free; null where no worker is alive."
    )

    notes = serializers.SerializerMethodField(help_text="How a file was read; empty for JSON.")

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_notes(self, dry_run: Any) -> list[str]:
        notes: list[str] = self.context["notes"]
        return notes

    @extend_schema_field({"type": ["number", "null"], "minimum": 0})
    def get_seconds(self, dry_run: Any) -> float | None:
        seconds: float | None = dry_run.seconds
        return seconds


def document_of(found: DryRun, notes: list[str]) -> dict[str, Any]:
    """`notes` are sentences about how a file was read."""
    document: dict[str, Any] = DryRunRow(found, context={"notes": notes}).data
    return document


class Validate(V1View):
    parser_classes = submissions.PARSERS
    scopes = {"POST": Scope.SUBMIT}
    parameters = {"POST": submissions.OPTIONS}

    @describe(
        summary="Dry-run a submission",
        # Any JSON: the answer says what is wrong with it.
        request={
            "application/json": {"description": "What `POST /api/v1/jobs` would be sent."},
            **{kind: {"description": "A file of visits."} for kind in submissions.FILE_SCHEMAS},
        },
        responses=DryRunRow,
        examples=[OpenApiExample("Two visits", submission_schema.EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """What would happen if this were submitted; nothing is stored, resolved or fetched.

        200 even where it would be refused: `errors` lists the reasons, with their places.
        """
        read = submissions.read_submission(request, self.query)
        data = read.body
        found = document_of(dry_run(data, rights.owner_of(request.user)), read.notes)
        if isinstance(data, dict) and "priority" in data:
            found = {**found, **_with_priority(found, data["priority"], request.user)}
        _, faults = callbacks.read(data)
        if faults:
            errors = [Finding("invalid", f"{fault.sentence}.", fault.path) for fault in faults]
            found = {**found, "accepted": False, "errors": [*found["errors"], *pages.list_of(FindingRow, errors)]}
        return Response(found)


def _with_priority(found: Any, priority: Any, user: User | AnonymousUser) -> dict[str, Any]:
    """What the priority, which the assignment's bodies do not have, changes in the findings."""
    try:
        if rights.may_prioritize(user, request_bodies.priority(priority)):
            return {}
        finding = Finding("not_allowed", rights.needs_prioritize(user), ("priority",))
    except request_bodies.Unacceptable as fault:
        finding = Finding("invalid", f"priority {fault}.", ("priority",))
    return {"accepted": False, "errors": [*found["errors"], FindingRow(finding).data]}
