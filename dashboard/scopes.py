"""The filters of a page about visits, as its address has them: weeks, category, group, measure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User

from insights.periods import first_day
from insights.scope import WEEKS, Scope, today
from stores.models import Category, StoreGroup

PERIODS = (1, 4, 13)
# Choices of one list; categories and groups beyond them are reached by their address.
MOST_CHOICES = 200
NO_CATEGORY = "none"
MOST_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is not understood is left out, as if it were absent: a page always shows something.

    `category` is a category's id, or NO_CATEGORY for stores without one.
    """

    weeks: int = WEEKS
    category: str = ""
    group: int | None = None
    measure: str = ""
    trend: str = ""

    @classmethod
    def read(
        cls, parameters: Mapping[str, str], measures: Sequence[str] = (), trend_measures: Sequence[str] = ()
    ) -> Asked:
        """Of the measures, the first is the one where none is asked for."""
        weeks, group = _number(parameters, "weeks"), _number(parameters, "group")
        category = parameters.get("category", "")
        known = category == NO_CATEGORY or re.fullmatch("[1-9][0-9]{0,8}", category)
        return cls(
            weeks if weeks in PERIODS else WEEKS,
            category if known else "",
            group or None,
            _one_of(measures, parameters.get("measure")),
            _one_of(trend_measures, parameters.get("trend")),
        )

    def scope(self, user: User | AnonymousUser, area: str | None = None) -> Scope:
        category: str | None = None
        if self.category == NO_CATEGORY:
            category = ""
        elif self.category:
            # Of an unknown category there are no stores; no name is one of 65 characters.
            names = Category.objects.filter(pk=int(self.category)).values_list("name", flat=True)
            category = names.first() or "?" * 65
        return Scope(user, first_day(self.weeks), today(), area=area, category=category, group=self.group)

    def query(self, **changed: object) -> str:
        """The query string of an address with these filters, some of them changed; defaults are left out."""
        parts = {
            "weeks": self.weeks,
            "category": self.category,
            "group": self.group,
            "measure": self.measure,
            **changed,
        }
        kept = {name: value for name, value in parts.items() if value and (name, value) != ("weeks", WEEKS)}
        return urlencode(kept)


def choices() -> dict[str, object]:
    """What the filters' lists offer."""
    return {
        "periods": PERIODS,
        "categories": Category.objects.all()[:MOST_CHOICES],
        "groups": StoreGroup.objects.all()[:MOST_CHOICES],
        "no_category": NO_CATEGORY,
    }


def page_number(parameters: Mapping[str, str], name: str) -> int:
    """Of a list's page, from 1 on."""
    return min(max(_number(parameters, name), 1), MOST_PAGE)


def _one_of(known: Sequence[str], asked: str | None) -> str:
    return asked if asked and asked in known else next(iter(known), "")


def _number(parameters: Mapping[str, str], name: str) -> int:
    text = parameters.get(name, "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
