from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from stores.models import Store

# A sidebar of thousands of areas helps nobody and costs a second.
MOST_AREAS = 50


class AreaFilter(admin.SimpleListFilter):
    """The first MOST_AREAS areas of the store master, and whichever is asked for."""

    title = "area"
    parameter_name = "area"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = Store.objects.order_by("area_code").values_list("area_code", flat=True).distinct()
        areas = list(codes[: MOST_AREAS + 1])
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


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_display = ["store_id", "name", "area_code", "updated_at", "visits"]
    list_filter = [AreaFilter]
    search_fields = ["store_id", "name"]
    search_help_text = "Part of a store id or of a name"
    ordering = ["store_id"]
    list_per_page = 50
    show_full_result_count = False
    fields = ["store_id", "name", "area_code", "visits", "created_at", "updated_at"]
    readonly_fields = ["visits", "created_at", "updated_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        # Visits name a store by this text: another id would cut it off from its history.
        return [*self.readonly_fields, "store_id"] if obj else self.readonly_fields

    @admin.display(description="visits")
    def visits(self, store: Store) -> str:
        """A link to the store's visits, where a page for them is installed: stores know nothing of jobs."""
        if store._state.adding:
            return "-"
        try:
            page = reverse("admin:jobs_visit_changelist", current_app=self.admin_site.name)
        except NoReverseMatch:
            return "-"
        return format_html('<a href="{}?{}">visits</a>', page, urlencode({"store_id": store.store_id}))
