"""What the OpenAPI document adds to each view: its parameters, and every error that it can answer."""

import re
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter, extend_schema

from api.problems import SENTENCES
from api.v1 import (
    legacy_schema,  # noqa: F401 - importing it registers the legacy endpoints
    webhook_events,
)
from api.v1.describe import description_of
from api.v1.problem_types import Problem
from api.v1.problems import MEDIA_TYPE

# Errors that every operation can answer; 408, 414 and 431 come from the web server.
_ALWAYS = (400, 401, 403, 408, 414, 429, 431, 500, 503)
_WITH_BODY = (411, 413, 415)
PREFIX = "/api/v1/"

DESCRIPTION = """
Submit the photos of store visits, watch them being measured, see why some fail, and retry the right ones.

**Credentials.** `Authorization: Bearer …` with an API key (`rp_…`) or a token of `/api/token/`, or the session of
`/admin/`, which sends its CSRF token as `X-CSRFToken` with every `POST` and `PATCH`. A key is limited to its scopes:
`submit`, `read`, `manage` (actions on jobs and paused hosts, reports, and webhooks), `stores` (imports). Somebody
else's job looks exactly like one that does not exist, except to staff with the permission to view jobs; to change it
they need that to change jobs.

**Lists** come in pages: follow `next_cursor` with `cursor=` until it is null. Rows added meanwhile do not shift pages.

**Problems** are `application/problem+json` (RFC 9457). `type` links to an explanation and is stable: branch on it.
`errors` lists every fault of the request at once, by JSON Pointer into the body, by line and column of a file, or by
the query parameter's name. A parameter that a path does not know is an error: a misspelt filter never widens anything.

**X-Request-Id** is in every answer and every problem: the one that you sent, or a new one. The operator's log has it.

**Paths** answer with and without a trailing slash.

The operations under *assignment* and *tokens* are legacy; they answer errors as `{"error": "<one sentence>"}`.
"""
TAGS = {
    "jobs": "Submit jobs, watch them, pause, cancel and retry them.",
    "images": "The result of each image, and why it failed.",
    "visits": "Visits and the states of their images.",
    "photos": "What photos say about themselves, what was found about them, and which visits need a look.",
    "alerts": "What is unusual about areas, hosts, stores and people, by rules that say how often they are wrong.",
    "hosts": "Photo hosts that are paused because they refused several images in a row; for staff.",
    "stores": "The store master, and imports into it.",
    "groups": "Sets of stores, by a rule or by hand; every list of stores, visits or images can be narrowed to one.",
    "areas": "What areas have, how they compare, and which weeks are unusual.",
    "reports": "Saved questions about visits, and their answers.",
    "webhooks": "Addresses that are told of events, signed; the log of what was sent to them, and replays.",
    "schemas": "What a submission looks like, and this document.",
    "assignment": "The three endpoints of the assignment, for existing clients.",
    "tokens": "Tokens for people, by name and password.",
}
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "enum": [*(problem.value.uri for problem in Problem), "about:blank"],
        },
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {**_TEXT, "description": "What happened this time, in one sentence."},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {**_TEXT, "description": "A JSON Pointer into the body, such as `#/visits/3/store_id`."},
                    "store_id": {**_TEXT, "description": "The store that is to blame."},
                    "parameter": {**_TEXT, "description": "The name of a query parameter."},
                    "line": {"type": ["integer", "null"], "description": "Of a file; null where all of it is meant."},
                    "column": {"type": ["string", "null"], "description": "A column's title in the file."},
                    "detail": _TEXT,
                },
                "required": ["detail"],
                "additionalProperties": False,
            },
        },
        "request_id": {**_TEXT, "description": "The header X-Request-Id of the answer: the operator's log has it."},
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
}
_ERROR = {
    "type": "object",
    "description": "Why a request was refused, in one sentence.",
    "properties": {"error": _TEXT},
    "additionalProperties": False,
}
# Untyped in the library.
_component: Any = ResolvedComponent
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait before trying again."}}


class Operation(AutoSchema):
    """How the framework documents every view; those of v1 declare more, see `views.V1View`."""

    @property
    def _is_v1(self) -> bool:
        return self.path.startswith(PREFIX)

    def get_override_parameters(self) -> list[Any]:
        declared = getattr(self.view, "parameters", {}).get(self.method, ())
        query = [
            OpenApiParameter(each.name, each.schema, description=each.description, required=False) for each in declared
        ]
        return [*getattr(self.view, "path_parameters", ()), *query]

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "assignment")]

    def get_operation_id(self) -> str:
        """By the view's name: `get_one_job`, `assignment_get_status`."""
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self.view).__name__).lower()
        return "_".join([*([] if self._is_v1 else self.get_tags()), self.method.lower(), name])

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status in self._refusals():
            bodies.setdefault(str(status), self._refusal(status))
        return dict(sorted(bodies.items()))

    def _refusals(self) -> set[int]:
        statuses = {*_ALWAYS, *getattr(self.view, "refusals", {}).get(self.method, ())}
        if "{" in self.path:
            statuses.add(404)
        if self.method in ("POST", "PATCH"):
            statuses.update(_WITH_BODY)
        if not self.view.get_authenticators() and self.method not in ("POST", "PATCH"):
            statuses -= {403}
        return statuses

    def _refusal(self, status: int) -> dict[str, Any]:
        name, schema, kind = ("Problem", _PROBLEM, MEDIA_TYPE) if self._is_v1 else ("Error", _ERROR, "application/json")
        component: Any = _component(name, ResolvedComponent.SCHEMA, deepcopy(schema), name)
        self.registry.register_on_missing(component)
        titles = [problem.value.title for problem in Problem if problem.value.status == status]
        description = "; or ".join(titles) or SENTENCES.get(status) or HTTPStatus(status).phrase
        headers = {"headers": _RETRY_AFTER} if status in (429, 503) else {}
        return {"description": f"{description}.", "content": {kind: {"schema": component.ref}}, **headers}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    target_class = "access.authentication.Bearer"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`rp_…`, made by `create_api_key`) or an access token of `/api/token/`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "access.authentication.Session"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The user signed in to this service's pages; `POST` and `PATCH` need `X-CSRFToken` too.",
        }


def choose_paths(endpoints: list[Any]) -> list[Any]:
    """Before the document is made: every path once, those of v1 without their optional trailing slash."""
    chosen = [
        (path.rstrip("/") if path.startswith(PREFIX) else path, regex, method, view)
        for path, regex, method, view in endpoints
        if path.startswith("/api/")
    ]
    for _, _, method, view in chosen:
        _work_out_description(getattr(view.cls, method.lower(), None))
    return chosen


def _work_out_description(method: Any) -> None:
    if (description := description_of(method)) is not None:
        extend_schema(**description)(method)


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """After the document is made: its introduction, what webhooks are sent, and access without credentials."""
    result["info"]["description"] = DESCRIPTION.strip()
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    result["webhooks"] = webhook_events.operations()
    result["components"]["schemas"] |= webhook_events.schemas()
    # An open API answers requests without credentials as well.
    for operations in result["paths"].values():
        for operation in operations.values():
            if operation.get("security"):
                operation["security"].append({})
    return result
