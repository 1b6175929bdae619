from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from access import rights
from retail_pulse.admin import ReadOnlyAdmin
from stores.models import Category, Keyword


class CategoryFilter(admin.SimpleListFilter):
    title = "category"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("none", "Uncategorised"),
            *((str(pk), name) for pk, name in Category.objects.values_list("pk", "name")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen == "none":
            return queryset.filter(category=None)
        return queryset.filter(category=chosen) if chosen and chosen.isdecimal() else queryset


class _RulesAdmin(ReadOnlyAdmin):
    """Changed on the dashboard's page, where each change is previewed, and by the API."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_edit_categories(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


@admin.register(Category)
class CategoryAdmin(_RulesAdmin):
    list_display = ["name", "position"]
    search_fields = ["name"]


@admin.register(Keyword)
class KeywordAdmin(_RulesAdmin):
    list_display = ["text", "kind", "category"]
    list_filter = ["kind"]
    list_select_related = ["category"]
    search_fields = ["text"]
