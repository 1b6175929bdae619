"""What the admin's pages of every app have in common."""

import json
from collections.abc import Collection
from typing import Any, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property

# The most rows of a long table that a list shows.
LONGEST_LIST = 10_000


def dashboard_address(page: str, *arguments: int) -> str | None:
    """The address of a page of the dashboard, which is above the admin and may be left out: then None."""
    try:
        return reverse(f"dashboard:{page}", args=arguments)
    except NoReverseMatch:
        return None


class SecretsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """Rows with `secrets`: fields that no page shows, and that no address may filter by.

    The admin takes any field of the model as a filter: whoever may see the list would learn a secret character by
    character, by `?secret__startswith=…`.
    """

    secrets: Collection[str] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup.partition(LOOKUP_SEP)[0] not in self.secrets and super().lookup_allowed(lookup, value, request)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # as above
    """Rows that only the service writes: browsed, never added, changed or deleted by hand."""

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

    Counting millions of images takes longer than showing fifty of them, and a late page costs as much as every row
    before it. So both stop here; filters and links lead to the rows beyond.
    """

    @cached_property
    def count(self) -> int:
        return min(self._counted, LONGEST_LIST)

    @property
    def is_capped(self) -> bool:
        return self._counted > LONGEST_LIST

    @cached_property
    def estimate(self) -> int:
        """About how many rows there are, to two digits, as estimated by PostgreSQL's planner; for capped lists."""
        plan = json.loads(self._rows.explain(format="json"))
        rows = max(self._counted, int(plan[0]["Plan"]["Plan Rows"]))
        return round(rows, 2 - len(str(rows)))

    @cached_property
    def _counted(self) -> int:
        return self._rows[: LONGEST_LIST + 1].count()

    @property
    def _rows(self) -> "QuerySet[Model, dict[str, object]]":
        return cast("QuerySet[Model]", self.object_list).order_by().values("pk")
