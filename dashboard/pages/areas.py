"""Where to look: areas by their stores, how they compare, and which weeks are unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count, F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import area_charts, visit_charts, words
from dashboard.intervals import Interval, intervals
from dashboard.parameters import page_number
from dashboard.visit_filters import WeekFilter
from insights import areas
from insights.area_sums import By
from insights.areas import Area, Comparison
from insights.figures import Figure
from insights.hours import HourOfWeek, hour_of_week
from insights.periods import first_day, known
from insights.scope import Scope, as_of
from insights.trends import trends, weekly_sums
from stores.models import Store
from stores.models.store import StoreQuerySet

# Areas of one page of the matrix and the small multiples, and of one page of the comparison.
ROWS = 24
COMPARED = 50
MOST_COLUMNS = 9
# From so many areas on there is a treemap.
LEAST_TREEMAP = 9
MOST_PLACES = 2_000
# Weeks of the trends on an area's own page.
YEAR = 52


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure is named: in the list of measures, as a heading, in a column, and what is counted."""

    key: str
    label: str
    heading: str
    column: str
    counted: str

    def text(self, value: float | None) -> str:
        if value is None:
            return ""
        if self.key == areas.FAILURES:
            return f"{100 * value:.1f} %"
        if self.key == areas.FETCH:
            return f"{value:,.0f} ms"
        return f"{value:,.2f}" if self.key == areas.VISITS else words.duration(value)


MEASURES = {
    measure.key: measure
    for measure in (
        Measure(areas.FAILURES, "Images that failed", "Images that failed", "Rate", "images"),
        Measure(areas.VISITS, "Visits per store and week", "Visits per store and week", "Visits", "visits"),
        Measure(areas.MEDIAN, "Turnaround, median", "Median turnaround of visits", "Median", "visits"),
        Measure(areas.P95, "Turnaround, 95 %", "Turnaround that 95 % of visits stay below", "95 %", "visits"),
        Measure(areas.FETCH, "Download, mean", "Mean time of a download", "Mean", "downloads"),
    )
}
# Of the small multiples; a week's 95 % quantile would be of too few visits.
TREND_MEASURES = (areas.VISITS, areas.FAILURES, areas.MEDIAN, areas.FETCH)


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of the comparison."""

    area: Area
    figure: Figure
    verdict: str
    drawn: Sequence[Interval]


@require_safe
@login_required
def areas_page(request: HttpRequest) -> HttpResponse:
    """The store master is everybody's; visits are those of the jobs that the person may see."""
    asked = WeekFilter.read(request.GET, list(MEASURES), TREND_MEASURES)
    scope = replace(asked.scope(request.user), area=None)
    stores = scope.stores()
    counted = areas.stores_by_area(stores)
    page = page_number(request.GET, "page")
    shown = dict(list(counted.items())[(page - 1) * ROWS : page * ROWS])
    measure = MEASURES[asked.measure]
    mark, narrowed = as_of(), known(scope)
    wanted = list(dict.fromkeys([areas.FAILURES, measure.key]))
    found = areas.compare(narrowed, mark, counted, wanted) if narrowed else None
    context = {
        **_about(narrowed or scope, asked, mark),
        **asked.choices(),
        "measures": MEASURES.values(),
        "trend_measures": [MEASURES[key] for key in TREND_MEASURES],
        "measure": measure,
        "areas": len(counted),
        "page": page,
        "pages": -(-len(counted) // ROWS),
        "matrix": _matrix(stores, list(shown)),
        "places": _places(stores),
        "comparison": _comparison(found, measure, page_number(request.GET, "compared")) if found else None,
        "multiples": _multiples(found, mark, asked.trend, shown),
        "hours": _hours(scope, mark),
    }
    if found and len(counted) >= LEAST_TREEMAP:
        context["treemaps"] = area_charts.treemaps(counted, {area.area: area for area in found.areas})
        context["treemap_stores"] = sum(counted.values())
    return render(request, "dashboard/areas/page.html", context)


@require_safe
@login_required
def area_page(request: HttpRequest) -> HttpResponse:
    """One area, named by the parameter `area`, because its code may hold slashes."""
    asked = WeekFilter.read(request.GET)
    code = asked.area
    whole = replace(asked.scope(request.user), area=None)
    scope = replace(whole, area=code)
    stores = scope.stores().count()
    if not stores and not Store.objects.in_area(code).exists():
        raise Http404("There is no store of this area in the store master.")
    mark, narrowed = as_of(), known(whole)
    found = areas.compare(narrowed, mark, areas.stores_by_area(narrowed.stores())) if narrowed else None
    area = next((each for each in found.areas if each.area == code), None) if found else None
    # A year of one area costs no more than the chosen weeks of all.
    year = known(replace(scope, since=first_day(YEAR)))
    panels = []
    if year:
        summed = weekly_sums(year, mark, By.AREA, [code])
        for key in TREND_MEASURES:
            multiples, most = area_charts.multiples(trends(year, mark, key, {code: stores}, By.AREA, summed))
            panels += [(MEASURES[key], multiple, most) for multiple in multiples]
    context = {
        **_about(narrowed or scope, asked, mark),
        **asked.choices(),
        "code": code,
        "stores": stores,
        "area": area,
        "figures": _figures(area, found) if area and found else [],
        "matrix": _matrix(scope.stores(), [code]),
        "panels": panels,
        "year": YEAR,
        "hours": _hours(scope, mark),
    }
    return render(request, "dashboard/areas/area.html", context)


def _about(scope: Scope, asked: WeekFilter, mark: datetime | None) -> dict[str, Any]:
    return {"asked": asked, "scope": scope, "as_of": mark, "time_zone": settings.INSIGHTS_TIME_ZONE}


def _matrix(stores: StoreQuerySet, shown: Sequence[str]) -> dict[str, Any]:
    """Rows of (area or "", stores, [(stores, share, step, is uncategorised)]); the rest of the areas in one row."""
    found = areas.matrix(stores, shown, MOST_COLUMNS)
    columns = [name or "Uncategorised" for name in found.columns]
    if found.others:
        columns.insert(-1, f"{found.others:,} others")
    rest = [
        total - sum(cells) for total, *cells in zip(found.totals.cells, *(row.cells for row in found.rows), strict=True)
    ]
    others = sum(rest)
    return {
        "columns": columns,
        "rows": [(row.area, row.stores, _cells(row.cells, row.stores)) for row in found.rows],
        "rest": (others, _cells(rest, others)) if others else None,
        "stores": found.totals.stores,
        "categorised": found.categorised,
        "share": found.categorised / found.totals.stores if found.totals.stores else 0,
        "totals": found.totals.cells,
    }


def _cells(cells: Sequence[int], stores: int) -> list[tuple[int, float, int, bool]]:
    shares = [cell / stores if stores else 0 for cell in cells]
    return [
        (cell, share, area_charts.step(share, area_charts.CELL_STEPS), at == len(cells) - 1)
        for at, (cell, share) in enumerate(zip(cells, shares, strict=True))
    ]


def _comparison(found: Comparison, measure: Measure, page: int) -> dict[str, Any]:
    """A page of the areas, the highest value first."""
    key = measure.key
    ordered = sorted(found.areas, key=lambda area: (-(area.figures[key].value or -1), area.area))
    shown = ordered[(page - 1) * COMPARED : page * COMPARED]
    # One scale for all pages.
    drawn = intervals(([area.figures[key]] for area in ordered), found.middle.get(key))
    verdicts = [area.verdicts[key] for area in found.areas]
    return {
        "rows": [
            Compared(area, area.figures[key], area.verdicts[key], row)
            for area, row in zip(shown, drawn.rows[(page - 1) * COMPARED : page * COMPARED], strict=True)
        ],
        "too_few": found.too_few,
        "middle": found.middle.get(key),
        "middle_at": drawn.middle,
        "above": verdicts.count(areas.ABOVE),
        "below": verdicts.count(areas.BELOW),
        "number": len(ordered),
        "page": page,
        "pages": -(-len(ordered) // COMPARED),
    }


def _multiples(
    found: Comparison | None, mark: datetime | None, key: str, shown: Mapping[str, int]
) -> dict[str, Any] | None:
    if found is None:
        return None
    weeks = trends(found.scope, mark, key, shown, By.AREA, (found.parts, found.by_part))
    panels, most = area_charts.multiples(weeks)
    return {"measure": MEASURES[key], "panels": panels, "most": most}


def _hours(scope: Scope, mark: datetime | None) -> dict[str, Any]:
    found: HourOfWeek = hour_of_week(scope, mark)
    return {
        "visits": found.visits,
        "punch": visit_charts.punch(found),
    }


def _places(stores: StoreQuerySet) -> dict[str, Any] | None:
    """Up to MOST_PLACES of the stores with coordinates, every k-th by its id."""
    counts = stores.aggregate(number=Count("latitude"), stores=Count("pk"))
    number = counts["number"]
    if not number:
        return None
    placed = stores.exclude(latitude=None)
    every = -(-number // MOST_PLACES)
    if every > 1:
        placed = placed.annotate(place=F("pk") % every).filter(place=0)
    points = placed.order_by("pk").values_list("latitude", "longitude")[:MOST_PLACES]
    drawn = area_charts.places([(latitude or 0.0, longitude or 0.0) for latitude, longitude in points])
    return {"drawn": drawn, "number": number, "without": counts["stores"] - number} if drawn else None


def _figures(area: Area, found: Comparison) -> list[tuple[Measure, Figure, str, float | None]]:
    return [
        (measure, area.figures[key], area.verdicts[key], found.middle.get(key)) for key, measure in MEASURES.items()
    ]
