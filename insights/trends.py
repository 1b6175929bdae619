"""Weeks of an area beside the weeks that are usual for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from django.db.models import Count

from insights import turnarounds
from insights.area_sums import NOTHING, By, Sums, sums
from insights.areas import FAILURES, FETCH, MEDIAN, VISITS, stores_by_area
from insights.figures import FEWEST, TOO_FEW
from insights.periods import Parts, weeks
from insights.scope import Scope, day_of

MEASURES = (FAILURES, MEDIAN, FETCH, VISITS)
# Of fewer whole weeks nobody can say what is usual.
FEWEST_WEEKS = 5
# Of fewer visits in the usual week, nearly every week is usual or unusual by chance alone.
FEWEST_VISITS = 10
# A median absolute deviation, times this, is the standard deviation of what is spread normally.
ROBUST = 1.4826
# The band's half, in robust spreads.
HALF = 2
RUNNING, PART_OF_WEEK = "running", "part_of_week"


@dataclass(frozen=True, slots=True)
class Week:
    """`value` is of `n` observations, or None and `why`. A running or cut week is never judged unusual."""

    monday: date
    value: float | None
    n: int
    why: str = ""
    is_unusual: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """What weeks usually bring: their median, and two robust spreads below and above it."""

    usual: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trend:
    """One label's weeks; no band where it is not known what is usual, see `band_of`."""

    label: str
    stores: int
    weeks: Sequence[Week]
    band: Band | None

    @property
    def unusual(self) -> list[Week]:
        return [week for week in self.weeks if week.is_unusual]

    @property
    def last(self) -> Week | None:
        """The last whole week of which a value is known."""
        return next((week for week in reversed(self.weeks) if week.value is not None and not week.why), None)


def stores_by(scope: Scope, by: By) -> dict[str, int]:
    """How many stores each label has, by the store master, the largest first; "" is uncategorised."""
    if by is By.AREA:
        return stores_by_area(scope.stores())
    counted = scope.stores().values_list(by.value).annotate(stores=Count("pk")).order_by("-stores")
    return {label or "": stores for label, stores in counted}


type Weekly = tuple[Parts, dict[str, list[Sums]]]


def weekly_sums(scope: Scope, mark: datetime | None, by: By, labels: Sequence[str]) -> Weekly:
    """What `trends` of several measures share, of a scope that is `periods.known` up to `mark`."""
    parts = weeks(scope, mark)
    return parts, sums(scope, parts, by, labels)


def trends(
    scope: Scope,
    mark: datetime | None,
    measure: str,
    labels: Mapping[str, int],
    by: By = By.AREA,
    summed: Weekly | None = None,
) -> list[Trend]:
    """The weeks of each of `labels`, which says how many stores each has; the scope is `periods.known` up to `mark`.

    `summed` spares the scan where the same weeks have just been summed.
    """
    if not labels:
        return []
    parts = weeks(scope, mark)
    if measure == MEDIAN:
        times = turnarounds.by_part(scope, parts, by, list(labels))
        nothing: list[tuple[int, float | None]] = [(0, None)] * len(parts.starts)
        return [_trend(label, stores, measure, parts, times.get(label, nothing)) for label, stores in labels.items()]
    if summed is None or list(summed[0].starts) != list(parts.starts):
        summed = weekly_sums(scope, mark, by, list(labels))
    empty = [NOTHING] * len(parts.starts)
    return [
        _trend(label, stores, measure, parts, [_value(measure, week, stores) for week in summed[1].get(label, empty)])
        for label, stores in labels.items()
    ]


def _value(measure: str, week: Sums, stores: int) -> tuple[int, float | None]:
    if measure == VISITS:
        return week.visits, week.visits / stores if stores else None
    total, n = (week.failed, week.tried) if measure == FAILURES else (week.fetch_ms, week.fetched)
    return n, total / n if n else None


def _trend(label: str, stores: int, measure: str, parts: Parts, values: Sequence[tuple[int, float | None]]) -> Trend:
    whole = [length > 6.5 for length in parts.days]
    if parts.is_running:
        whole[-1] = False
    # Visits are counted, not estimated: few of them are what they are.
    enough = [value is not None and (measure == VISITS or n >= FEWEST) for n, value in values]
    judged = [at for at, is_whole in enumerate(whole) if is_whole and enough[at]]
    band = band_of(measure, [values[at] for at in judged], stores)
    found = []
    for at, (n, value) in enumerate(values):
        why = "" if whole[at] else RUNNING if at == len(whole) - 1 else PART_OF_WEEK
        unusual = band is not None and at in judged and not band.low <= (value or 0) <= band.high
        day = day_of(parts.starts[at])
        found.append(Week(day, value if enough[at] else None, n, why or ("" if enough[at] else TOO_FEW), unusual))
    return Trend(label, stores, found, band)


def band_of(measure: str, known_weeks: Sequence[tuple[int, float | None]], stores: int) -> Band | None:
    """The median of the weeks and two robust spreads: of themselves, and at least what chance alone makes of counts.

    None below FEWEST_WEEKS weeks, and for visits where the usual week has fewer than FEWEST_VISITS.
    """
    values = [value for _, value in known_weeks if value is not None]
    if len(values) < FEWEST_WEEKS:
        return None
    usual = median(values)
    if measure == VISITS and usual * stores < FEWEST_VISITS:
        return None
    spread = ROBUST * median(abs(value - usual) for value in values)
    if measure == VISITS:
        spread = max(spread, math.sqrt(usual / stores))
    elif measure == FAILURES:
        spread = max(spread, math.sqrt(usual * (1 - usual) / median(n for n, _ in known_weeks)))
    return Band(usual, max(0.0, usual - HALF * spread), usual + HALF * spread)
