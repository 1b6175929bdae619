"""The rows that belong to the row of a page, such as a job's history: the latest, of which there may be thousands."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from jobs.admin.rules import PartOfJobs

MOST_ROWS = 50


class LatestRows(PartOfJobs, admin.TabularInline):  # type: ignore[type-arg]  # generic for the type checker alone
    """At most MOST_ROWS, the oldest of them first; only read.

    A subclass names the foreign key to the page's row in `fk_name`, and in `ordering` what rises with time.
    """

    fk_name: str
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        latest = rows.filter(**{self.fk_name: match.kwargs["object_id"] if match else None})
        # By their ids, because the admin filters on, which a cut queryset does not allow.
        return rows.filter(pk__in=list(latest.reverse().values_list("pk", flat=True)[:MOST_ROWS]))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
