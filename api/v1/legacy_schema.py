"""The OpenAPI description of the legacy endpoints, outside v1; their own code knows nothing of it."""

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from api.v1 import submission_schema
from jobs.states import ImageState, JobStatus

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_TIME = {"type": ["string", "null"], "format": "date-time"}


def _object(**properties: Any) -> dict[str, Any]:
    """The schema of an object; `optional` names the properties that may be missing."""
    optional = properties.pop("optional", ())
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list(row: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": row}


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
_IMAGE = _object(
    store_id=_TEXT,
    visit_time=_TEXT,
    image_url=_TEXT,
    state={"enum": ImageState.values},
    width=_or_null("integer"),
    height=_or_null("integer"),
    perimeter=_or_null("integer"),
    format=_or_null("string"),
    bytes=_or_null("integer"),
    attempts=_COUNT,
    finished_at=_TIME,
    error={"oneOf": [{"type": "null"}, _object(code=_TEXT, message=_TEXT, retryable={"type": "boolean"})]},
)
_COUNTS = _object(total=_COUNT, pending=_COUNT, running=_COUNT, completed=_COUNT, failed=_COUNT)
_STATUS = _object(
    status={"enum": JobStatus.values},
    job_id={"type": "integer"},
    error=_list(_object(store_id=_TEXT, error=_TEXT)),
    counts=_COUNTS,
    progress={"type": "number", "minimum": 0, "maximum": 1},
    created_at=_TIME,
    finished_at=_TIME,
    images=_list(_IMAGE),
    next_cursor=_or_null("string"),
    optional=("error", "counts", "progress", "created_at", "finished_at", "images", "next_cursor"),
)
_VISITS = _object(
    results=_list(
        _object(
            store_id=_TEXT,
            area=_or_null("string"),
            store_name=_or_null("string"),
            data=_list(_object(date=_TEXT, perimeter={"type": "integer"})),
        )
    ),
    next_cursor=_TEXT,
    optional=("next_cursor",),
)


def _query(name: str, description: str, schema: dict[str, Any] | None = None) -> OpenApiParameter:
    return OpenApiParameter(name, schema or {"type": "string"}, description=description)


class _Submit(OpenApiViewExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    target_class = "api.assignment.views.Submit"

    def view_replacement(self) -> type[Any]:
        class Submit(self.target):  # type: ignore[name-defined,misc]
            refusals = {"POST": (422,)}

            @extend_schema(
                summary="Submit a job",
                description="`POST /api/v1/jobs` answers with the whole job instead.",
                parameters=[OpenApiParameter("Idempotency-Key", {"type": "string"}, "header")],
                request={"application/json": submission_schema.submission()},
                responses={201: _object(job_id={"type": "integer"})},
                examples=[OpenApiExample("Two visits", submission_schema.EXAMPLE, request_only=True)],
            )
            def post(self, request: Any) -> None: ...

        return Submit


class _Status(OpenApiViewExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "api.assignment.views.Status"

    def view_replacement(self) -> type[Any]:
        class Status(self.target):  # type: ignore[name-defined,misc]
            @extend_schema(
                summary="Read a job's status",
                description="400 with `{}` where there is no such job, or none that you may see.",
                parameters=[
                    OpenApiParameter("jobid", {"type": "integer", "minimum": 1}, required=True),
                    _query("view", "More detail.", {"type": "string", "enum": ["summary", "images"]}),
                    _query("cursor", "Of `view=images`."),
                    # Not typed as a number, because without that view it is ignored.
                    _query("limit", f"Of `view=images`: 1 to {MAX_LIMIT:,}; {DEFAULT_LIMIT} without it."),
                ],
                responses={200: _STATUS},
            )
            def get(self, request: Any) -> None: ...

        return Status


class _Visits(OpenApiViewExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "api.assignment.views.Visits"

    def view_replacement(self) -> type[Any]:
        class Visits(self.target):  # type: ignore[name-defined,misc]
            @extend_schema(
                summary="Search measured visits",
                description="`GET /api/v1/visits` lists the others too.",
                parameters=[
                    _query("area", "Must exist."),
                    _query("storeid", "Must exist."),
                    _query("startdate", "RFC 3339, or a date."),
                    _query("enddate", "The same, inclusive."),
                    _query("cursor", "The `next_cursor` of the page before."),
                    _query("limit", "Visits of one page.", _LIMIT),
                ],
                responses={200: _VISITS},
            )
            def get(self, request: Any) -> None: ...

        return Visits


class _Token(OpenApiViewExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "access.views.Token"

    def view_replacement(self) -> type[Any]:
        class Token(self.target):  # type: ignore[name-defined,misc]
            tag = "tokens"

            @extend_schema(
                summary="Get tokens",
                description="For people who have a password.",
                request={"application/json": _object(username=_TEXT, password=_TEXT)},
                responses={200: _object(access=_TEXT, refresh=_TEXT)},
            )
            def post(self, request: Any) -> None: ...

        return Token


class _Refresh(OpenApiViewExtension):  # type: ignore[no-untyped-call]  # as above
    target_class = "access.views.Refresh"

    def view_replacement(self) -> type[Any]:
        class Refresh(self.target):  # type: ignore[name-defined,misc]
            tag = "tokens"

            @extend_schema(
                summary="Get another access token",
                description="With the refresh token.",
                request={"application/json": _object(refresh=_TEXT)},
                responses={200: _object(access=_TEXT)},
            )
            def post(self, request: Any) -> None: ...

        return Refresh
