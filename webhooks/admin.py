"""Webhooks in the admin: whose there are, and what became of their deliveries. Read only, and never a secret; their
owners act on them on the dashboard."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access import rights
from retail_pulse.admin import CappedPaginator, ReadOnlyAdmin, SecretsAdmin
from webhooks import delivery_log
from webhooks.models import Delivery, Endpoint, Event


@admin.register(Endpoint)
class EndpointAdmin(SecretsAdmin, ReadOnlyAdmin):
    secrets = ("secret", "old_secret")
    list_display = ["__str__", "owner", "job_id", "of_all", "state", "succeeded_at", "failing_since"]
    list_select_related = ["owner"]
    fields = [
        "owner", "name", "url", "events", "job_id", "of_all", "created_at", "state", "disabled_at", "failures",
        "failing_since", "succeeded_at", "rests_until", "last_ms", "old_secret_until", "deliveries",
    ]  # fmt: skip
    search_fields = ["owner__username__exact", "=job_id"]
    search_help_text = "An owner's user name, or a job's id"
    ordering = ["-id"]
    sortable_by = ()
    paginator = CappedPaginator

    @admin.display
    def state(self, endpoint: Endpoint) -> str:
        return f"disabled: {endpoint.get_disabled_for_display()}" if endpoint.disabled_for else "enabled"

    @admin.display
    def deliveries(self, endpoint: Endpoint) -> SafeString:
        address = reverse("admin:webhooks_delivery_changelist")
        return format_html('<a href="{}?endpoint={}">of this endpoint</a>', address, endpoint.pk)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "address", "type", "webhook_id", "state", "attempts", "due_at", "ended_at"]
    fields = ["endpoint", "event", "body", "state", "attempts", "due_at", "ended_at", "log"]
    search_fields = ["event__uid__exact"]
    search_help_text = "An event's id, as receivers see it: webhook-id"
    ordering = ["-id"]
    sortable_by = ()
    paginator = CappedPaginator

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        # By one step in an index for each row: for a join, the planner may look through all events.
        event = Event.objects.filter(pk=OuterRef("event_id"))
        endpoint = Endpoint.with_deleted.filter(pk=OuterRef("endpoint_id"))
        return Delivery.objects.annotate(
            event_type=Subquery(event.values("type")),
            event_uid=Subquery(event.values("uid")),
            endpoint_url=Subquery(endpoint.values("url")),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        if search_term:
            queryset = queryset.filter(event__in=list(Event.objects.filter(uid=search_term.strip())))
        return queryset, False

    def get_fields(self, request: HttpRequest, obj: Delivery | None = None) -> Any:
        # What is said of a job is for those who may read it.
        may_read = rights.may_read_all_jobs(request.user)
        return [name for name in super().get_fields(request, obj) if may_read or name != "body"]

    @admin.display
    def address(self, delivery: Delivery) -> str:
        return str(delivery.endpoint_url)  # type: ignore[attr-defined]  # annotated

    @admin.display
    def type(self, delivery: Delivery) -> str:
        return str(delivery.event_type)  # type: ignore[attr-defined]  # annotated

    @admin.display(description="webhook-id")
    def webhook_id(self, delivery: Delivery) -> str:
        return str(delivery.event_uid)  # type: ignore[attr-defined]  # annotated

    @admin.display
    def body(self, delivery: Delivery) -> str:
        return delivery.event.body

    @admin.display(description="last attempts")
    def log(self, delivery: Delivery) -> str:
        return "\n".join(
            f"{each.sent_at:%Y-%m-%d %H:%M:%S} UTC: {each.status or each.error_code}, {each.milliseconds} ms"
            for each in delivery_log.attempts(delivery)
        )
