from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html

from retail_pulse.admin import LONGEST_LIST, CappedPaginator
from stores import imports
from stores.admin.areas import AreaFilter
from stores.admin.forms import UploadForm
from stores.models import Store
from stores.reader import UnreadableFileError


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_display = ["store_id", "name", "area_code", "updated_at", "visits"]
    list_filter = [AreaFilter]
    search_fields = ["store_id", "name"]
    search_help_text = "Part of a store id or of a name"
    ordering = ["store_id"]
    # No other order has an index, and without one a million stores would be sorted for each page.
    sortable_by = ["store_id"]
    list_per_page = 50
    show_full_result_count = False
    # Facets count the whole table, once for each choice.
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    fields = ["store_id", "name", "area_code", "visits", "created_at", "updated_at"]
    readonly_fields = ["visits", "created_at", "updated_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        # Visits name a store by this text: another id would cut it off from its history.
        return [*self.readonly_fields, "store_id"] if obj else self.readonly_fields

    def get_urls(self) -> list[URLPattern]:
        upload = path("import/", self.admin_site.admin_view(self.import_view), name="stores_store_import")
        return [upload, *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Takes a file and rehearses it; the rehearsal's page goes on from there."""
        if not imports.may_import(request.user):
            raise PermissionDenied
        # An empty form too is one that was sent.
        sent = [request.POST, request.FILES] if request.method == "POST" else []
        form = UploadForm(request.user, *sent)
        if form.is_valid():
            file = form.cleaned_data.pop("file")
            try:
                rehearsal = imports.rehearse(file, file.name, request.user, **form.cleaned_data)
            except UnreadableFileError as error:
                form.add_error("file", f"{file.name}: {error}")
            else:
                return HttpResponseRedirect(reverse("admin:stores_storeimport_change", args=[rehearsal.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Import the store master",
            "form": form,
        }
        return TemplateResponse(request, "admin/stores/store/import.html", context)

    def response_action(
        self,
        request: HttpRequest,
        queryset: QuerySet[Store],
        action_location: admin.ActionLocation = admin.ActionLocation.CHANGE_LIST,
    ) -> HttpResponse | None:
        # "Select all" of a list that ends early would reach rows that nobody was shown.
        if request.POST.get("select_across") == "1" and CappedPaginator(queryset, self.list_per_page).is_capped:
            sentence = (
                f"More than {LONGEST_LIST:,} stores match, so nothing was done: filter or search first. "
                "An import can delete the stores that its file does not name."
            )
            self.message_user(request, sentence, messages.ERROR)
            return None
        return super().response_action(request, queryset, action_location)

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
        may = {"may_import": imports.may_import(request.user)}
        return super().changelist_view(request, {**may, **(extra_context or {})})
