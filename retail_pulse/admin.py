"""What the admin's pages of every room have in common."""

import json
from typing import cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

# Rows of a long table that a list leads through.
LONGEST_LIST = 10_000


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """Rows that the service alone writes: looked at, never added, changed or deleted by hand.

    Nor are jobs deleted here: the page that asks "are you sure?" would first list each of their images.
    """

    list_per_page = 50
    show_full_result_count = False
    # Facets count the whole table, once for each choice.
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # as above
    """The first LONGEST_LIST rows, in pages.

    To count millions of images takes longer than to show fifty of them, and a page far down costs every row
    before it. So both end here, and the filters and links lead to the rows beyond.
    """

    @cached_property
    def count(self) -> int:
        return min(self._counted, LONGEST_LIST)

    @property
    def is_capped(self) -> bool:
        return self._counted > LONGEST_LIST

    @cached_property
    def estimate(self) -> int:
        """About how many rows there are, to two digits, as PostgreSQL's planner guesses; for capped lists."""
        plan = json.loads(self._rows.explain(format="json"))
        rows = max(self._counted, int(plan[0]["Plan"]["Plan Rows"]))
        return round(rows, 2 - len(str(rows)))

    @cached_property
    def _counted(self) -> int:
        return self._rows[: LONGEST_LIST + 1].count()

    @property
    def _rows(self) -> "QuerySet[Model, dict[str, object]]":
        return cast("QuerySet[Model]", self.object_list).order_by().values("pk")
