from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from retail_pulse.admin import ReadOnlyAdmin
from stores import imports
from stores.admin.forms import OptionsForm
from stores.models import StoreImport
from stores.models.store_import import StoreImportQuerySet
from stores.reader import UnreadableFileError

# Rejected rows, mended names and ignored columns spelled out on an import's page; the report lists more.
MOST_ROWS = 200


@admin.register(StoreImport)
class StoreImportAdmin(ReadOnlyAdmin):
    """The history of imports; an import's own page shows the rehearsal, takes the confirmation, shows the result."""

    list_display = ["name", "outcome", "uploaded_by_name", "uploaded_at", "stored_by_name", "stored_at"]
    ordering = ["-id"]
    sortable_by = ()
    search_fields = ["name", "uploaded_by_name"]
    search_help_text = "Part of a file's name or of a user's"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return imports.may_import(request.user) or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> StoreImportQuerySet:
        return StoreImport.objects.with_summary()

    @admin.display(description="outcome")
    def outcome(self, store_import: StoreImport) -> str:
        return str(store_import.summary)  # type: ignore[attr-defined]  # annotated

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/apply/", view(self.apply_view), name="stores_storeimport_apply"),
            path("<int:pk>/again/", view(self.again_view), name="stores_storeimport_again"),
            path("<int:pk>/rejects.csv", view(self.rejects_view), name="stores_storeimport_rejects"),
            *super().get_urls(),
        ]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: StoreImport | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context.update(self._page(request, obj))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _page(self, request: HttpRequest, store_import: StoreImport) -> dict[str, Any]:
        report = store_import.report
        open_ = store_import.stored_at is None and bool(store_import.kept_bytes)
        may = imports.may_import(request.user)
        options = {name: getattr(store_import, name) for name in OptionsForm.base_fields}
        return {
            "title": f"Import of {store_import.name}",
            "subtitle": None,
            "report": report,
            "most_rows": MOST_ROWS,
            "why_not": imports.why_not(store_import) if store_import.stored_at is None else None,
            "is_open": open_,
            "may_import": may,
            "may_apply": may and (not store_import.prune or imports.may_import(request.user, prune=True)),
            "options_form": OptionsForm(request.user, initial=options) if open_ and may else None,
            "not_listed": {
                "new": report["new"] - len(report["new_stores"]),
                "changed": report["changed"] - len(report["changed_stores"]),
                "missing": report["missing"] - len(report["missing_stores"]),
                "rejected": report["rejected_rows"] - min(len(report["rejected"]), MOST_ROWS),
                "mended": report["mended_names"] - min(len(report["mended"]), MOST_ROWS),
                "duplicates": report["duplicate_ids"] - len(report["duplicates"]),
            },
        }

    @method_decorator(require_POST)
    def apply_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        store_import = self._importable(request, pk)
        try:
            stored = imports.apply(store_import, request.user)
        except imports.AlreadyStored as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
        except imports.ImportRefused as refusal:
            self.message_user(request, f"Nothing stored. {refusal}", messages.ERROR)
        else:
            summary = stored.report["summary"]
            self.log_change(request, stored, f"Stored: {summary}")
            self.message_user(request, f"Stored {stored.name}: {summary}", messages.SUCCESS)
        return self._to_page(pk)

    @method_decorator(require_POST)
    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Rehearses the same file with other options, as an import of its own."""
        store_import = self._importable(request, pk)
        form = OptionsForm(request.user, request.POST)
        if not form.is_valid():
            sentences = [str(error) for errors in form.errors.values() for error in errors]
            self.message_user(request, " ".join(sentences), messages.ERROR)
            return self._to_page(pk)
        try:
            file = imports.kept_file(store_import)
            rehearsal = imports.rehearse(file, store_import.name, request.user, **form.cleaned_data)
        except UnreadableFileError as error:
            self.message_user(request, f"Could not read {store_import.name}: {error}", messages.ERROR)
        except imports.ImportRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            return self._to_page(rehearsal.pk)
        return self._to_page(pk)

    @method_decorator(require_GET)
    def rejects_view(self, request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
        store_import = self._found(request, pk)
        try:
            blocks = imports.rejects(store_import)
        except imports.ImportRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return self._to_page(pk)
        name = f"{store_import.name.removesuffix('.csv')}-rejects.csv"
        disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
        return StreamingHttpResponse(
            blocks, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition}
        )

    def _found(self, request: HttpRequest, pk: int) -> StoreImport:
        if not self.has_view_permission(request):
            raise PermissionDenied
        store_import = StoreImport.objects.filter(pk=pk).first()
        if store_import is None:
            raise Http404
        return store_import

    def _importable(self, request: HttpRequest, pk: int) -> StoreImport:
        store_import = self._found(request, pk)
        if not imports.may_import(request.user, prune=store_import.prune):
            raise PermissionDenied
        return store_import

    def _to_page(self, pk: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:stores_storeimport_change", args=[pk]))
