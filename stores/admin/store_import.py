from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.views.generic import RedirectView

from access import rights
from retail_pulse.admin import ReadOnlyAdmin, dashboard_address
from stores.models import Store, StoreImport
from stores.models.store_import import StoreImportQuerySet


@admin.register(StoreImport)
class StoreImportAdmin(ReadOnlyAdmin):
    """The history of imports; each one's own page, with what it would do or did, is the dashboard's."""

    list_display = ["name", "outcome", "uploaded_by_name", "uploaded_at", "stored_by_name", "stored_at"]
    ordering = ["-id"]
    sortable_by = ()
    search_fields = ["name", "uploaded_by_name"]
    search_help_text = "Part of a file's name or of a user's"
    fields = ["name", "uploaded_by_name", "uploaded_at", "stored_by_name", "stored_at"]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_see_imports(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> StoreImportQuerySet:
        return StoreImport.objects.with_summary()

    @admin.display(description="outcome")
    def outcome(self, store_import: StoreImport) -> str:
        return str(store_import.summary)  # type: ignore[attr-defined]  # annotated

    def get_urls(self) -> list[URLPattern]:
        # Addresses of pages that were the admin's own; people may have kept them.
        page = self.admin_site.admin_view(RedirectView.as_view(pattern_name="dashboard:import_page"))
        rejects = self.admin_site.admin_view(RedirectView.as_view(pattern_name="dashboard:import_rejects"))
        return [
            path("<int:pk>/apply/", page),
            path("<int:pk>/again/", page),
            path("<int:pk>/rejects.csv", rejects),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may_import = rights.may_import_stores(request.user)
        context = {
            "import_address": dashboard_address("import_stores") if may_import else None,
            "may_see_stores": self.admin_site.get_model_admin(Store).has_view_permission(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The dashboard's page of the import; a page of its few fields where the service has no dashboard."""
        found = self.get_object(request, unquote(object_id))
        address = dashboard_address("import_page", found.pk) if found is not None else None
        if address is None or not self.has_view_permission(request):
            return super().change_view(request, object_id, form_url, extra_context)
        return HttpResponseRedirect(address)
