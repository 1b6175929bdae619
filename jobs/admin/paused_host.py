from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from jobs import actions
from jobs.admin.acts import EVERYWHERE
from jobs.models import PausedHost
from jobs.reporting.hosts import MOST_COUNTED, waiting_images
from retail_pulse.admin import ReadOnlyAdmin


@admin.register(PausedHost)
class PausedHostAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "message", "since", "until", "number"]
    list_filter = ["code"]
    ordering = ["since", "name"]
    search_fields = ["name"]
    search_help_text = "A part of the host's name"
    fields = ["name", "code", "message", "since", "until", "number", "waiting_images", "probed_by", "changed_at"]
    actions = ["try_again"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_pausedhost")

    @admin.display(description="images waiting")
    def waiting_images(self, host: PausedHost) -> str:
        images = waiting_images([host.name])[host.name]
        return f"{'more than ' if images >= MOST_COUNTED else ''}{images:,}"

    @admin.action(description="Try again now", permissions=["act"], location=EVERYWHERE)
    def try_again(self, request: HttpRequest, queryset: QuerySet[PausedHost]) -> None:
        hosts = list(queryset)
        resumed = [host for host in hosts if actions.resume_host(host.name, request.user)]
        for host in resumed:
            self.log_change(request, host, "Tried again at once.")
        said = f"{len(resumed):,} host{pluralize(len(resumed))} will be tried again now."
        self.message_user(request, said, messages.SUCCESS if resumed else messages.WARNING)
