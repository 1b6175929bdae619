"""The visits of one store as its page draws them: a calendar, the gaps, and the images of each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from dashboard import charts, visit_charts
from insights.figures import Figure
from insights.gaps import median_of
from insights.models import VisitSummary
from insights.periods import monday
from insights.scope import as_of, day_of, start_of, today
from stores.models import Store

CALENDAR_WEEKS = 26
# The latest of a store; more are not read.
MOST_VISITS = 1_000
# Of these days are the gaps that the usual one is taken from.
DAYS_OF_GAPS = 365
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day with visits, for the table."""

    day: date
    visits: int
    images: int
    completed: int
    failed: int
    unprocessed: int


@dataclass(frozen=True, slots=True)
class StoreRhythm:
    """`usual` is the median gap in days, of `gaps` between `shortest` and `longest`; `since_last` is in days.

    The charts are of the last CALENDAR_WEEKS weeks, the table of their days with visits, latest first.
    """

    as_of: datetime | None
    time_zone: str
    begin: date
    until: date
    last: datetime | None
    since_last: float
    usual: Figure
    shortest: float
    longest: float
    calendar: visit_charts.Calendar
    strip: Sequence[visit_charts.Gap]
    images: charts.Columns
    days: Sequence[DayRow]


def rhythm_of(user: User | AnonymousUser, store: Store) -> StoreRhythm:
    """Of the visits that `user` may see."""
    now, until = timezone.now(), today()
    begin = monday(until) - (CALENDAR_WEEKS - 1) * 7 * DAY
    summaries = VisitSummary.objects.visible_to(user).filter(store_id=store.store_id, visited_at__lte=now)
    visits = list(summaries.order_by("-visited_at")[:MOST_VISITS])
    instants = sorted({visit.visited_at for visit in visits if visit.visited_at is not None})
    recent = [instant for instant in instants if now - instant <= DAYS_OF_GAPS * DAY]
    gaps = [(after - before) / DAY for before, after in pairwise(recent)]
    days = _days(visits, begin)
    by_day = {row.day: (row.visits, row.failed) for row in days}
    return StoreRhythm(
        as_of(),
        settings.INSIGHTS_TIME_ZONE,
        begin,
        until,
        instants[-1] if instants else None,
        (now - instants[-1]) / DAY if instants else 0,
        median_of(gaps),
        min(gaps, default=0),
        max(gaps, default=0),
        visit_charts.calendar(begin, until, by_day),
        visit_charts.strip(instants, start_of(begin), now),
        _images(days, begin, until),
        days,
    )


def _days(visits: Sequence[VisitSummary], begin: date) -> list[DayRow]:
    """Those from `begin` on, latest first."""
    found: dict[date, list[VisitSummary]] = {}
    for visit in visits:
        if visit.visited_at is not None and (day := day_of(visit.visited_at)) >= begin:
            found.setdefault(day, []).append(visit)
    return [
        DayRow(
            day,
            len(rows),
            sum(row.images for row in rows),
            sum(row.completed for row in rows),
            sum(row.failed for row in rows),
            sum(row.unprocessed for row in rows),
        )
        for day, rows in found.items()
    ]


def _images(days: Sequence[DayRow], begin: date, until: date) -> charts.Columns:
    by_day = {row.day: row for row in days}
    dates = [begin + number * DAY for number in range((until - begin).days + 1)]
    counts = [(by_day[day].completed, by_day[day].failed) if day in by_day else (0, 0) for day in dates]
    drawn = charts.columns("images", "", [start_of(day) for day in dates], counts, 86_400)
    number, failed = sum(map(sum, counts)), sum(each[1] for each in counts)
    ticks = [replace(tick, label=tick.label[:5]) for tick in drawn.across]
    return replace(
        drawn,
        title=f"Images per day of visit, n = {number:,}, {begin} to {until}, {settings.INSIGHTS_TIME_ZONE}",
        description=f"{number - failed:,} completed and {failed:,} failed on {len(days):,} days with visits.",
        across=ticks,
    )
