from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from stores.models import StoreGroup


@admin.register(StoreGroup)
class StoreGroupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """Their names and rules; the dashboard's page puts stores in by hand, and says how many there are."""

    list_display = ["name", "rule_in_words"]
    search_fields = ["name"]
    ordering = ["name"]
    list_per_page = 50
    show_full_result_count = False
    fields = ["name", "area", "category", "name_part"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StoreGroup]:
        groups: QuerySet[StoreGroup] = super().get_queryset(request)
        return groups.select_related("category")
