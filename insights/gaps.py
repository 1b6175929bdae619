"""The times between a store's visits: their median, and how they are distributed.

A gap is from one visit of a store to its next within the period, in days. Between repeats, visits at the same instant,
there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from django.core.exceptions import EmptyResultSet
from django.db.models import F

from insights import reading
from insights.figures import FEWEST, Figure
from insights.scope import Scope
from insights.statistics import Z

# Of more visits, the gaps are those of every k-th store of the store master.
MOST_VISITS = 100_000
# Where the classes begin, in whole days; each reaches to the next.
CLASSES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 22, 29, 61)


@dataclass(frozen=True, slots=True)
class GapClass:
    """Gaps of `least` to `most` days, rounded to whole days; `most` is None where there is no end."""

    least: int
    most: int | None
    gaps: int

    @property
    def label(self) -> str:
        if self.most is None:
            return f"{self.least} or more"
        return str(self.least) if self.most == self.least else f"{self.least} to {self.most}"


@dataclass(frozen=True, slots=True)
class Gaps:
    """`median` is in days; all are those of every `every`-th store."""

    median: Figure
    classes: Sequence[GapClass]
    every: int


# By store: how many gaps are at most the median. Stores differ, so that the gaps of one are less than as many of
# different ones: the interval's ranks are those of independent gaps, moved apart by the design effect of stores.
_GAPS = """
    WITH gap AS MATERIALIZED (
        SELECT store_id, extract(epoch FROM visited_at - before)::float8 / 86400 AS days
        FROM (
            SELECT store_id, visited_at, lag(visited_at) OVER (PARTITION BY store_id ORDER BY visited_at) AS before
            FROM ({visits}) visit
        ) following
        WHERE visited_at > before
    ), middle AS (
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median, count(*) AS n FROM gap
    ), spread AS (
        SELECT CASE WHEN count(*) < 2 THEN 1 ELSE greatest(
            1, sum(power(below - gaps * 0.5, 2)) * count(*) / (count(*) - 1) / (sum(gaps) * 0.25)
        ) END AS effect
        FROM (
            SELECT count(*) AS gaps, count(*) FILTER (WHERE days <= median) AS below
            FROM gap, middle GROUP BY store_id
        ) of_store
    ), rank AS (
        SELECT least(0.5, %s * sqrt(0.25 * effect / greatest(n, 1))) AS margin FROM spread, middle
    )
    SELECT n, median,
        (SELECT percentile_cont(0.5 - margin) WITHIN GROUP (ORDER BY days) FROM gap),
        (SELECT percentile_cont(0.5 + margin) WITHIN GROUP (ORDER BY days) FROM gap),
        (SELECT json_object_agg(class, gaps) FROM (
            SELECT width_bucket(round(days), %s::float8[]) AS class, count(*) AS gaps FROM gap GROUP BY 1
        ) counted)
    FROM middle, rank
"""


def gaps(scope: Scope, visits: int, most_visits: int = MOST_VISITS) -> Gaps:
    """`visits` is how many there are: above `most_visits`, so many times fewer stores are looked at."""
    every = max(1, math.ceil(visits / most_visits))
    if every > 1:
        # Each is looked up by its own visits: of all visits, few are theirs.
        nth = scope.stores().alias(nth=F("pk") % every).filter(nth=0)
        found = scope.of_all_stores.visits().filter(store_id__any=list(nth.values_list("store_id", flat=True)))
    else:
        found = scope.visits()
    try:
        sql, parameters = found.values_list("store_id", "visited_at").query.sql_with_params()
    except EmptyResultSet:
        return Gaps(Figure.unknown(0), _classes({}), every)
    ((n, middle, low, high, counts),) = reading.rows(_GAPS.format(visits=sql), [*parameters, Z, list(CLASSES)])
    return Gaps(Figure.unknown(n) if n < FEWEST else Figure(middle, low, high, n), _classes(counts or {}), every)


def _classes(counts: dict[str, int]) -> list[GapClass]:
    ends = [*(following - 1 for following in CLASSES[1:]), None]
    return [
        GapClass(least, most, counts.get(str(number), 0))
        for number, (least, most) in enumerate(zip(CLASSES, ends, strict=True), start=1)
    ]


def median_of(days: Sequence[float]) -> Figure:
    """Of one store's gaps. The interval goes by their ranks: it asks nothing of how they are distributed."""
    n = len(days)
    if n < FEWEST:
        return Figure.unknown(n)
    ordered = sorted(days)
    reach = Z * math.sqrt(n) / 2
    low, high = ordered[max(0, math.floor(n / 2 - reach))], ordered[min(n - 1, math.ceil(n / 2 + reach) - 1)]
    return Figure(median(ordered), low, high, n)
