"""A route: stores in, their order out, as a table, drawn, and as CSV."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from dashboard import parameters
from dashboard.route_drawing import draw
from dashboard.store_filters import MOST_SEARCHED, StoreFilter
from insights.routes import (
    MOST_STOPS,
    CoordinatesMissing,
    Pace,
    Route,
    RouteRefused,
    Stop,
    UnknownStores,
    find_route,
    ids_of,
)
from stores.models import Store
from tables.csv_files import csv_lines, guard_cell

# Ids named of those that are to blame.
MOST_NAMED = 20
_USUAL = Pace()
# Lowest and highest, as the API takes them.
LIMITS = {"minutes_per_stop": (0, 1440), "speed_kmh": (1, 200), "road_factor": (1, 5)}
_COLUMNS = (
    "stop", "store_id", "name", "area", "latitude", "longitude", "leg_km", "leg_minutes", "total_km", "total_minutes",
)  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def route_page(request: HttpRequest) -> HttpResponse:
    """A GET offers stores, by area, group or search; a POST finds their route. Nothing is stored."""
    if request.method != "POST":
        usual = {name: f"{getattr(_USUAL, name):g}" for name in LIMITS}
        return _page(request, {"start": "", "end": "", **usual, **_offered(request)})
    form = {name: request.POST.get(name, "").replace("\0", "").strip() for name in ("start", "end", *LIMITS)}
    store_ids = ids_of(request.POST.get("stores", "").replace("\0", ""))
    context: dict[str, Any] = {**form, "stores": "\n".join(store_ids), "errors": {}}
    values = {name: _number(form[name], name, context["errors"]) for name in LIMITS}
    if not store_ids:
        context["errors"]["stores"] = "Name at least one store."
    if context["errors"]:
        return _page(request, context)
    start, end = form["start"], form["end"]
    try:
        route, left_out = _find(store_ids, start, end, Pace(**values), leave_out="leave_out" in request.POST)
    except RouteRefused as refused:
        context |= {"refusal": str(refused), "named": refused.store_ids[:MOST_NAMED]}
        context["more"] = len(refused.store_ids) - len(context["named"])
        context["may_leave_out"] = isinstance(refused, (CoordinatesMissing, UnknownStores))
        return _page(request, context)
    if "csv" in request.POST:
        return _csv(route)
    return _page(request, context | {"route": route, "left_out": left_out, "drawing": draw(route)})


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    return render(request, "dashboard/routes/page.html", {"most": MOST_STOPS, "limits": LIMITS, **context})


def _find(store_ids: list[str], start: str, end: str, pace: Pace, *, leave_out: bool) -> tuple[Route, list[str]]:
    """The route, and the stores that were left out because they are unknown or have no coordinates."""
    left_out: list[str] = []
    while True:
        try:
            return find_route(store_ids, start or None, end or None, pace), left_out
        except (UnknownStores, CoordinatesMissing) as refused:
            bad = set(refused.store_ids)
            # Without its beginning or end it would be another route.
            if not leave_out or bad & {start, end} or not set(store_ids) - bad:
                raise
            left_out += [each for each in store_ids if each in bad]
            store_ids = [each for each in store_ids if each not in bad]


def _number(text: str, name: str, errors: dict[str, str]) -> float:
    lowest, highest = LIMITS[name]
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not lowest <= value <= highest:
        errors[name] = f"From {lowest:g} to {highest:,g}."
    return value


def _offered(request: HttpRequest) -> dict[str, Any]:
    """The first stores that the address asks for."""
    asked, q = StoreFilter.read(request.GET), parameters.text(request.GET, "q", MOST_SEARCHED)
    if not (asked.of_stores or q):
        return {"stores": "", "filter_notes": asked.unread}
    stores = Store.objects.narrowed(**asked.narrowing).containing(q).order_by("store_id")
    found = list(stores.values_list("store_id", flat=True)[: MOST_STOPS + 1])
    by = [asked.described, f"search for \u201c{q}\u201d" if q else ""]
    return {
        "stores": "\n".join(found[:MOST_STOPS]),
        "by": ", ".join(part for part in by if part),
        "filter_notes": asked.unread,
        "number": min(len(found), MOST_STOPS),
        "has_more": len(found) > MOST_STOPS,
    }


def _cells(number: int, stop: Stop) -> list[object]:
    store = stop.store
    texts = [guard_cell(text) for text in (store.store_id, store.name, store.area_code)]
    numbers = [f"{stop.km:.3f}", f"{stop.minutes:.1f}", f"{stop.total_km:.3f}", f"{stop.total_minutes:.1f}"]
    return [number, *texts, store.latitude, store.longitude, *numbers]


def _csv(route: Route) -> HttpResponse:
    return HttpResponse(
        csv_lines(_COLUMNS, (_cells(number, stop) for number, stop in enumerate(route.stops, start=1))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="route.csv"'},
    )
