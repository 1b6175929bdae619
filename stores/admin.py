from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from stores.models import Store


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_display = ["store_id", "name", "area_code", "updated_at", "visits"]
    list_filter = ["area_code"]
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
