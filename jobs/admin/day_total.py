from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from jobs.admin.rules import PartOfJobs
from jobs.models import DayTotal
from retail_pulse.admin import CappedPaginator, ReadOnlyAdmin


@admin.register(DayTotal)
class DayTotalAdmin(PartOfJobs, ReadOnlyAdmin):
    """What has become of deleted images, by day, owner, area, store, host and error code."""

    list_display = ["day", "owner_name", "area", "store", "host", "code", "images", "attempts", "bytes"]
    ordering = ["-day", "-owner", "-area", "-store", "-host", "-code"]
    # No other order has an index.
    sortable_by = ()
    search_fields = ["store__exact"]
    search_help_text = "A store's id, as sent"
    paginator = CappedPaginator
    fields = [
        ("day", "owner_name", "area", "store"),
        ("host", "code"),
        ("images", "attempts", "bytes"),
        ("fetch_ms", "measure_ms", "gpu_ms"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[DayTotal]:
        names = User.objects.filter(pk=OuterRef("owner")).values("username")
        return cast("QuerySet[DayTotal]", super().get_queryset(request).annotate(username=Subquery(names)))

    @admin.display(description="owner")
    def owner_name(self, total: DayTotal) -> str | None:
        """None is nobody; a user who is gone has a number only."""
        name: str | None = total.username  # type: ignore[attr-defined]  # annotated above
        return name or (None if total.owner is None else f"user {total.owner}")
