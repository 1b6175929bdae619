from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html
from django.views.generic import RedirectView

from access import rights
from retail_pulse.admin import LONGEST_LIST, CappedPaginator, dashboard_address
from stores import categorising
from stores.admin.areas import AreaFilter
from stores.admin.category import CategoryFilter
from stores.models import Store
from tables.cells import visible


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_display = ["shown_id", "name", "shown_area", "category", "updated_at", "visits"]
    list_filter = [AreaFilter, CategoryFilter]
    search_fields = ["store_id", "name"]
    search_help_text = "Part of a store id or of a name"
    ordering = ["store_id"]
    # No other order has an index, and without one a million stores would be sorted for each page.
    sortable_by = ["shown_id"]
    list_per_page = 50
    show_full_result_count = False
    # Facets count the whole table, once for each choice.
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    fields = [
        "store_id", "name", "area_code", "category", "category_by_hand", "category_why", "latitude", "longitude",
        "timezone", "visits", "created_at", "updated_at",
    ]  # fmt: skip
    readonly_fields = ["category_why", "visits", "created_at", "updated_at"]
    list_select_related = ["category"]

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        # Visits name a store by this text: another id would cut it off from its history.
        return [*self.readonly_fields, "shown_id"] if obj else self.readonly_fields

    def get_urls(self) -> list[URLPattern]:
        # The address of a page that was the admin's own; people may have kept it.
        page = RedirectView.as_view(pattern_name="dashboard:import_stores")
        return [path("import/", self.admin_site.admin_view(page)), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        """A category that is chosen here is chosen by hand; otherwise the rules judge the name."""
        if "category" in form.changed_data:
            obj.category_by_hand = True
        with categorising.unchanging_rules():
            if obj.category_by_hand and {"category", "category_by_hand"} & {*form.changed_data}:
                obj.category_why = categorising.why_by_hand(request.user.get_username())
            categorising.judge(obj)
            super().save_model(request, obj, form, change)

    def response_action(
        self,
        request: HttpRequest,
        queryset: QuerySet[Store],
        action_location: admin.ActionLocation = admin.ActionLocation.CHANGE_LIST,
    ) -> HttpResponse | None:
        # "Select all" of a list that ends early would reach rows that the list does not show.
        if request.POST.get("select_across") == "1" and CappedPaginator(queryset, self.list_per_page).is_capped:
            sentence = (
                f"More than {LONGEST_LIST:,} stores match, so nothing was done: filter or search first. "
                "An import can delete the stores that its file does not name."
            )
            self.message_user(request, sentence, messages.ERROR)
            return None
        return super().response_action(request, queryset, action_location)

    def get_fields(self, request: HttpRequest, obj: Store | None = None) -> Any:
        fields = super().get_fields(request, obj)
        return ["shown_id" if field == "store_id" else field for field in fields] if obj else fields

    @admin.display(description="store id", ordering="store_id")
    def shown_id(self, store: Store) -> str:
        return visible(store.store_id)

    @admin.display(description="area code")
    def shown_area(self, store: Store) -> str:
        return visible(store.area_code)

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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "may_see_imports": rights.may_see_imports(request.user),
            "import_address": dashboard_address("import_stores") if rights.may_import_stores(request.user) else None,
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})
