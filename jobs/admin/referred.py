"""What a search for a client's own id finds."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Model, QuerySet


def with_referred[Row: Model](
    found: QuerySet[Row], rows: QuerySet[Row], ids_with: Callable[[str], list[int]], search: str
) -> QuerySet[Row]:
    """What else was found, and of all `rows` those that have this reference, by their ids."""
    if search.strip() and (ids := ids_with(search.strip())):
        return found | rows.filter(pk__in=ids)
    return found
