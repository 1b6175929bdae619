from __future__ import annotations

from django.contrib import admin

from jobs.admin.rules import PartOfJobs
from jobs.models import DeletedJob
from retail_pulse.admin import CappedPaginator, ReadOnlyAdmin


@admin.register(DeletedJob)
class DeletedJobAdmin(PartOfJobs, ReadOnlyAdmin):
    """Who deleted which job, and when; and whether its last row has gone."""

    list_display = ["job_id", "total", "owner_name", "ended_at", "deleted_at", "cause", "user_name", "gone_at"]
    list_filter = ["cause"]
    ordering = ["-deleted_at"]
    # No other order has an index.
    sortable_by = ["job_id", "deleted_at"]
    search_fields = ["job_id__exact"]
    search_help_text = "A job's id"
    paginator = CappedPaginator
    fields = [
        "job_id",
        ("total", "completed", "failed"),
        ("owner_name", "submitted_at", "ended_at"),
        ("cause", "user_name", "deleted_at", "gone_at"),
    ]
