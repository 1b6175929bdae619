"""The body that saves or changes a report: how its fields are read, and its description."""

from collections.abc import Callable
from typing import Any

from api.v1 import parameters, request_bodies, scopes
from api.v1.request_bodies import Unacceptable
from insights.default_period import WEEKS
from insights.models import Dimension, Measure, Period
from insights.models.report import MAX_NAME, MOST_DAYS, MOST_WEEKS
from stores.models.category import MAX_CATEGORY
from stores.models.store import MAX_LENGTHS


def _columns(value: Any) -> list[str]:
    known = Measure.values
    if not isinstance(value, list) or not 1 <= len(value) <= len(known) or any(each not in known for each in value):
        raise Unacceptable(f"must be a list of some of {', '.join(known)}")
    if len({*value}) < len(value):
        raise Unacceptable("must not name a column twice")
    return value


def _day(value: Any) -> Any:
    if not isinstance(value, str):
        raise Unacceptable("must be a day such as 2026-01-31")
    try:
        return scopes.PERIOD[0].read(value)
    except parameters.Unreadable as fault:
        raise Unacceptable(str(fault)) from None


FIELDS: dict[str, Callable[[Any], Any]] = {
    "name": request_bodies.text(MAX_NAME),
    "dimension": request_bodies.one_of(Dimension.values),
    "columns": _columns,
    "period": request_bodies.one_of(Period.values),
    "weeks": request_bodies.whole_number(1, MOST_WEEKS),
    "since": request_bodies.or_null(_day),
    "until": request_bodies.or_null(_day),
    "area": request_bodies.or_null(request_bodies.text(MAX_LENGTHS["area_code"])),
    "category": request_bodies.or_null(request_bodies.text(MAX_CATEGORY)),
    "group": request_bodies.or_null(request_bodies.whole_number(1, parameters.MOST_GROUP)),
    "store": request_bodies.or_null(request_bodies.text(MAX_LENGTHS["store_id"])),
}


def _text(longest: int, description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "maxLength": longest, "description": description}


_PROPERTIES: dict[str, Any] = {
    "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "description": "Once among your reports."},
    "dimension": {"type": "string", "enum": Dimension.values, "default": Dimension.AREA.value},
    "columns": {
        "type": "array",
        "items": {"type": "string", "enum": Measure.values},
        "minItems": 1,
        "uniqueItems": True,
    },
    "period": {
        "type": "string",
        "enum": Period.values,
        "default": Period.WEEKS.value,
        "description": "The last weeks, today included; the last full month; or `fixed`, from `since` to `until`.",
    },
    "weeks": {"type": "integer", "minimum": 1, "maximum": MOST_WEEKS, "default": WEEKS},
    "since": {"type": ["string", "null"], "format": "date"},
    "until": {"type": ["string", "null"], "format": "date", "description": f"At most {MOST_DAYS} days, both included."},
    "area": _text(MAX_LENGTHS["area_code"], "Of stores in this area."),
    "category": _text(MAX_CATEGORY, "Of stores of this category; empty: of those without one."),
    "group": {"type": ["integer", "null"], "minimum": 1, "description": "Of stores in this group, by its id."},
    "store": _text(MAX_LENGTHS["store_id"], "Of this store."),
}
BODY = {"type": "object", "properties": _PROPERTIES, "additionalProperties": False}
EXAMPLE = {
    "name": "Failures by area",
    "dimension": "area",
    "columns": ["visits", "images", "failed", "failure_rate"],
    "period": "weeks",
    "weeks": WEEKS,
}
