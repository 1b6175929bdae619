"""Rows by what a client says of them, in their column `metadata`."""

from __future__ import annotations

from typing import Any, Self

from django.db.models import F


class MetadataMixin:
    """For querysets."""

    def with_metadata(self, name: str, value: str) -> Self:
        """Rows whose metadata has this value under this name, by the index of all that have any."""
        queryset: Any = self
        return queryset.filter(metadata__contains={name: value}).exclude(metadata={})  # type: ignore[no-any-return]


# The order of ids, which no index gives: for that of the primary key, the planner likes to go through all rows until
# enough of them match, and of a rare value there are none.
SORTED_BY_ID = F("pk") + 0
