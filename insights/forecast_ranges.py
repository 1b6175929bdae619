"""How wrong naive forecasts of a job's end have been, and the range that follows from it. Pure functions.

A forecast that says 100 s, of a job that then took 250 s, was wrong by the factor 2.5. The range of a new forecast lies
between two of the factors of past jobs at the same stage. Which two: of n past factors and a new one, each of the n + 1
places is as likely for the new one if jobs come in no order (split conformal prediction: Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005), so the range from place floor(.1 (n + 1)) to ceil(.9 (n + 1)) holds it in
80 % of the cases, however few or odd the factors are.
"""

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from insights.figures import FEWEST
from insights.models.forecast import SIZES, STAGES
from jobs.reporting.throughput import FEWEST_IMAGES, WINDOW_SECONDS

# What a range promises, and how far off its back-test may be before it is hidden.
COVERS = 0.8
TOLERANCE = 0.1
# How many past jobs a range is made of; and of how many the back-test tells.
MOST_PAST = 240
MOST_JUDGED = 1_000


@dataclass(frozen=True, slots=True)
class Range:
    """The factors `low` to `high`, of `jobs` past jobs; None below FEWEST. See `ForecastRange`."""

    jobs: int
    low: float | None
    high: float | None
    judged: int
    covered: int


def size_of(images: int) -> int:
    """0 for a small job, then 1 and 2."""
    return bisect_right(SIZES, images)


def stage_of(progress: float) -> int | None:
    """The last of STAGES that a job has reached; `progress` is from 0 to 1."""
    reached = [stage for stage in STAGES if 100 * progress >= stage]
    return reached[-1] if reached else None


def at_stages(
    times: Sequence[float], total: int, unprocessed: int, every: int = 1
) -> tuple[list[float | None], list[float | None]]:
    """What would have been forecast at each stage of a job that has ended, and how long it took from there, in seconds.

    `times` are those in order at which processed images became final, in seconds, every one of them or each `every`th;
    `unprocessed` images of the `total` were final without having been tried. None where there was no forecast.
    """
    forecasts: list[float | None] = []
    rests: list[float | None] = []
    for stage in STAGES:
        forecast, rest = _at(times, math.ceil(total * stage / 100) - unprocessed, total - unprocessed, every)
        forecasts.append(forecast)
        rests.append(rest)
    return forecasts, rests


def _at(times: Sequence[float], done: int, of: int, every: int) -> tuple[float | None, float | None]:
    """Once `done` of the images have been processed."""
    place = min(done // every, len(times))
    if place < 1 or done >= of:
        return None, None
    now = times[place - 1]
    first = bisect_right(times, now - WINDOW_SECONDS, 0, place)
    recent = (place - first) * every
    if recent < FEWEST_IMAGES:
        return None, None
    # As in `throughput.paces`.
    return (of - done) * max(now - times[first], 1.0) / recent, times[-1] - now


def range_of(factors: Iterable[float]) -> Range:
    """Of the factors by which forecasts were wrong, in the order in which their jobs ended.

    Each one is judged by the range of at most MOST_PAST before it, as it would have been shown.
    """
    past: deque[float] = deque()
    in_order: list[float] = []
    judged = covered = 0
    for factor in factors:
        if len(past) >= FEWEST:
            low, high = _bounds(in_order)
            judged += 1
            covered += low <= factor <= high
        past.append(factor)
        insort(in_order, factor)
        if len(past) > MOST_PAST:
            in_order.remove(past.popleft())
    if len(past) < FEWEST:
        return Range(len(past), None, None, judged, covered)
    return Range(len(past), *_bounds(in_order), judged, covered)


def _bounds(in_order: Sequence[float]) -> tuple[float, float]:
    tail = (1 - COVERS) / 2
    places = len(in_order) + 1
    low = max(1, math.floor(tail * places + 1e-9))
    high = min(len(in_order), math.ceil((1 - tail) * places - 1e-9))
    return in_order[low - 1], in_order[high - 1]


def is_shown(judged: int, covered: int) -> bool:
    """Whether a range has proved itself: judged often enough, and about as often right as it promises."""
    return judged >= FEWEST and abs(covered / judged - COVERS) <= TOLERANCE + 1e-9
