"""Figures with how sure they are, as every answer about visits writes them; and what an answer is about."""

from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from insights.figures import FEWEST, REASONS
from insights.scope import Scope

FIGURE = {
    "type": "object",
    "description": f"Of `n`, with its 95 % interval. Where it is null, `why` says why: `too_few` is below {FEWEST}.",
    "properties": {
        "value": {"type": ["number", "null"]},
        "low": {"type": "number"},
        "high": {"type": "number"},
        "n": {"type": "integer", "minimum": 0},
        "why": {"type": "string", "enum": list(REASONS)},
    },
    "required": ["value", "n"],
    "additionalProperties": False,
}


@extend_schema_field(FIGURE)
class FigureField(serializers.Field[Any, Any, Any, Any]):
    """A figure with its interval."""

    def to_representation(self, value: Any) -> Any:
        return value.as_json()


class About(serializers.Serializer[Any]):
    """Of which days an answer's figures are, and until when what finished is in them."""

    as_of = serializers.DateTimeField(allow_null=True, help_text="What finished before is in it; null: nothing yet.")
    time_zone = serializers.CharField(help_text="In which hours, days and weeks begin: the service's, not the stores'.")
    since = serializers.DateField()
    until = serializers.DateField()


class AboutKnown(About):
    """The same, of the days asked for of which anything is known."""

    since = serializers.DateField(allow_null=True, help_text="The first day on which anything is known; null: none.")
    until = serializers.DateField(allow_null=True)


def about(scope: Scope | None, mark: datetime | None) -> dict[str, Any]:
    """The fields of `About`, or without a scope of `AboutKnown`; `mark` is the last refresh."""
    return {
        "as_of": mark,
        "time_zone": settings.INSIGHTS_TIME_ZONE,
        "since": scope.since if scope else None,
        "until": scope.until if scope else None,
    }
