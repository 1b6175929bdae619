from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

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

    @admin.display(description="dashboard")
    def dashboard(self, host: PausedHost) -> SafeString | str:
        return to_dashboard("operations", host=host.name, text="try again now")

    @admin.display(description="images waiting")
    def waiting_images(self, host: PausedHost) -> str:
        images = waiting_images([host.name])[host.name]
        return f"{'more than ' if images >= MOST_COUNTED else ''}{images:,}"
