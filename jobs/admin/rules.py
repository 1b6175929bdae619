"""The rules of `access/rights.py`, as the admin asks for them."""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest

from access import rights


class PartOfJobs:
    """Jobs, and what belongs to one: users who may read everybody's jobs may read their visits, images and history."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_read_all_jobs(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return rights.may_read_all_jobs(request.user)
