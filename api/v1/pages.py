"""Pages of v1: `{"results": […], "next_cursor": …}`."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from api.pagination import Page


def page_of(row: type[serializers.BaseSerializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The serializer of one page of these rows, for the documentation."""
    fields = {
        "__doc__": "One page.",
        "results": row(many=True),
        "next_cursor": serializers.CharField(allow_null=True, help_text="Null on the last page."),
    }
    return type(f"{row.__name__}Page", (serializers.Serializer,), fields)


def answer(row: type[serializers.BaseSerializer[Any]], page: Page[Any], **context: Any) -> dict[str, Any]:
    return {"results": list_of(row, page.rows, **context), "next_cursor": page.next_cursor}


def list_of(row: type[serializers.BaseSerializer[Any]], rows: Iterable[Any], **context: Any) -> list[Any]:
    # The stubs only know the serializer of a single row.
    many: Any = row
    data: list[Any] = many(rows, many=True, context=context).data
    return data
