"""Pages of v1: `{"results": […], "next_cursor": …}`."""

from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

from django.db.models import Model
from rest_framework import serializers

from api.pagination import Page, write_cursor

# Characters of metadata in one page, but for what its first row has; each row may have some 5,600 of them.
MOST_METADATA = 2**19


def page_of(row: type[serializers.BaseSerializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The serializer of one page of these rows, for the documentation."""
    fields = {
        "__doc__": "One page.",
        "results": row(many=True),
        "next_cursor": serializers.CharField(allow_null=True, help_text="Null on the last page."),
    }
    return type(f"{row.__name__}Page", (serializers.Serializer,), fields)


def cut_at_metadata[Row: Model](page: Page[Row], metadata: Callable[[Row], Mapping[str, str] | None]) -> Page[Row]:
    """The page without the rows behind MOST_METADATA characters of metadata; the cursor leads to those."""
    sizes = accumulate(sum(map(len, (*said, *said.values()))) if (said := metadata(row)) else 0 for row in page.rows)
    few = max(1, sum(size <= MOST_METADATA for size in sizes))
    return page if few >= len(page.rows) else Page(page.rows[:few], write_cursor(page.rows[few - 1].pk))


def answer(row: type[serializers.BaseSerializer[Any]], page: Page[Any], **context: Any) -> dict[str, Any]:
    return {"results": list_of(row, page.rows, **context), "next_cursor": page.next_cursor}


def list_of(row: type[serializers.BaseSerializer[Any]], rows: Iterable[Any], **context: Any) -> list[Any]:
    # The stubs only know the serializer of a single row.
    many: Any = row
    data: list[Any] = many(rows, many=True, context=context).data
    return data
