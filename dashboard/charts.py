"""Plots as plain numbers, which a template draws as SVG next to its table.

Across, everything is a percentage of the width, so that texts keep their size on a phone; down, it is pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard import words
from jobs.reporting.throughput import Throughput

HEIGHT = 150
# Pixels above the plot for the highest line's label, and below for the times.
TOP, BOTTOM = 16, 18
# The filled part of a column's share of the width; the rest is the gap to the next.
FILLED = 0.8


@dataclass(frozen=True, slots=True)
class Column:
    """`x` and `width` in percent; `y` and heights in pixels, the failed images are drawn above the completed ones."""

    x: float
    width: float
    completed_y: float
    completed_height: float
    failed_y: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Tick:
    """`at` in percent across or in pixels down; `anchor` is SVG's text-anchor."""

    at: float
    label: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Images per interval. `rows` is the table: the intervals in which there was anything."""

    key: str
    title: str
    description: str
    columns: Sequence[Column]
    across: Sequence[Tick]
    down: Sequence[Tick]
    # The number of images at the last of `down`.
    highest: int
    rows: Sequence[Row]
    height: int = HEIGHT
    base: int = HEIGHT - BOTTOM


def columns(
    key: str, title: str, starts: Sequence[datetime], counts: Sequence[tuple[int, int]], seconds: int
) -> Columns:
    """Stacked columns of (completed, failed) images, one for each interval that begins at `starts`.

    `key` is the prefix of the page's ids. Raises ValueError where there is no interval, or not one count for each.
    """
    if not starts or len(starts) != len(counts):
        raise ValueError(f"{len(starts)} intervals with {len(counts)} counts: there must be a count for each.")
    highest = nice(max(completed + failed for completed, failed in counts))
    inner = HEIGHT - TOP - BOTTOM
    share = 100 / len(starts)
    drawn = []
    for number, (completed, failed) in enumerate(counts):
        up, more = inner * completed / highest, inner * failed / highest
        base = HEIGHT - BOTTOM
        drawn.append(
            Column(
                round(share * (number + (1 - FILLED) / 2), 3), round(share * FILLED, 3),
                round(base - up, 2), round(up, 2), round(base - up - more, 2), round(more, 2),
            )
        )  # fmt: skip
    end = starts[-1] + timedelta(seconds=seconds)
    images, failures = sum(map(sum, counts)), sum(failed for _, failed in counts)
    most = max(range(len(counts)), key=lambda number: sum(counts[number]))
    days = starts[0].date() != end.date()
    return Columns(
        key,
        f"{title}, n = {images:,}, {words.exactly(starts[0])} to {_time(end, days)} UTC",
        f"{images - failures:,} completed and {failures:,} failed in {len(starts):,} "
        f"interval{'' if len(starts) == 1 else 's'} of {words.duration(seconds)}; "
        f"the most were {sum(counts[most]):,} from {_time(starts[most], days)}.",
        drawn,
        _times([*starts, end], days),
        [Tick(round(HEIGHT - BOTTOM - inner * part, 2), f"{highest * part:,.0f}") for part in _lines(highest)],
        highest,
        [Row(_time(start, days), *count) for start, count in zip(starts, counts, strict=True) if any(count)],
    )


def throughput(measured: Throughput, key: str = "throughput") -> Columns:
    """A job's images over time."""
    return columns(
        key,
        f"Images per {words.duration(measured.seconds)}",
        [each.start for each in measured.intervals],
        [(each.completed, each.failed) for each in measured.intervals],
        measured.seconds,
    )


def nice(most: int) -> int:
    """The smallest 1, 2 or 5 times a power of ten that is not below `most`; 1 at least."""
    if most <= 1:
        return 1
    power = 10 ** math.floor(math.log10(most))
    return int(next(step * power for step in (1, 2, 5, 10) if step * power >= most))


def _lines(highest: int) -> tuple[float, ...]:
    """Where lines are drawn, as parts of the height: half of an odd number would not be a number of images."""
    return (1,) if highest % 2 else (0.5, 1)


def _times(moments: Sequence[datetime], days: bool) -> list[Tick]:
    first, last = Tick(0, _time(moments[0], days)), Tick(100, _time(moments[-1], days), "end")
    if len(moments) < 4:
        return [first, last]
    middle = (len(moments) - 1) // 2
    return [first, Tick(round(100 * middle / (len(moments) - 1), 3), _time(moments[middle], days), "middle"), last]


def _time(moment: datetime, with_day: bool) -> str:
    return f"{moment:%m-%d %H:%M}" if with_day else f"{moment:%H:%M:%S}"
