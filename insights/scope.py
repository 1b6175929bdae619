"""Which visits a figure is about: whose, from when to when, and of which stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from insights.models import Refreshed, VisitSummary, VisitSummaryQuerySet
from jobs.models.expressions import IsTrue
from stores.models import Store
from stores.models.store import StoreQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

WEEKS = 13
# So many are named in a statement, each with its own place in the index.
FEW_STORES = 1_000
LONGEST_DAYS = 366


def zone() -> ZoneInfo:
    """The time zone in which a day begins, for all figures."""
    return ZoneInfo(settings.INSIGHTS_TIME_ZONE)


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, zone())


def today() -> date:
    return datetime.now(zone()).date()


def as_of() -> datetime | None:
    """Until when finished images are in the summaries; None before the first refresh."""
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
        stores = Store.objects.all()
        if self.area is not None:
            stores = stores.in_area(self.area)
        if self.category is not None:
            stores = stores.in_category(self.category)
        if self.group is not None:
            stores = stores.in_group(self.group)
        if self.store is not None:
            stores = stores.filter(store_id=self.store)
        return stores

    @property
    def is_of_all_stores(self) -> bool:
        return self.area is None and self.category is None and self.group is None and self.store is None

    def visits(self) -> VisitSummaryQuerySet:
        """Their summaries, those of stores that the store master does not have among them if it is of all stores.

        Of a few stores the visits are found one store after the other; of many, each visit of the period is looked up
        in the set of them. Left to the planner, wrong statistics let it compare all visits with all stores.
        """
        visits = VisitSummary.objects.visible_to(self.user).filter(visited_at__gte=self.begin, visited_at__lt=self.end)
        if self.is_of_all_stores:
            return visits
        if self._few_stores is not None:
            return visits.filter(store_id__any=self._few_stores)
        return visits.filter(IsTrue(Q(store_id__in=self.stores().values("store_id"))))

    @cached_property
    def _few_stores(self) -> list[str] | None:
        """The ids of at most FEW_STORES; None of more."""
        found = list(self.stores().values_list("store_id", flat=True)[: FEW_STORES + 1])
        return found if len(found) <= FEW_STORES else None
