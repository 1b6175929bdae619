"""How wrong naive forecasts of a job's end have been, and the range that follows from it.

A forecast that says 100 s, of a job that then took 250 s, was wrong by the factor 2.5. The range of a new forecast lies
between two of the factors of past jobs at the same stage. Which two: of n past factors and a new one, each of the n + 1
places is as likely for the new one if jobs come in no order (split conformal prediction: Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005), so the range from place floor(.1 (n + 1)) to ceil(.9 (n + 1)) holds it in
80 % of the cases, however few or unusual the factors are.
"""

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from insights.figures import FEWEST

# Percent of a job's images that are final when its end is forecast.
STAGES = (25, 50, 75, 90)
# Jobs of fewer images than the first are small, of fewer than the second medium, others large.
SIZES = (1_000, 10_000)
# In place of a size: jobs of all sizes.
ALL_SIZES = -1
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
