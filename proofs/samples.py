"""Figures from samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0 to 1) of all samples do not exceed; NaN without samples."""
    if not samples:
        return math.nan
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through samples: its slope, and the standard error of that, in units of y per unit of x."""

    slope: float
    error: float


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """The line of least squares through three samples or more, whose `xs` differ."""
    n = len(xs)
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Line(slope, math.sqrt(rest / (n - 2) / spread))
