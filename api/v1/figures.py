"""Figures with how sure they are, as every answer about stores and areas writes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from insights.figures import FEWEST

FIGURE = {
    "type": "object",
    "description": f"Of `n`, with its 95 % interval. Where it is null, `why` says why: `too_few` is below {FEWEST}.",
    "properties": {
        "value": {"type": ["number", "null"]},
        "low": {"type": "number"},
        "high": {"type": "number"},
        "n": {"type": "integer", "minimum": 0},
        "why": {"type": "string", "enum": ["too_few", "one_block", "no_others"]},
    },
    "required": ["value", "n"],
    "additionalProperties": False,
}


@extend_schema_field(FIGURE)
class FigureField(serializers.Field[Any, Any, Any, Any]):
    """A figure with its interval."""

    def to_representation(self, value: Any) -> Any:
        return value.as_json()
