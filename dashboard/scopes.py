"""What the filters of pages about visits and stores share, and those of pages that show whole weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User

from dashboard.parameters import number, text
from insights.periods import first_day
from insights.scope import PERIODS, WEEKS, Scope, today
from stores.models import MAX_LENGTHS, Category, StoreGroup
from stores.models.category import MAX_CATEGORY, UNCATEGORISED

# Choices of one list; those beyond are reached by their address.
MOST_CHOICES = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What is not understood is left out, as if it were absent: a page always shows something.

    `category` is a category's name, or UNCATEGORISED for stores without one.
    """

    weeks: int = WEEKS
    area: str = ""
    category: str = ""
    group: int | None = None
    measure: str = ""
    trend: str = ""

    @classmethod
    def read(
        cls, parameters: Mapping[str, str], measures: Sequence[str] = (), trend_measures: Sequence[str] = ()
    ) -> Asked:
        """Of the measures, the first is the one where none is asked for."""
        weeks = number(parameters, "weeks")
        return cls(
            weeks if weeks in PERIODS else WEEKS,
            text(parameters, "area", MAX_LENGTHS["area_code"]),
            text(parameters, "category", MAX_CATEGORY),
            number(parameters, "group"),
            _one_of(measures, parameters.get("measure")),
            _one_of(trend_measures, parameters.get("trend")),
        )

    def scope(self, user: User | AnonymousUser, area: str | None = None) -> Scope:
        return Scope(user, first_day(self.weeks), today(), area, category_of(self.category), self.group)

    def query(self, **changed: object) -> str:
        """The query string of an address with these filters, some of them changed; defaults are left out."""
        parts = {
            "weeks": self.weeks,
            "area": self.area,
            "category": self.category,
            "group": self.group,
            "measure": self.measure,
            "trend": self.trend,
            **changed,
        }
        kept = {name: value for name, value in parts.items() if value and (name, value) != ("weeks", WEEKS)}
        return urlencode(kept)


def category_of(asked: str) -> str | None:
    """A filter's value as a scope's: a name, "" for stores without a category, None for all."""
    return "" if asked == UNCATEGORISED else asked or None


def choices(group: int | None = None) -> dict[str, object]:
    """What the filters' lists offer; the group that is asked for is always among them."""
    groups = list(StoreGroup.objects.values_list("pk", "name")[:MOST_CHOICES])
    if group and group not in dict(groups):
        name = StoreGroup.objects.filter(pk=group).values_list("name", flat=True).first()
        groups.insert(0, (group, name or "deleted"))
    return {
        "periods": PERIODS,
        "categories": list(Category.objects.values_list("name", flat=True)[:MOST_CHOICES]),
        "groups": groups,
        "uncategorised": UNCATEGORISED,
    }


def _one_of(known: Sequence[str], asked: str | None) -> str:
    return asked if asked and asked in known else next(iter(known), "")
