"""Figures of several rounds: their median and their range."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.contestants import Run


def of(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    """The median of one figure."""
    return median(map(figure, runs))


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Such as `0.45 (0.43 to 0.48)`."""
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"
