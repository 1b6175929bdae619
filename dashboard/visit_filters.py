"""The filters of pages about visits, as their addresses have them: of which stores, and of which weeks or days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.auth.models import AnonymousUser, User

from dashboard.parameters import Given, number
from dashboard.store_filters import StoreFilter, read_stores, unread
from insights.default_period import PERIODS, WEEKS
from insights.periods import first_day
from insights.scope import LONGEST_DAYS, Scope, read_day, today


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFilter(StoreFilter):
    """Whole weeks up to now, and which of a page's measures are shown."""

    weeks: int = WEEKS
    measure: str = ""
    trend: str = ""

    @classmethod
    def read(cls, given: Given, measures: Sequence[str] = (), trend_measures: Sequence[str] = ()) -> WeekFilter:
        """Of the measures, the first is the one where none is asked for."""
        weeks, fields = number(given, "weeks"), read_stores(given)
        if weeks not in PERIODS:
            weeks = WEEKS
            fields["unread"] += unread(given, "weeks", f"is no period of this page, so {WEEKS} weeks are shown")
        return cls(
            **fields,
            weeks=weeks,
            measure=_one_of(measures, given.get("measure")),
            trend=_one_of(trend_measures, given.get("trend")),
        )

    def scope(self, user: User | AnonymousUser) -> Scope:
        return Scope(user, first_day(self.weeks), today(), **self.narrowing)

    @property
    def parts(self) -> dict[str, str]:
        """Defaults are left out."""
        weeks = "" if self.weeks == WEEKS else str(self.weeks)
        return {**self.of_stores, "weeks": weeks, "measure": self.measure, "trend": self.trend}

    def choices(self) -> dict[str, object]:
        return {**StoreFilter.choices(self), "periods": PERIODS}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFilter(StoreFilter):
    """Days, the first and the last included."""

    since: date
    until: date

    @classmethod
    def read(cls, given: Given) -> DayFilter:
        """Without days, the same weeks as on the pages about areas, and in the API."""
        fields = read_stores(given)
        until, since = read_day(given.get("to", "")), read_day(given.get("from", ""))
        for name, day in (("from", since), ("to", until)):
            if day is None:
                fields["unread"] += unread(given, name, "is no day, so the usual one is taken")
        until = until or today()
        since = since or min(first_day(), until)
        if not 0 <= (until - since).days < LONGEST_DAYS:
            since = max(min(since, until), until - timedelta(days=LONGEST_DAYS - 1))
            fields["unread"] += (f"A period begins before its end and has at most {LONGEST_DAYS} days.",)
        return cls(**fields, since=since, until=until)

    def scope(self, user: User | AnonymousUser) -> Scope:
        return Scope(user, self.since, self.until, **self.narrowing)

    @property
    def parts(self) -> dict[str, str]:
        return {**self.of_stores, "from": str(self.since), "to": str(self.until)}


def _one_of(known: Sequence[str], asked: str | None) -> str:
    return asked if asked and asked in known else next(iter(known), "")
