"""What the OpenAPI document says of the requests that webhooks are sent: a schema and an example of every event."""

from typing import Any, NamedTuple

from insights.models import Alert
from insights.rules import RULES
from jobs.states import JobOutcome, JobState
from webhooks.kinds import EventType

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_ID = {"type": "integer", "minimum": 1}
_DAY = {"type": "string", "format": "date"}
_LINK = {"type": "string", "format": "uri-reference", "description": "A path of this service."}
_COUNTS = ("total", "pending", "running", "completed", "failed", "canceled")


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Receivers must take properties that are not here yet: a later version may add some."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _links(*names: str) -> dict[str, Any]:
    return _object(dict.fromkeys(names, _LINK))


_REFERENCE = {
    "client_reference": {"type": ["string", "null"], "description": "Your own id of the job; null without one."},
}
_METADATA = {"type": ["object", "null"], "description": "As submitted; null where it is too large to be told."}
_JOB = {
    "id": _ID,
    "state": {"enum": JobState.values},
    "outcome": {"enum": [*JobOutcome.values, None], "description": "Null until the job has ended."},
    "counts": {**_object(dict.fromkeys(_COUNTS, _COUNT)), "description": "Of images; they sum to `total`."},
    "progress": {"type": "number", "minimum": 0, "maximum": 1, "description": "The part that is final."},
    **_REFERENCE,
    "metadata": _METADATA,
    "links": _links("self"),
}
_COUNTED = {"total": 2, "pending": 0, "running": 0, "completed": 1, "failed": 1, "canceled": 0}


def _job_example(**more: Any) -> dict[str, Any]:
    return {
        "id": 17,
        "state": JobState.RUNNING.value,
        "outcome": None,
        "counts": {**_COUNTED, "pending": 1, "failed": 0},
        "progress": 0.5,
        "client_reference": "route-7/2026-11-22",
        "metadata": {"shift": "early"},
        **more,
        "links": {"self": "/api/v1/jobs/17"},
    }


class _Described(NamedTuple):
    """An event's `data`, and an example of it."""

    data: dict[str, Any]
    example: dict[str, Any]


DATA: dict[EventType, _Described] = {
    EventType.JOB_STARTED: _Described(_object(_JOB), _job_example()),
    EventType.JOB_PROGRESS: _Described(
        _object({**_JOB, "percent": {"enum": [25, 50, 75], "description": "What it has passed."}}),
        _job_example(percent=50),
    ),
    EventType.JOB_ENDED: _Described(
        _object(_JOB),
        _job_example(state=JobState.ENDED.value, outcome=JobOutcome.FAILED.value, counts=_COUNTED, progress=1.0),
    ),
    EventType.IMAGE_FAILED: _Described(
        _object(
            {
                "job": _object({"id": _ID, **_REFERENCE, "links": _links("self")}),
                "images": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 100,
                    "items": _object({"id": _ID, "visit": _ID, "code": _TEXT}),
                    "description": "Several in one event; `code` is one of `docs/errors.md`.",
                },
                "links": _links("images"),
            }
        ),
        {
            "job": {"id": 17, "client_reference": "route-7/2026-11-22", "links": {"self": "/api/v1/jobs/17"}},
            "images": [{"id": 41, "visit": 23, "code": "http_404"}],
            "links": {"images": "/api/v1/jobs/17/images?state=failed"},
        },
    ),
    EventType.STORES_IMPORTED: _Described(
        _object(
            {
                **dict.fromkeys(("rows", "new", "changed", "unchanged", "pruned", "rejected"), _COUNT),
                "links": _links("stores"),
            }
        ),
        {
            "rows": 812,
            "new": 9,
            "changed": 3,
            "unchanged": 800,
            "pruned": 0,
            "rejected": 0,
            "links": {"stores": "/api/v1/stores"},
        },
    ),
    EventType.ALERT_OPENED: _Described(
        _object(
            {
                "id": _ID,
                "rule": {"enum": list(RULES)},
                "subject_kind": {"enum": Alert.Kind.values},
                "subject": {**_TEXT, "description": "The area, host, store id or person; empty for `service`."},
                "since": _DAY,
                "until": _DAY,
                "says": {**_TEXT, "description": "What is unusual, in a sentence."},
                "of_all_jobs": {"type": "boolean", "description": "Raised of everybody's jobs, not of your own alone."},
                "links": _links("self"),
            }
        ),
        {
            "id": 5,
            "rule": "area_visits",
            "subject_kind": Alert.Kind.AREA.value,
            "subject": "HILL-03",
            "since": "2026-11-20",
            "until": "2026-11-20",
            "says": "4 visits where 31 were expected.",
            "of_all_jobs": False,
            "links": {"self": "/api/v1/alerts/5"},
        },
    ),
    EventType.TEST: _Described(
        _object({"endpoint": {**_ID, "description": "The webhook's id."}, "message": _TEXT}),
        {"endpoint": 3, "message": "A test of this endpoint, sent on request."},
    ),
}
_HEADERS = {
    "webhook-id": "Of the event: the same at every attempt and in a replay. What came before is a repetition.",
    "webhook-timestamp": "Of the attempt, in seconds since 1970.",
    "webhook-signature": "One or two, separated by a space: `v1,` and the base64 of the HMAC-SHA256 of "
    "`{webhook-id}.{webhook-timestamp}.{body}`, by the secret's bytes.",
}
_ANSWERS = {
    "2XX": "Received. The body is not used; its first characters are in the log.",
    "410": "Never again: the webhook is disabled.",
    "default": "Anything else, and no answer in time, is a failed attempt; another one follows.",
}


def name_of(event: EventType) -> str:
    """Of its schema: `JobEndedEvent`."""
    return "".join(part.capitalize() for part in event.value.split(".")) + "Event"


def schemas() -> dict[str, Any]:
    """Of every event's body, by name."""
    return {
        name_of(event): {
            **_object(
                {
                    "type": {"const": event.value},
                    "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
                    "data": described.data,
                }
            ),
            "description": str(event.label),
        }
        for event, described in DATA.items()
    }


def example_of(event: EventType) -> dict[str, Any]:
    return {"type": event.value, "timestamp": "2026-11-22T06:21:00.387Z", "data": DATA[event].example}


def operations() -> dict[str, Any]:
    """The section `webhooks` of the document."""
    return {event.value: {"post": _operation(event)} for event in EventType}


def _operation(event: EventType) -> dict[str, Any]:
    return {
        "operationId": event.value.replace(".", "_"),
        "summary": str(event.label).removesuffix("."),
        "description": "Sent to each webhook that asks for it, at least once and in no promised order.",
        "tags": ["webhooks"],
        "parameters": [
            {"in": "header", "name": name, "required": True, "schema": _TEXT, "description": text}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{name_of(event)}"},
                    "examples": {"Example": {"value": example_of(event)}},
                }
            },
        },
        "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
    }
