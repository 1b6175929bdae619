"""Rehearse a submission: what would happen, before anything is stored."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Scope
from api.v1 import request_bodies, submission_schema
from api.v1.describe import describe
from api.v1.problems import pointer
from api.v1.views import V1View
from jobs.submission.dry_run import Finding, dry_run


class FindingRow(serializers.Serializer[Finding]):
    """One thing that is wrong, or worth a look."""

    code = serializers.CharField(help_text="Stable: branch on it.")
    detail = serializers.CharField(source="message")
    pointer = serializers.SerializerMethodField(help_text="A JSON Pointer into the body; `#` is all of it.")

    def get_pointer(self, finding: Finding) -> str:
        return pointer(finding.path)


class Numbers(serializers.Serializer[Any]):
    """Of the sound visits."""

    visits = serializers.IntegerField(min_value=0)
    images = serializers.IntegerField(min_value=0)
    stores = serializers.IntegerField(min_value=0)
    hosts = serializers.IntegerField(min_value=0, help_text="Of URLs that will be fetched.")


class Group(serializers.Serializer[Any]):
    """Things alike in the body."""

    subject = serializers.CharField(help_text="What they share.")
    count = serializers.IntegerField(min_value=1)
    places = serializers.ListField(child=serializers.CharField(), help_text="Where the first of them stand.")


class Groups(serializers.Serializer[Any]):
    """The largest groups; `total` are there, with `count` things in all."""

    total = serializers.IntegerField(min_value=0)
    count = serializers.IntegerField(min_value=0)
    listed = Group(many=True)


class RehearsalRow(serializers.Serializer[Any]):
    """What a submission would come to; all but `errors` speaks of the sound visits alone."""

    accepted = serializers.BooleanField(help_text="Whether it would be accepted: there are no `errors`.")
    errors = FindingRow(many=True)  # type: ignore[assignment]  # the metaclass takes the fields away
    warnings = FindingRow(many=True)
    numbers = Numbers()
    unknown_stores = Groups()
    repeated_urls = Groups()
    repeated_visits = Groups()
    refused_urls = Groups()
    undated_visits = Groups()
    seconds = serializers.SerializerMethodField(
        help_text="How long it may take with all seats to itself; null where no worker is alive."
    )

    @extend_schema_field({"type": ["number", "null"], "minimum": 0})
    def get_seconds(self, rehearsal: Any) -> float | None:
        seconds: float | None = rehearsal.seconds
        return seconds


class Validate(V1View):
    scopes = {"POST": Scope.SUBMIT}

    @describe(
        summary="Rehearse a submission",
        # Whatever JSON it is: the answer says what is wrong with it.
        request={"application/json": {"description": "What `POST /api/v1/jobs` would be sent."}},
        responses=RehearsalRow,
        examples=[OpenApiExample("Two visits", submission_schema.EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """What would happen if this were submitted; nothing is stored, resolved or fetched.

        200 also where it would be refused: `errors` lists why, with the places.
        """
        data = request.data
        found: dict[str, Any] = RehearsalRow(
            dry_run(data, request.user if request.user.is_authenticated else None)
        ).data
        if isinstance(data, dict) and "priority" in data:
            found = {**found, **_with_priority(found, data["priority"])}
        return Response(found)


def _with_priority(found: Any, priority: Any) -> dict[str, Any]:
    """What the priority, which the assignment's bodies do not have, adds to what was found."""
    try:
        request_bodies.priority(priority)
    except request_bodies.Unacceptable as fault:
        finding = FindingRow(Finding("invalid", f"priority {fault}.", ("priority",))).data
        return {"accepted": False, "errors": [*found["errors"], finding]}
    return {}
