"""Machine-readable descriptions of this API: the JSON Schema of a submission, and the OpenAPI document."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import submission_schema
from api.v1.describe import describe
from api.v1.views import V1View

SCHEMA_MEDIA_TYPE = "application/schema+json"


class _SchemaRenderer(JSONRenderer):
    media_type = SCHEMA_MEDIA_TYPE


class _DocumentRenderer(JSONRenderer):
    """To be read by people too: indented."""

    media_type = "application/vnd.oai.openapi+json"

    def get_indent(self, accepted_media_type: str, renderer_context: Mapping[str, Any]) -> int:
        return super().get_indent(accepted_media_type, renderer_context) or 4


class _Public(V1View):
    """Public, because it reveals nothing that the source code does not."""

    tag = "schemas"
    authentication_classes = ()
    permission_classes = ()


class SubmissionSchema(_Public):
    renderer_classes = (_SchemaRenderer,)

    @describe(summary="Read the JSON Schema of a submission", responses={200: {"type": "object"}})
    def get(self, request: Request) -> Response:
        """JSON Schema 2020-12 of the body of `POST /api/v1/jobs`, as far as a schema can express it."""
        head: dict[str, Any] = {"$schema": submission_schema.DIALECT, "title": "A submission"}
        return Response({**head, **submission_schema.with_priority()})


class Document(_Public):
    renderer_classes = (_DocumentRenderer, JSONRenderer)

    @describe(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(_document())


@cache
def _document() -> dict[str, Any]:
    """The same for every caller; takes half a second of CPU, once per process."""
    from drf_spectacular.generators import SchemaGenerator  # here alone, see `describe`

    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document
