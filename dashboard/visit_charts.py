"""Charts of visits as plain numbers, which templates draw as SVG next to their tables.

As in `dashboard/charts.py`, across is in percent of the width where texts must keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from insights.hours import HourOfWeek

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Shades of a calendar's days: 1, 2, 3 and more visits.
MOST_SHADE = 3
# Of a calendar's squares from one to the next, and above them for the months.
STEP, TOP = 6, 6


@dataclass(frozen=True, slots=True)
class Square:
    """In columns of an hour and rows of a day."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True)
class Punch:
    """Visits by hour of the week: squares whose areas are as the visits, and the table that says the same."""

    squares: Sequence[Square]
    rows: Sequence[tuple[str, Sequence[int]]]
    busiest: str


def punch(hours: HourOfWeek) -> Punch:
    most = hours.most or 1
    squares = []
    for number, counts in enumerate(hours.counts):
        for hour, visits in enumerate(counts):
            if visits:
                # A single visit is a dot still.
                side = max(0.06, 0.92 * math.sqrt(visits / most))
                offset = (1 - side) / 2
                squares.append(Square(round(hour + offset, 3), round(number + offset, 3), round(side, 3)))
    rows = list(zip(WEEKDAYS, hours.counts, strict=True))
    return Punch(squares, rows, _busiest(rows, most) if squares else "")


def _busiest(rows: Sequence[tuple[str, Sequence[int]]], most: int) -> str:
    name, hour = next((name, counts.index(most)) for name, counts in rows if most in counts)
    return f"{name} {hour:02}:00"


@dataclass(frozen=True, slots=True)
class Day:
    """One square of a calendar; `shade` grows with the visits, 0 is none."""

    x: int
    y: int
    shade: int
    has_failed: bool
    title: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """A column for each week, Monday on top; `labels` are months, by where they begin."""

    weeks: int
    width: int
    days: Sequence[Day]
    labels: Sequence[tuple[int, str]]


def calendar(since: date, until: date, visits: Mapping[date, tuple[int, int]]) -> Calendar:
    """`visits` are (visits, failed images) of days; `since` is a Monday."""
    days, labels = [], []
    for number in range((until - since).days + 1):
        day = since + timedelta(days=number)
        count, failed = visits.get(day, (0, 0))
        week, weekday = divmod(number, 7)
        said = f"{day}: {count} visit{'' if count == 1 else 's'}{f', {failed} images failed' if failed else ''}"
        days.append(Day(STEP * week, TOP + STEP * weekday, min(count, MOST_SHADE), bool(failed), said))
        # The first week has none where the next month begins in the week after: its label would be across that one's.
        if weekday == 0 and (day.day <= 7 or (not number and day.day <= 15)):
            labels.append((STEP * week, f"{day:%b}"))
    weeks = -(-len(days) // 7)
    return Calendar(weeks, STEP * weeks, days, labels)


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap's part of the strip, in percent across; `is_open` is the one that lasts until now."""

    begin: datetime
    x: float
    width: float
    days: float
    is_open: bool


def strip(instants: Sequence[datetime], begin: datetime, now: datetime) -> list[Gap]:
    """The gaps between the instants from `begin` on, oldest first, and from the last one until now."""
    span = (now - begin) / timedelta(days=1)
    found = []
    shown = [instant for instant in instants if begin <= instant <= now]
    for first, last in pairwise([*shown, now]):
        days = (last - first) / timedelta(days=1)
        if days:
            x = 100 * ((first - begin) / timedelta(days=1)) / span
            found.append(Gap(first, round(x, 3), round(100 * days / span, 3), round(days, 1), last is now))
    return found
