from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from stores.models import Store

# A sidebar of thousands of areas is of no use and costs a second.
MOST_AREAS = 50


class AreaFilter(admin.SimpleListFilter):
    """The first MOST_AREAS areas of the store master, and the one that is asked for."""

    title = "area"
    parameter_name = "area"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        areas = Store.objects.first_areas(MOST_AREAS + 1)
        if len(areas) > MOST_AREAS:
            self.title = f"area (the first {MOST_AREAS}; for another one put ?area=CODE in the address)"
            areas.pop()
        chosen = self.value()
        if chosen is not None and chosen not in areas:
            areas.append(chosen)
        return [(area, area) for area in areas]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        area = self.value()
        return queryset if area is None else queryset.filter(area_code=area)
