"""Reads a scope's visits as sums of whole days where these are kept, and visit by visit where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Q

from insights.models import DaySum, KeptDay, Kind, VisitSummaryQuerySet
from insights.models.day_sum import DaySumQuerySet
from insights.scope import Scope, start_of, today, zone

# Of periods that are read visit by visit; beyond them, days between are so read as well.
MOST_PERIODS = 8

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of a scope whose sums by `kind` are `kept`, and the `periods` (first day, last day) of the others.

    Each day is in one of the two, so that what a refresh does meanwhile changes no sum.
    """

    scope: Scope
    kind: Kind
    kept: Sequence[date]
    periods: Sequence[tuple[date, date]]

    def sums(self, *columns: str) -> tuple[str, tuple[Any, ...]]:
        """SQL of (day, label, columns) of the kept days, with its parameters."""
        sums: DaySumQuerySet = DaySum.objects.visible_to(self.scope.user)
        # Cast by the driver to the dates' type: an empty list has none.
        found = sums.filter(kind=self.kind)
        label = self.scope.area if self.kind == Kind.AREA else self.scope.category
        if label is not None:
            found = found.filter(label=label)
        sql, parameters = found.values_list("day", "label", *columns).query.sql_with_params()
        return f"{sql} AND day = ANY(%s::date[])", (*parameters, list(self.kept))

    def narrowed(self, visits: VisitSummaryQuerySet) -> VisitSummaryQuerySet:
        """Those of `visits`, which are the scope's, that are not in the sums."""
        if not self.kept:
            return visits
        condition = Q()
        for first, last in self.periods:
            condition |= Q(visited_at__gte=start_of(first), visited_at__lt=start_of(last + DAY))
        if not self.periods:
            condition = Q(visited_at__lt=self.scope.begin)
        return visits.filter(condition)


def kept_days(scope: Scope, kind: Kind) -> Days:
    """What narrows the scope must be what `kind` sums by, if anything; else nothing of it is kept."""
    last = min(scope.until, today())
    kept: set[date] = set()
    if _is_summed(scope, kind):
        kept = {day for day in _kept(scope) if scope.since <= day <= last}
    if not kept:
        return Days(scope, kind, [], [(scope.since, last)])
    periods: list[tuple[date, date]] = []
    for number in range((last - scope.since).days, -1, -1):
        day = scope.since + number * DAY
        if day not in kept:
            joins = bool(periods) and (periods[-1][0] - day == DAY or len(periods) == MOST_PERIODS)
            if joins:
                periods[-1] = (day, periods[-1][1])
            else:
                periods.append((day, day))
    read = [day for day in kept if not any(first <= day <= end for first, end in periods)]
    return Days(scope, kind, sorted(read), periods)


def _kept(scope: Scope) -> Sequence[date]:
    """Asked once for a scope and all its copies: what is dropped meanwhile still holds, but for the latest visits."""
    key = "days", zone().key
    if key not in scope.found_days:
        days = KeptDay.objects.filter(zone=zone().key)
        scope.found_days[key] = list(days.values_list("day", flat=True))
    return scope.found_days[key]


def _is_summed(scope: Scope, kind: Kind) -> bool:
    if scope.is_of_all_stores:
        return True
    if scope.group is not None or scope.store is not None:
        return False
    return (kind == Kind.AREA and scope.category is None) or (kind == Kind.CATEGORY and scope.area is None)
