"""The filters of the pages about visits, as their addresses have them: stores and days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User

from insights.scope import LONGEST_DAYS, WEEKS, Scope, today
from stores.models import MAX_LENGTHS, Category, Store, StoreGroup
from stores.models.category import MAX_CATEGORY

# Choices of one list; those beyond are reached by their address.
MOST_CHOICES = 200
# Of categories, in an address: the stores that have none. An empty one is all stores.
NO_CATEGORY = "(uncategorised)"


@dataclass(frozen=True, slots=True)
class VisitFilter:
    """What is not understood is left out, as if it were absent: a page always shows something."""

    since: date
    until: date
    area: str = ""
    category: str = ""
    group: int | None = None
    store: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> VisitFilter:
        until = day(parameters.get("to", "")) or today()
        since = day(parameters.get("from", "")) or until - timedelta(days=7 * WEEKS - 1)
        if not 0 <= (until - since).days < LONGEST_DAYS:
            since = max(min(since, until), until - timedelta(days=LONGEST_DAYS - 1))
        return cls(
            since,
            until,
            text(parameters, "area", MAX_LENGTHS["area_code"]),
            text(parameters, "category", MAX_CATEGORY),
            number(parameters, "group"),
            text(parameters, "store", MAX_LENGTHS["store_id"]),
        )

    def scope(self, user: User | AnonymousUser) -> Scope:
        category = "" if self.category == NO_CATEGORY else self.category or None
        return Scope(user, self.since, self.until, self.area or None, category, self.group, self.store or None)

    @property
    def narrowing(self) -> dict[str, str]:
        """What narrows the stores, by parameter."""
        found = {"area": self.area, "category": self.category, "group": str(self.group or ""), "store": self.store}
        return {name: value for name, value in found.items() if value}

    @property
    def query(self) -> str:
        """The query string of an address with these filters."""
        return urlencode({**self.narrowing, "from": self.since, "to": self.until})


def choices() -> dict[str, object]:
    """What the filters' lists offer."""
    return {
        "areas": Store.objects.first_areas(MOST_CHOICES),
        "categories": list(Category.objects.values_list("name", flat=True)[:MOST_CHOICES]),
        "groups": list(StoreGroup.objects.values_list("pk", "name")[:MOST_CHOICES]),
        "no_category": NO_CATEGORY,
    }


def text(parameters: Mapping[str, str], name: str, longest: int) -> str:
    return parameters.get(name, "").replace("\0", "").strip()[:longest]


def number(parameters: Mapping[str, str], name: str) -> int | None:
    found = parameters.get(name, "")
    return int(found) if re.fullmatch("[1-9][0-9]{0,8}", found) else None


def day(written: str) -> date | None:
    if not re.fullmatch("(?:19[789]|20[0-9])[0-9]-[0-9]{2}-[0-9]{2}", written):
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
