"""Which visits a figure is about: whose, from when to when, and of which stores."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from insights.default_period import WEEKS
from insights.models import Refreshed, VisitSummary, VisitSummaryQuerySet
from jobs.models.expressions import IsTrue
from stores.models import Store
from stores.models.store import StoreQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# So many are named in a statement, each with its own place in the index.
FEW_STORES = 1_000
LONGEST_DAYS = 366
# From 1970 to 2099: visits of other years are mistakes, and the calendar ends somewhere.
DAY_PATTERN = "(?:19[789][0-9]|20[0-9]{2})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"


def zone() -> ZoneInfo:
    """The time zone in which a day begins, for all figures."""
    return ZoneInfo(settings.INSIGHTS_TIME_ZONE)


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, zone())


def today() -> date:
    return datetime.now(zone()).date()


def day_of(instant: datetime) -> date:
    return instant.astimezone(zone()).date()


def read_day(text: str) -> date | None:
    """A day such as 2026-01-31; None of what is none, or is out of the years of DAY_PATTERN."""
    try:
        return date.fromisoformat(text) if re.fullmatch(DAY_PATTERN, text) else None
    except ValueError:
        return None


def as_of() -> datetime | None:
    """Until when finished images are in what is shown; None before the first refresh."""
    return Refreshed.objects.values_list("mark", flat=True).first()


@dataclass(frozen=True)
class Scope:
    """The visits of jobs that `user` may read, on the days from `since` to `until`, both included, but no later than
    today: a visit of tomorrow has not been made, its clock is wrong.

    `area`, `category` (its name; "" is uncategorised), `group` (its id) and `store` narrow it; None does not.
    """

    user: User | AnonymousUser | None
    since: date
    until: date
    area: str | None = None
    category: str | None = None
    group: int | None = None
    store: str | None = None
    # What was found, also by a scope of which this is a copy with other days.
    found: dict[tuple[object, ...], list[str] | None] = field(default_factory=dict, compare=False, repr=False)
    found_days: dict[tuple[str, str], list[date]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of_weeks(cls, user: User | AnonymousUser | None, weeks: int = WEEKS, **narrowed: object) -> Scope:
        """The last `weeks` weeks, today included."""
        until = today()
        return cls(user, until - timedelta(days=7 * weeks - 1), until, **narrowed)  # type: ignore[arg-type]  # its own fields

    @property
    def begin(self) -> datetime:
        return start_of(self.since)

    @property
    def end(self) -> datetime:
        """The first instant after it, or after today."""
        return start_of(min(self.until, today()) + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    def stores(self) -> StoreQuerySet:
        """The stores of the store master that it is about."""
        return Store.objects.narrowed(self.area, self.category, self.group, self.store)

    @property
    def of_all_stores(self) -> Scope:
        """The same days, whatever narrows it."""
        return replace(self, area=None, category=None, group=None, store=None)

    @property
    def is_of_all_stores(self) -> bool:
        return self.area is None and self.category is None and self.group is None and self.store is None

    def visits(self) -> VisitSummaryQuerySet:
        """Their summaries, those of stores that the store master does not have among them if it is of all stores.

        Of a few stores the visits are found one store after the other; of many, each visit of the period is looked up
        in the set of them. Left to the planner, wrong statistics let it compare all visits with all stores.
        """
        visits = self.visits_to_join()
        if self.is_of_all_stores or self._few_stores is not None:
            return visits
        return visits.filter(IsTrue(Q(store_id__in=self.stores().values("store_id"))))

    def visits_to_join(self) -> VisitSummaryQuerySet:
        """For a statement that joins the stores itself, which it has read by then: of many stores, all visits."""
        visits = VisitSummary.objects.visible_to(self.user).filter(visited_at__gte=self.begin, visited_at__lt=self.end)
        if self.is_of_all_stores or self._few_stores is None:
            return visits
        return visits.filter(store_id__any=self._few_stores)

    @property
    def _few_stores(self) -> list[str] | None:
        """The ids of at most FEW_STORES; None of more."""
        narrowed = (self.area, self.category, self.group, self.store)
        if narrowed not in self.found:
            ids = list(self.stores().values_list("store_id", flat=True)[: FEW_STORES + 1])
            self.found[narrowed] = ids if len(ids) <= FEW_STORES else None
        return self.found[narrowed]
