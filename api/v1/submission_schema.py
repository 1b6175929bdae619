"""The published JSON Schema of a submission, and how v1 reads one.

`jobs/submission/payload.py` decides; the schema says the same as far as JSON Schema can. It cannot say that `count`
is the number of visits, that a number written `1.0` is not an integer here, how many images all visits may have
together, and to which addresses something is sent.
"""

from typing import Any

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from api.v1 import callbacks, request_bodies
from jobs.models.job import MAX_REFERENCE
from jobs.states import OnError
from jobs.submission.payload import (
    MAX_METADATA,
    MAX_METADATA_NAME,
    MAX_METADATA_VALUE,
    MAX_STORE_ID,
    MAX_URL,
    MAX_VISIT_TIME,
    MAX_VISITED_BY,
    InvalidPayload,
    Problem,
    Submission,
    parse_submission,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"

PRIORITY = {
    "type": "integer",
    "minimum": LOWEST_PRIORITY,
    "maximum": HIGHEST_PRIORITY,
    "description": "Each step is worth an hour of waiting, a higher priority is sooner; above your own it needs "
    "the permission to prioritize jobs.",
}
_PRIORITY_OF_JOB = {**PRIORITY, "description": f"{PRIORITY['description']} Without it: your own, mostly 0."}
# Not as a pattern of all that is allowed: to some programs, its end is also before a line's last end.
_WITHOUT_CONTROL_CHARACTERS = {"not": {"pattern": r"[\u0000-\u001f\u007f-\u009f]"}}
VISITED_BY = {
    "type": "string",
    "maxLength": MAX_VISITED_BY,
    **_WITHOUT_CONTROL_CHARACTERS,
    "default": "",
    "description": "Who made the visit, by any name or number of yours; empty where you do not say.",
}
METADATA = {
    "type": "object",
    "maxProperties": MAX_METADATA,
    "propertyNames": {"minLength": 1, "maxLength": MAX_METADATA_NAME, **_WITHOUT_CONTROL_CHARACTERS},
    "additionalProperties": {"type": "string", "maxLength": MAX_METADATA_VALUE, **_WITHOUT_CONTROL_CHARACTERS},
    "default": {},
    "description": "What else you say of it, kept and shown as sent.",
}
REFERENCE = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_REFERENCE,
    **_WITHOUT_CONTROL_CHARACTERS,
    "description": "Your own id of it: no other of the same owner's may have it, until its job is deleted.",
}
EXAMPLE = {
    "count": 2,
    "visits": [
        {
            "store_id": "S00339218",
            "image_url": ["https://www.gstatic.com/webp/gallery/2.jpg", "https://www.gstatic.com/webp/gallery/3.jpg"],
            "visit_time": "2026-01-31T17:00:00Z",
        },
        {
            "store_id": "S01408764",
            "image_url": ["https://www.gstatic.com/webp/gallery/3.jpg"],
            "visit_time": "time of store visit",
        },
    ],
}

WITH_CALLBACK = {**EXAMPLE, "callback_url": "https://visits.example/told", "callback_events": ["job.ended"]}


def submission() -> dict[str, Any]:
    """The schema of a body to `/api/submit/`; unknown keys are allowed, as they are ignored."""
    return {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "description": "The number of visits."},
            "visits": {"type": "array", "minItems": 1, "items": _visit()},
            "on_error": {
                "enum": OnError.values,
                "default": str(OnError.CONTINUE),
                "description": "What a final failure of one image means for the store's other images in the job.",
            },
        },
        "required": ["count", "visits"],
    }


def with_priority() -> dict[str, Any]:
    """The schema of a body to `/api/v1/jobs`."""
    schema = submission()
    said = {"client_reference": REFERENCE, "metadata": METADATA}
    visit = _visit(visited_by=VISITED_BY, **said)
    of_image = visit["properties"]["image_url"]
    image = {"type": "object", "properties": {"url": of_image["items"], **said}, "required": ["url"]}
    of_image["items"] = {"anyOf": [of_image["items"], image]}
    visits = {**schema["properties"]["visits"], "items": visit}
    properties = {
        **schema["properties"],
        "visits": visits,
        "priority": _PRIORITY_OF_JOB,
        **said,
        **callbacks.SCHEMA,
    }
    needed = {key: ["callback_url"] for key in callbacks.SCHEMA if key != "callback_url"}
    return {**schema, "properties": properties, "dependentRequired": needed}


def _visit(**details: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "store_id": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_STORE_ID,
                "description": "Whether the store exists is only checked by the job.",
            },
            "image_url": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_URL,
                    **_WITHOUT_CONTROL_CHARACTERS,
                    "description": "Without control characters; any other fault of a URL fails only that image.",
                },
            },
            "visit_time": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_VISIT_TIME,
                "description": "Kept as sent; ISO 8601 and RFC 3339 are read as an instant.",
            },
            **details,
        },
        "required": ["store_id", "image_url", "visit_time"],
    }


def read(data: Any) -> tuple[Submission, int | None, callbacks.Callback | None]:
    """The submission, its priority, None where it names none, and its callback.

    Raises InvalidPayload with the faults of all.
    """
    callback, faults = callbacks.read(data)
    priority = None
    try:
        if isinstance(data, dict) and "priority" in data:
            priority = request_bodies.priority(data["priority"])
    except request_bodies.Unacceptable as fault:
        faults.append(Problem(("priority",), str(fault)))
    try:
        payload = parse_submission(data)
    except InvalidPayload as error:
        raise InvalidPayload([*error.problems, *faults]) from None
    if faults:
        raise InvalidPayload(faults)
    return payload, priority, callback
