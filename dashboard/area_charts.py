"""Plots about areas as plain numbers, which templates draw as SVG next to their tables.

Across, everything is a percentage of the width; down, pixels or a percentage as well. Shades are steps 0 to 6 of one
colour, see insights.css.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.treemap import squarify
from insights import areas
from insights.trends import Trend, Week

# Where the steps of a share begin: of an area's stores in a category, and of images that failed.
CELL_STEPS = (0.04, 0.08, 0.125, 0.175, 0.25, 0.6)
FAILED_STEPS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
# A tile's label needs so many pixels.
LABEL_WIDTH, LABEL_HEIGHT = 62, 36
# Pixels of a treemap on a desk and on a phone, which are two drawings.
WIDE, NARROW = (1150, 400), (340, 560)
MOST_TILES = 60
# Percent at either side of a small multiple, so that no mark is cut.
MARGIN = 3


def step(share: float, steps: Sequence[float]) -> int:
    return bisect_right(steps, share)


# --- Small multiples


@dataclass(frozen=True, slots=True)
class Point:
    """In percent across and down."""

    x: float
    y: float
    week: Week


@dataclass(frozen=True, slots=True)
class Multiple:
    """One label's weeks. `lines` are runs of points of an SVG polyline; a gap is a week that is not known."""

    trend: Trend
    lines: Sequence[str]
    band: tuple[float, float] | None
    unusual: Sequence[Point]
    hollow: Sequence[Point]


def multiples(trends: Sequence[Trend]) -> tuple[list[Multiple], float]:
    """All on one scale from 0 to the second value, which is the largest of any."""
    values = [week.value for trend in trends for week in trend.weeks if week.value is not None]
    most = max([*values, *(trend.band.high for trend in trends if trend.band)], default=0.0)
    return [_multiple(trend, most or 1.0) for trend in trends], most


def _multiple(trend: Trend, most: float) -> Multiple:
    last = max(1, len(trend.weeks) - 1)
    points = [
        None
        if week.value is None
        else Point(round(MARGIN + (100 - 2 * MARGIN) * at / last, 2), _down(week.value, most), week)
        for at, week in enumerate(trend.weeks)
    ]
    lines: list[list[str]] = [[]]
    for point in points:
        # A week that has not ended is a point of its own: a line would show a fall that is none.
        if point is None or point.week.why:
            lines.append([])
        else:
            lines[-1].append(f"{point.x},{point.y}")
    seen = [point for point in points if point is not None]
    band = trend.band
    return Multiple(
        trend,
        [" ".join(run) for run in lines if len(run) > 1],
        (_down(band.high, most), round(max(0.5, _down(band.low, most) - _down(band.high, most)), 2)) if band else None,
        [point for point in seen if point.week.is_unusual],
        [point for point in seen if point.week.why],
    )


def _down(value: float, most: float) -> float:
    return round(96 - 90 * value / most, 2)


# --- Treemap


@dataclass(frozen=True, slots=True)
class Leaf:
    """One area's tile: percent across, pixels down. `shade` is None where its rate is not known."""

    label: str
    stores: int
    rate: float | None
    shade: int | None
    is_above: bool
    x: float
    y: float
    width: float
    height: float
    is_labelled: bool


@dataclass(frozen=True, slots=True)
class Treemap:
    """`others` areas are together in one tile, or left out with their `left_out` stores."""

    name: str
    height: int
    leaves: Sequence[Leaf]
    others: int
    left_out: int = 0


def treemaps(stores: dict[str, int], compared: dict[str, areas.Area]) -> list[Treemap]:
    """Areas by their stores, the largest first, on a desk and on a phone.

    The rest are one tile, but left out where it would leave the others less than half of the room.
    """
    shown = list(stores.items())[:MOST_TILES]
    rest = list(stores.values())[MOST_TILES:]
    left_out = sum(rest) if sum(rest) > sum(number for _, number in shown) else 0
    if rest and not left_out:
        shown.append((f"{len(rest):,} others", sum(rest)))
    # The rest may be larger than the smallest area that is shown; a treemap's sizes fall.
    order = sorted(range(len(shown)), key=lambda at: -shown[at][1])
    return [
        Treemap(name, height, _leaves([shown[at] for at in order], compared, width, height), len(rest), left_out)
        for name, (width, height) in (("on-desk", WIDE), ("on-phone", NARROW))
    ]


def _leaves(shown: Sequence[tuple[str, int]], compared: dict[str, areas.Area], width: int, height: int) -> list[Leaf]:
    leaves = []
    for (label, stores), tile in zip(shown, squarify([stores for _, stores in shown], width, height), strict=True):
        area = compared.get(label)
        rate = area.figures[areas.FAILURES].value if area else None
        text = max(len(label), len(f"{stores:,}")) * 7 + 12
        leaves.append(
            Leaf(
                label, stores, rate, None if rate is None else step(rate, FAILED_STEPS),
                area is not None and area.verdicts[areas.FAILURES] == areas.ABOVE,
                round(100 * tile.x / width, 3), round(tile.y, 1), round(100 * tile.width / width, 3),
                round(tile.height, 1),
                tile.width >= max(LABEL_WIDTH, text) and tile.height >= LABEL_HEIGHT,
            )
        )  # fmt: skip
    return leaves


# --- Where stores are


@dataclass(frozen=True, slots=True)
class Places:
    """Of stores with coordinates: a path of dots in a box of 1000 to `height`, and the box's bounds in degrees."""

    path: str
    height: float
    south: float
    north: float
    west: float
    east: float
    shown: int


def places(points: Sequence[tuple[float, float]]) -> Places | None:
    """From (latitude, longitude) in degrees, one degree as long in either direction; None without points."""
    if not points:
        return None
    south, north = min(at for at, _ in points), max(at for at, _ in points)
    west, east = min(at for _, at in points), max(at for _, at in points)
    # A box that is not flat, whatever the stores are: of a degree's thousandth at least, and never a thin strip.
    tall, broad = max(north - south, 0.001), max(east - west, 0.001)
    broad = max(broad, tall / 0.6)
    scale = 960 / broad
    height = max(120.0, tall * scale + 40)
    middle = (height - tall * scale) / 2
    left = (1000 - (east - west) * scale) / 2
    dots = (
        f"M{left + (longitude - west) * scale:.0f} {middle + (north - latitude) * scale:.0f}h0"
        for latitude, longitude in points
    )
    return Places("".join(dots), round(height), south, north, west, east, len(points))
