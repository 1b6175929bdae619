"""Areas: which kinds of stores each has, and how their figures compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import Count

from insights import turnarounds
from insights.area_sums import NOTHING, Sums, sums
from insights.figures import FEWEST, Figure
from insights.periods import Parts, blocks
from insights.scope import Scope
from insights.statistics import Blocks, mean, rate
from stores.models import Category
from stores.models.store import StoreQuerySet

FAILURES, MEDIAN, P95, FETCH, VISITS = (
    "failure_rate", "turnaround_median", "turnaround_p95", "fetch_mean", "visits_per_store_week"
)  # fmt: skip
MEASURES = (FAILURES, MEDIAN, P95, FETCH, VISITS)
ABOVE, BELOW, SAME = "above the others", "below the others", "no difference shown"


# --- Stores by area and category


def stores_by_area(stores: StoreQuerySet) -> dict[str, int]:
    """How many of the stores each area has, the largest first."""
    rows = stores.values_list("area_code").annotate(stores=Count("pk")).order_by("-stores", "area_code")
    return dict(rows)


@dataclass(frozen=True, slots=True)
class Row:
    """`cells` are stores by category, in the order of the matrix's columns; they sum to `stores`."""

    area: str
    stores: int
    cells: Sequence[int]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Stores by area and category. `columns` are names of categories; the last one, "", is uncategorised.

    Categories beyond the largest are summed in the column `others`, where there are more than were asked for.
    `totals` is the last row, of all areas, also of those that `rows` leaves out.
    """

    columns: Sequence[str]
    others: int
    rows: Sequence[Row]
    totals: Row

    @property
    def categorised(self) -> int:
        return self.totals.stores - self.totals.cells[-1]


def matrix(stores: StoreQuerySet, areas: Sequence[str], most_columns: int) -> Matrix:
    """Of these areas, in this order, with at most `most_columns` categories, the largest.

    Every cell is counted in the store master as it is now, so that the rows and columns of all areas sum to it.
    """
    by_category = dict(stores.values_list("category").annotate(stores=Count("pk")).order_by())
    largest = sorted((key for key in by_category if key is not None), key=lambda key: (-by_category[key], key))
    shown = Category.objects.in_bulk(largest[:most_columns])
    columns = sorted(shown, key=lambda key: (shown[key].position, shown[key].name))
    others = len(largest) - len(columns)
    cells: dict[str, dict[int | None, int]] = {area: {} for area in areas}
    counted = stores.filter(area_code__in=list(areas)).values_list("area_code", "category")
    for area, category, number in counted.annotate(stores=Count("pk")).order_by():
        cells[area][category] = number
    rows = [_row(area, found, columns, others) for area, found in cells.items()]
    return Matrix([*(shown[key].name for key in columns), ""], others, rows, _row("", by_category, columns, others))


def _row(area: str, found: Mapping[int | None, int], columns: Sequence[int], others: int) -> Row:
    total = sum(found.values())
    named = [found.get(key, 0) for key in columns]
    none = found.get(None, 0)
    rest = [total - none - sum(named)] if others else []
    return Row(area, total, [*named, *rest, none])


# --- How areas compare


@dataclass(frozen=True, slots=True)
class Area:
    """`figures` and `verdicts` are by measure; a figure that is not known has no verdict, "".

    `tried` images completed or failed by themselves; those that nobody tried, as of unknown stores, are left out.
    """

    area: str
    stores: int
    visits: int
    tried: int
    failed: int
    figures: Mapping[str, Figure]
    verdicts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TooFew:
    """All areas with fewer than FEWEST tried images, together."""

    areas: int
    stores: int
    visits: int
    tried: int
    failed: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`parts` are those of the scope; `middle` is the median area's value by measure, `by_part` the sums by area."""

    scope: Scope
    parts: Parts
    areas: Sequence[Area]
    too_few: TooFew
    middle: Mapping[str, float]
    by_part: dict[str, list[Sums]]


def compare(
    scope: Scope, mark: datetime | None, stores_of: Mapping[str, int], measures: Sequence[str] = MEASURES
) -> Comparison:
    """The areas of `stores_of`, in that order: those of a scope that is `periods.known` up to `mark`.

    Areas by their stores, so that one that nobody visited is there as well.
    """
    parts = blocks(scope, mark)
    by_part = sums(scope, parts)
    wants_turnarounds = MEDIAN in measures or P95 in measures
    quantiles = turnarounds.quantiles(scope, parts) if wants_turnarounds else {}
    weeks = [days / 7 for days in parts.days]
    found: dict[str, tuple[int, Sums, dict[str, Figure]]] = {}
    few: list[tuple[int, Sums]] = []
    for area, stores in stores_of.items():
        each = by_part.get(area, [NOTHING] * len(weeks))
        total = Sums(*map(sum, zip(*each, strict=True)))
        if total.tried < FEWEST:
            few.append((stores, total))
            continue
        figures = {measure: _figure(measure, each, stores, weeks) for measure in measures if measure in _OF_SUMS}
        if wants_turnarounds:
            times = quantiles.get(area)
            figures[MEDIAN] = times.median if times else Figure.unknown(0)
            figures[P95] = times.p95 if times else Figure.unknown(0)
        found[area] = stores, total, {measure: figures[measure] for measure in measures}
    middle = _middle([figures for _, _, figures in found.values()], measures)
    areas = [
        Area(
            area, stores, total.visits, total.tried, total.failed, figures,
            {measure: verdict(figure, middle.get(measure)) for measure, figure in figures.items()},
        )
        for area, (stores, total, figures) in found.items()
    ]  # fmt: skip
    return Comparison(scope, parts, areas, _together(few), middle, by_part)


def verdict(figure: Figure, middle: float | None) -> str:
    """Whether an area's interval clears the middle area, which one bad area does not drag as it would the mean."""
    if figure.value is None or figure.low is None or figure.high is None or middle is None:
        return ""
    if figure.low > middle:
        return ABOVE
    return BELOW if figure.high < middle else SAME


def _middle(found: Sequence[Mapping[str, Figure]], measures: Sequence[str]) -> dict[str, float]:
    """The median of the areas' values, where there are two at least: of one area there are no others."""
    middle = {}
    for measure in measures:
        values = [figures[measure].value for figures in found]
        seen = [value for value in values if value is not None]
        if len(seen) > 1:
            middle[measure] = median(seen)
    return middle


def _together(few: Sequence[tuple[int, Sums]]) -> TooFew:
    return TooFew(
        len(few),
        sum(stores for stores, _ in few),
        sum(total.visits for _, total in few),
        sum(total.tried for _, total in few),
        sum(total.failed for _, total in few),
    )


_OF_SUMS = (FAILURES, FETCH, VISITS)


def _figure(measure: str, parts: Sequence[Sums], stores: int, weeks: Sequence[float]) -> Figure:
    if measure == FAILURES:
        return rate(Blocks.of(((part.failed, part.tried) for part in parts), sum(part.visits for part in parts)))
    if measure == FETCH:
        return mean(Blocks.of((part.fetch_ms, part.fetched) for part in parts))
    visited = Blocks.of((part.visits, stores * length) for part, length in zip(parts, weeks, strict=True))
    return mean(visited, n=sum(part.visits for part in parts))
