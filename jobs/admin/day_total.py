from __future__ import annotations

from django.contrib import admin

from jobs.admin.rules import PartOfJobs
from jobs.models import DayTotal
from retail_pulse.admin import CappedPaginator, ReadOnlyAdmin


@admin.register(DayTotal)
class DayTotalAdmin(PartOfJobs, ReadOnlyAdmin):
    """What has become of deleted images, by day, store, host and error code."""

    list_display = ["day", "area", "store", "host", "code", "images", "attempts", "bytes"]
    ordering = ["-day", "-owner", "-area", "-store", "-host", "-code"]
    # No other order has an index.
    sortable_by = ()
    search_fields = ["store__exact"]
    search_help_text = "A store's id, as sent"
    paginator = CappedPaginator
    fields = [
        ("day", "owner", "area", "store"),
        ("host", "code"),
        ("images", "attempts", "bytes"),
        ("fetch_ms", "measure_ms", "gpu_ms"),
    ]
