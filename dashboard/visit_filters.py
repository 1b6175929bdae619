"""The filters of the pages about visits, as their addresses have them: stores and days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User

from dashboard.parameters import number, text
from dashboard.scopes import category_of
from insights.periods import first_day
from insights.scope import LONGEST_DAYS, Scope, read_day, today
from stores.models import MAX_LENGTHS
from stores.models.category import MAX_CATEGORY


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
        """Without days, the same weeks as on the pages about areas, and in the API."""
        until = read_day(parameters.get("to", "")) or today()
        since = read_day(parameters.get("from", "")) or min(first_day(), until)
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
        category = category_of(self.category)
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
