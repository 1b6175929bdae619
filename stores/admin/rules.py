from __future__ import annotations

from django.contrib import admin

from stores.models import AreaWeight, CategoryRule


@admin.register(CategoryRule)
class CategoryRuleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_display = ["category", "priority", "most_images", "allowed_hosts", "min_width", "min_height", "updated_at"]
    list_select_related = ["category"]
    list_per_page = 50


@admin.register(AreaWeight)
class AreaWeightAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_display = ["area_code", "weight"]
    search_fields = ["area_code"]
    list_per_page = 50
