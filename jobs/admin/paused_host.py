from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString

from access import rights
from jobs.admin.links import to_dashboard
from jobs.models import PausedHost
from jobs.reporting.hosts import MOST_COUNTED, waiting_images
from retail_pulse.admin import ReadOnlyAdmin


@admin.register(PausedHost)
class PausedHostAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "message", "since", "until", "number", "dashboard"]
    list_filter = ["code"]
    ordering = ["since", "name"]
    search_fields = ["name"]
    search_help_text = "A part of the host's name"
    fields = [
        "name", "dashboard", "code", "message", "since", "until", "number", "waiting_images", "probed_by", "changed_at",
    ]  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_see_hosts(request.user)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return self._for(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return self._for(request, self.fields)

    def _for(self, request: HttpRequest, names: Iterable[Any]) -> list[Any]:
        """Without the link to the button for those who may not press it."""
        may_resume = rights.may_resume_hosts(request.user) and rights.may_see_operations(request.user)
        return [name for name in names if name != "dashboard" or may_resume]

    @admin.display(description="dashboard")
    def dashboard(self, host: PausedHost) -> SafeString | str:
        return to_dashboard("operations", host=host.name, text="try again now")

    @admin.display(description="images waiting")
    def waiting_images(self, host: PausedHost) -> str:
        images = waiting_images([host.name])[host.name]
        return f"{'more than ' if images >= MOST_COUNTED else ''}{images:,}"
