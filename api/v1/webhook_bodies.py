"""Request bodies about webhooks: how they are read, and how the documentation describes them."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from api.v1.parameters import Unreadable
from api.v1.parameters import since as since_parameter
from api.v1.request_bodies import Unacceptable, boolean, text
from webhooks import endpoints, signing
from webhooks.kinds import SUBSCRIBABLE, EventType
from webhooks.models.endpoint import LONGEST_NAME, LONGEST_URL

# What a single job may ask for: its own events.
OF_A_JOB = [EventType.JOB_STARTED, EventType.JOB_PROGRESS, EventType.JOB_ENDED, EventType.IMAGE_FAILED]
# So many bytes are what Standard Webhooks asks for.
_SECRET_RULE = f"{signing.PREFIX} and 24 to 64 bytes in base64"
_FOUR, _THREE, _TWO = "[A-Za-z0-9+/]{4}", "[A-Za-z0-9+/]{3}=", "[A-Za-z0-9+/]{2}=="
_SECRET = f"{signing.PREFIX}(?:(?:{_FOUR}){{8,20}}(?:{_FOUR}|{_THREE}|{_TWO})?|(?:{_FOUR}){{21}}{_TWO})"
_SINCE = since_parameter("since", "")


def url(value: Any) -> str:
    """An address that something may be sent to, by its text. Raises Unacceptable."""
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_URL:
        raise Unacceptable(f"must be a string of 1 to {LONGEST_URL:,} characters")
    try:
        return endpoints.checked_url(value)
    except endpoints.Refused as refused:
        raise Unacceptable(f"is refused: {refused}".removesuffix(".")) from None


def events(known: Sequence[EventType]) -> Callable[[Any], list[str]]:
    names = [event.value for event in known]

    def read(value: Any) -> list[str]:
        if not isinstance(value, list) or not value or len(value) > len(names):
            raise Unacceptable(f"must be a list of 1 to {len(names)} events")
        for at, each in enumerate(value):
            if each not in names:
                raise Unacceptable(f"[{at}] is no event here; known are {', '.join(names)}")
        if len(set(value)) < len(value):
            raise Unacceptable("must name each event once")
        return value

    return read


def secret(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_SECRET, value):
        raise Unacceptable(f"must be {_SECRET_RULE}")
    return value


def since(value: Any) -> Any:
    """An instant, or a day's first. Raises Unacceptable."""
    try:
        return _SINCE.read(value if isinstance(value, str) else "")
    except Unreadable as fault:
        raise Unacceptable(str(fault)) from None


def _name(value: Any) -> str:
    try:
        return endpoints.checked_name(text(LONGEST_NAME)(value))
    except endpoints.Refused as refused:
        raise Unacceptable(f"is refused: {refused}".removesuffix(".")) from None


NEW: dict[str, Callable[[Any], Any]] = {
    "url": url,
    "events": events(SUBSCRIBABLE),
    "name": _name,
    "of_all": boolean,
}
CHANGES = {"url": url, "events": NEW["events"], "name": _name, "enabled": boolean}
SINCE = {"since": since}

URL = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_URL,
    "not": {"pattern": r"[\u0000-\u0020\u007f-\u009f\\]"},
    "description": "An http or https address at a public address and an allowed port.",
}
SECRET = {
    "type": "string",
    "pattern": f"^{_SECRET}$",
    # To some programs, the end of a pattern is also before a line's last end.
    "not": {"pattern": r"\n"},
    "description": f"Yours to choose: {_SECRET_RULE}. By default the service makes one.",
}


def events_schema(known: Sequence[EventType]) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"enum": [event.value for event in known]},
        "minItems": 1,
        "uniqueItems": True,
    }


_CHANGEABLE: dict[str, Any] = {
    "url": URL,
    "events": events_schema(SUBSCRIBABLE),
    "name": {"type": "string", "maxLength": LONGEST_NAME, "description": "For you."},
}
_OF_ALL = {
    "of_all": {
        "type": "boolean",
        "default": False,
        "description": "Told of everybody's jobs; it takes the right to read all jobs, then and whenever it is told.",
    },
}
NEW_BODY = {
    "type": "object",
    "properties": {**_CHANGEABLE, **_OF_ALL},
    "required": ["url", "events"],
    "additionalProperties": False,
}
CHANGES_BODY = {
    "type": "object",
    "properties": {
        **_CHANGEABLE,
        "enabled": {"type": "boolean", "description": "`true` is the way back after it was disabled."},
    },
    "additionalProperties": False,
}
SINCE_BODY = {
    "type": "object",
    "properties": {"since": {"type": "string", "description": "RFC 3339, or a date, which is that day in UTC."}},
    "required": ["since"],
    "additionalProperties": False,
}
EXAMPLE = {"url": "https://warehouse.example/hooks/retail-pulse", "events": ["job.ended"], "name": "Warehouse"}
