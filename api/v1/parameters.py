"""Query parameters: their names, how they are read, and how the documentation describes them.

A parameter that a path does not know is an error and never ignored: a misspelt filter would widen a retry or an
export to everything.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import QueryDict
from rest_framework.exceptions import ParseError

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT, PageRequest, read_cursor, read_limit
from api.v1.problems import invalid_parameters
from jobs.models import ImageFilter
from jobs.models.image_result import MAX_HOST
from jobs.models.job import MAX_REFERENCE
from jobs.states import ImageState
from jobs.submission.dates import read_period
from jobs.submission.payload import MAX_METADATA_NAME, MAX_METADATA_VALUE, MAX_STORE_ID
from stores.models.store_import import MAX_SHEET

# The most unknown names that one answer lists, and the most characters of each that it repeats.
MOST_NAMES = 20
LONGEST_NAME = 64


class Unreadable(Exception):
    """What is wrong with a value; the text completes a sentence that begins with the parameter's name."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """`read` converts the text, or raises Unreadable; `schema` describes the same in JSON Schema."""

    name: str
    description: str
    read: Callable[[str], Any]
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})


def read_all(query: QueryDict, known: Sequence[Parameter]) -> dict[str, Any]:
    """The values of the given parameters, by name. Raises a Refusal that lists every fault."""
    by_name = {parameter.name: parameter for parameter in known}
    errors = _unknown(query.keys() - by_name.keys(), by_name)
    values = {}
    for name in query.keys() & by_name.keys():
        texts = query.getlist(name)
        try:
            if len(texts) > 1:
                raise Unreadable("may be given once")
            if "\0" in texts[0]:
                raise Unreadable("holds a NUL character")
            values[name] = by_name[name].read(texts[0])
        except Unreadable as fault:
            errors.append((name, f"{name} {fault}."))
    if errors:
        raise invalid_parameters(sorted(errors))
    return values


def page_of(values: dict[str, Any]) -> PageRequest:
    """Removes CURSOR and LIMIT from `values`."""
    return PageRequest(values.pop("cursor", 0), values.pop("limit", DEFAULT_LIMIT))


def _unknown(names: Collection[str], known: Collection[str]) -> list[tuple[str, str]]:
    knows = f"this path knows {', '.join(known)}" if known else "this path knows none"
    return [
        (name[:LONGEST_NAME], f"{name[:LONGEST_NAME]} is no parameter here; {knows}.")
        for name in sorted(names)[:MOST_NAMES]
    ]


def text(name: str, description: str, longest: int, *, shortest: int = 0) -> Parameter:
    def read(value: str) -> str:
        if not shortest <= len(value) <= longest:
            least = f"{shortest} to" if shortest else "at most"
            raise Unreadable(f"must have {least} {longest} characters")
        return value

    schema = {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": r"^[^\u0000]*$"}
    return Parameter(name, description, read, schema)


def choice(name: str, description: str, values: Iterable[str]) -> Parameter:
    allowed = list(values)

    def read(value: str) -> str:
        if value not in allowed:
            raise Unreadable(f"must be {' or '.join(filter(None, [', '.join(allowed[:-1]), allowed[-1]]))}")
        return value

    return Parameter(name, description, read, {"type": "string", "enum": allowed})


def integer(name: str, description: str, lowest: int, highest: int) -> Parameter:
    def read(value: str) -> int:
        if not re.fullmatch("-?[0-9]{1,9}", value) or not lowest <= int(value) <= highest:
            raise Unreadable(f"must be an integer from {lowest} to {highest}")
        return int(value)

    return Parameter(name, description, read, {"type": "integer", "minimum": lowest, "maximum": highest})


def boolean(name: str, description: str) -> Parameter:
    def read(value: str) -> bool:
        if value not in ("true", "false"):
            raise Unreadable("must be true or false")
        return value == "true"

    return Parameter(name, description, read, {"type": "boolean", "default": False})


def since(name: str, description: str) -> Parameter:
    return _instant(name, description, lambda period: period[0])


def until(name: str, description: str) -> Parameter:
    """Inclusive: the value is the first instant after the period."""
    return _instant(name, description, lambda period: period[1])


def _instant(name: str, description: str, pick: Callable[[tuple[datetime, datetime]], datetime]) -> Parameter:
    def read(value: str) -> datetime:
        period = read_period(value)
        if period is None:
            raise Unreadable(
                "must be a date such as 2026-01-31 or an RFC 3339 time such as 2026-01-31T17:00:00Z "
                "(in a URL, the + of an offset is written %2B)"
            )
        return pick(period)

    return Parameter(name, description, read)


def _unreadable_instead(read: Callable[[str], int]) -> Callable[[str], int]:
    def read_or_raise(value: str) -> int:
        try:
            return read(value)
        except ParseError as error:
            raise Unreadable(re.sub(r"^\w+ |\.$", "", str(error.detail))) from None

    return read_or_raise


CURSOR = Parameter("cursor", "The `next_cursor` of the page before.", _unreadable_instead(read_cursor))
LIMIT = Parameter(
    "limit",
    "Rows of one page.",
    _unreadable_instead(read_limit),
    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
)
PAGE = (CURSOR, LIMIT)

# How a body that is a table is read.
TABLE = (
    text(
        "encoding",
        "The encoding of a CSV file; by default the Content-Type's charset, else detected. 400 where the two differ.",
        40,
        shortest=1,
    ),
    text("sheet", "A workbook's sheet; by default the first that is not hidden.", MAX_SHEET, shortest=1),
)


def client_reference(whose: str) -> Parameter:
    return text("client_reference", f"{whose} to which its client gave this id.", MAX_REFERENCE, shortest=1)


def metadata(whose: str) -> Parameter:
    """Its value is a pair."""

    def read(value: str) -> tuple[str, str]:
        name, colon, wanted = value.partition(":")
        if not colon or not 1 <= len(name) <= MAX_METADATA_NAME or len(wanted) > MAX_METADATA_VALUE:
            raise Unreadable(
                f"must be name:value, a name of 1 to {MAX_METADATA_NAME} characters and a value of at most "
                f"{MAX_METADATA_VALUE}"
            )
        return name, wanted

    description = f"{whose} whose metadata has this value under this name: `name:value`, all of it as sent."
    pattern = rf"^[^:\u0000]{{1,{MAX_METADATA_NAME}}}:[^\u0000]{{0,{MAX_METADATA_VALUE}}}$"
    return Parameter("metadata", description, read, {"type": "string", "pattern": pattern})


STATE = choice("state", "Images in this state.", ImageState.values)
CODE = text("code", "Failed images with this error code, such as `http_404`.", 32)
HOST = text("host", "Images from this host, in lower case; empty: those whose URL names none.", MAX_HOST)
STORE = text("store", "Images of this store, by its id as sent.", MAX_STORE_ID)
AREA = text("area", "Images of stores in this area; empty: of stores that the store master does not hold.", 64)
MOST_GROUP = 999_999_999
GROUP = integer(
    "group", "Only what belongs to stores of this group, by its id; a group that there is not has none.", 1, MOST_GROUP
)
IMAGES = (STATE, CODE, HOST, STORE, AREA, GROUP)
FAILED_IMAGES = (CODE, HOST, STORE, AREA, GROUP)


def filter_of(values: dict[str, Any]) -> ImageFilter:
    """The filter made of those parameters of IMAGES that are among `values`."""
    return ImageFilter(**{parameter.name: values.get(parameter.name) for parameter in IMAGES})
