"""Where a store is and what its clock says: the cells of a file, read strictly. Nothing here knows the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from zoneinfo import available_timezones

# The most degrees north and east.
BOUNDS = {"latitude": 90, "longitude": 180}
# Characters of a cell in a sentence.
SHOWN = 40
_DEGREES = re.compile(r"[+-]?[0-9]{1,3}(?:[.,][0-9]{1,20})?(?:[eE]-?[0-9]{1,2})?")


class Place(NamedTuple):
    """In degrees, both or neither; the zone's name is empty where it is not known."""

    latitude: float | None = None
    longitude: float | None = None
    timezone: str = ""


NOWHERE = Place()


class Misplaced(Exception):
    """Why a row has no place that can be stored: of which field, and in words that continue its column's title."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def read_place(cells: Mapping[str, str]) -> Place:
    """Of the cells by field, those of columns that the file has. A blank one is not known. Raises Misplaced."""
    latitude, longitude = (_degrees(field, cells.get(field, "").strip()) for field in BOUNDS)
    if (latitude is None) != (longitude is None):
        blank, other = ("latitude", "Longitude") if latitude is None else ("longitude", "Latitude")
        raise Misplaced(blank, f"is blank where {other} is not: fill in both, or neither")
    return Place(latitude, longitude, _zone(cells.get("timezone", "").strip()))


def _degrees(field: str, text: str) -> float | None:
    if not text:
        return None
    most = BOUNDS[field]
    if not _DEGREES.fullmatch(text):
        raise Misplaced(field, f"is {text[:SHOWN]!r}: write degrees from -{most} to {most}, such as 12.3456")
    value = float(text.replace(",", "."))
    if not -most <= value <= most:
        swapped = "; are the two swapped?" if field == "latitude" and abs(value) <= BOUNDS["longitude"] else ""
        raise Misplaced(field, f"is {text[:SHOWN]}, which is not from -{most} to {most} degrees{swapped}")
    return value


@cache
def _zones() -> dict[str, str]:
    """Names of the IANA's time zone database, by themselves in lower case."""
    return {name.casefold(): name for name in available_timezones() if "/" in name or name == "UTC"}


def _zone(text: str) -> str:
    if not text:
        return ""
    zone = _zones().get(text.casefold())
    if zone is None:
        raise Misplaced("timezone", f"is {text[:SHOWN]!r}, which is no time zone: write one such as Asia/Kolkata")
    return zone
