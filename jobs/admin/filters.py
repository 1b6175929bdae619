from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.errors import HTTPStatus, all_errors
from jobs.models.image_result import ImageResultQuerySet
from jobs.models.visit import area_of
from stores.admin import AreaFilter


class AreaOfVisitFilter(AreaFilter):
    """Visits of the stores that the store master places in an area."""

    store_id = "store_id"
    """The lookup from the listed model to its store's id."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        area = self.value()
        if area is None:
            return queryset
        found: QuerySet[Any] = queryset.alias(area=area_of(self.store_id)).filter(("area", area))
        return found


class AreaOfImageFilter(AreaOfVisitFilter):
    store_id = "visit__store_id"


class ErrorCodeFilter(admin.SimpleListFilter):
    """The closed list of error codes; read without the database."""

    title = "error code"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = sorted(error.code for error in all_errors())
        chosen = self.value()
        if chosen is not None and chosen not in codes:
            codes.append(chosen)
        return [(code, code) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        code = self.value()
        if code is None:
            return queryset
        # Filtered although the code implies it: this lets the small index of failed images be used.
        failed = cast(ImageResultQuerySet, queryset).failed()
        if code == HTTPStatus.code:
            return failed.filter(error_code__startswith="http_")
        return failed.filter(error_code=code)
