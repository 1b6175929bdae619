"""A route as an SVG path without a map: north is up, and a km is as long in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, cos, degrees, radians, sin

from insights.routes import Route
from stores.distances import KM_OF_DEGREE

WIDTH, HEIGHT = 640, 400
MARGIN = 28
# Beyond it, only the first and the last stop are numbered: the others would cover each other.
MOST_NUMBERED = 40


@dataclass(frozen=True, slots=True)
class Mark:
    x: str
    y: str
    number: int
    label: str
    is_end: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """`path` is the `d` of an SVG path in a box of `width` x `height`; `scale_width` of it are `scale_km` of air."""

    width: int
    height: int
    path: str
    marks: Sequence[Mark]
    scale_width: str
    scale_km: str


def draw(route: Route) -> Drawing:
    """Flat, around the stops' middle: right for a region, of use for more; a route across the date line stays whole."""
    stops = [stop.store for stop in route.stops]
    places = [(float(store.latitude or 0), float(store.longitude or 0)) for store in stops]
    middle = _mean_longitude([longitude for _, longitude in places])
    shrink = max(cos(radians(sum(latitude for latitude, _ in places) / max(1, len(places)))), 0.01)
    # In degrees of latitude, east and south of the middle.
    flat = [(((longitude - middle + 180) % 360 - 180) * shrink, -latitude) for latitude, longitude in places]
    left, top = min((x for x, _ in flat), default=0.0), min((y for _, y in flat), default=0.0)
    wide, high = max((x for x, _ in flat), default=0.0) - left, max((y for _, y in flat), default=0.0) - top
    scale = min((WIDTH - 2 * MARGIN) / max(wide, 1e-9), (HEIGHT - 2 * MARGIN) / max(high, 1e-9), 1e6)
    # Where all stops are in a line, in the middle of the box.
    beside = (WIDTH - wide * scale) / 2, (HEIGHT - high * scale) / 2
    points = [(f"{beside[0] + (x - left) * scale:.1f}", f"{beside[1] + (y - top) * scale:.1f}") for x, y in flat]
    km = _round_km(0.25 * WIDTH / scale * KM_OF_DEGREE)
    is_round = len(stops) > 1 and stops[0].pk == stops[-1].pk
    shown = list(enumerate(zip(points, stops, strict=True), start=1))[: -1 if is_round else None]
    return Drawing(
        WIDTH,
        HEIGHT,
        "M" + " L".join(f"{x} {y}" for x, y in points) if points else "",
        [
            Mark(x, y, number, store.name, number in (1, len(shown)) or len(shown) <= MOST_NUMBERED)
            for number, ((x, y), store) in shown
        ],
        f"{km / KM_OF_DEGREE * scale:.1f}",
        f"{km:,g} km",
    )


def _mean_longitude(longitudes: Sequence[float]) -> float:
    """The mean of directions: that of 179 and -179 is 180, and not 0."""
    east = sum(sin(radians(longitude)) for longitude in longitudes)
    return degrees(atan2(east, sum(cos(radians(longitude)) for longitude in longitudes)))


def _round_km(km: float) -> float:
    """The largest of 1, 2, 5, 10, … that is not longer."""
    size = 1e-6
    best = size
    while size <= km:
        for step in (1, 2, 5):
            if step * size <= km:
                best = step * size
        size *= 10
    return float(f"{best:.0e}")
