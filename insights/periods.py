"""Periods cut into weeks and blocks of days, whose beginnings are those of days in INSIGHTS_TIME_ZONE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from insights import reading
from insights.days import kept_days
from insights.default_period import WEEKS
from insights.models import DaySum, Kind, VisitSummary
from insights.scope import Scope, day_of, start_of, today

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# From this many days on blocks are calendar weeks, which hold each weekday once; above MOST_WEEKS weeks, two of them.
LEAST_DAYS_IN_WEEKS = 56
MOST_WEEKS = 26
# Blocks of a shorter period.
BLOCKS = 14


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def first_day(weeks: int = WEEKS) -> date:
    """The Monday with which the last `weeks` calendar weeks begin, the running one included."""
    return monday(today()) - (weeks - 1) * WEEK


@dataclass(frozen=True, slots=True)
class Parts:
    """A period in parts that follow each other: part i is from starts[i] to starts[i + 1]; the last may be running."""

    starts: Sequence[datetime]
    end: datetime
    is_running: bool
    # The last refresh.
    mark: datetime | None = None

    @property
    def days_begin(self) -> list[date]:
        """The first day of each part."""
        return [day_of(start) for start in self.starts]

    @property
    def days(self) -> list[float]:
        """How long each part is, in days, as far as it is known."""
        ends = [*self.starts[1:], self.end]
        return [(end - start) / DAY for start, end in zip(self.starts, ends, strict=True)]


def known(scope: Scope) -> Scope | None:
    """The days of a period of which anything is known: from the first visit on that the user may see, to today.

    None where there is none. Without this, weeks before the service began would count as weeks without visits.
    """
    first = _first_day(scope)
    if first is None:
        return None
    return replace(scope, since=first, until=max(first, min(scope.until, today())))


# In the first week that has any: the index of times knows at once in which weeks there is none, but no order.
_FIRST_VISIT = """
    SELECT found.at FROM unnest(%s::timestamptz[], %s::timestamptz[]) AS week (begins, ends), LATERAL (
        SELECT min(visited_at) FROM ({visits}) AS visit (visited_at) WHERE visited_at >= begins AND visited_at < ends
    ) AS found (at) WHERE found.at IS NOT NULL LIMIT 1
"""


def _first_day(scope: Scope) -> date | None:
    """Of all that the user may see in the period, of whatever store."""
    days = kept_days(scope.of_all_stores, Kind.HOUR)
    kept = DaySum.objects.visible_to(scope.user).filter(kind=Kind.HOUR, day__in=days.kept)
    first: date | None = kept.aggregate(first=Min("day"))["first"] if days.kept else None
    visits = VisitSummary.objects.visible_to(scope.user).values_list("visited_at")
    sql, parameters = visits.query.sql_with_params()
    weeks = [week for period in reversed(days.periods) for week in _weeks(*period) if first is None or week[0] < first]
    if not weeks:
        return first
    begins, ends = [start_of(begin) for begin, _ in weeks], [start_of(end) for _, end in weeks]
    found = reading.rows(_FIRST_VISIT.format(visits=sql), [begins, ends, *parameters])
    return min([day_of(found[0][0]), *([first] if first else [])]) if found else first


def _weeks(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The days from the first to the last, by calendar week: the first day of each, and the one after its last."""
    while first <= last:
        end = min(monday(first) + WEEK, last + DAY)
        yield first, end
        first = end


def blocks(scope: Scope, mark: datetime | None) -> Parts:
    """What intervals are taken between: calendar weeks, or for a shorter period up to BLOCKS blocks of days.

    Of a `known` scope, up to `mark`, the last refresh.
    """
    if scope.days >= LEAST_DAYS_IN_WEEKS:
        step = 1 if scope.days <= 7 * MOST_WEEKS else 2
        return _parts(scope, mark, [scope.since, *_mondays(scope)[step - 1 :: step]])
    length = -(-scope.days // BLOCKS)
    return _parts(scope, mark, [scope.since + at * DAY for at in range(0, scope.days, length)])


def weeks(scope: Scope, mark: datetime | None) -> Parts:
    """Calendar weeks from Monday on, of which the first and the last may be cut; of a scope and a mark as above."""
    return _parts(scope, mark, [scope.since, *_mondays(scope)])


def _mondays(scope: Scope) -> list[date]:
    """Those after the first day."""
    first = monday(scope.since) + WEEK
    return [first + at * DAY for at in range(0, max(0, (scope.until - first).days + 1), 7)]


def _parts(scope: Scope, mark: datetime | None, days: Sequence[date]) -> Parts:
    starts = [start_of(day) for day in days]
    now = mark or timezone.now()
    last = scope.end
    # What is known ends with the last refresh; a part that has hardly begun still has a length.
    end = min(last, max(now, starts[-1] + timedelta(hours=1)))
    return Parts(starts, end, end < last or last > now, mark)
