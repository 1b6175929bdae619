"""Figures and their intervals as lines in the rows of a table, all on one scale, drawn by `parts/intervals.html`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from insights.figures import Figure

# Percent of the width that the largest bound reaches, so that no mark is cut.
LARGEST = 97
# Percent of the height: where the only line of a row is, and where each of two; and how far a mark reaches from it.
ONE, TWO, REACH = (50,), (30, 75), 20


@dataclass(frozen=True, slots=True)
class Interval:
    """In percent of the width: the interval and the value. In percent of the height: its line, and its mark's ends."""

    low: float
    high: float
    value: float
    y: int
    top: int
    bottom: int
    is_beside: bool
    """It is what the first one of its row is compared with."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """`rows` hold one or two intervals each, without the figures that are not known; `middle` is in percent."""

    rows: Sequence[Sequence[Interval]]
    middle: float | None = None


def intervals(rows: Iterable[Sequence[Figure]], middle: float | None = None) -> Intervals:
    """Of one or two figures a row, on one scale from 0 on, on which `middle` is as well."""
    listed = list(rows)
    most = max([middle or 0, *(figure.high or 0 for row in listed for figure in row)])
    scale = LARGEST / most if most else 0
    return Intervals([list(_row(row, scale)) for row in listed], None if middle is None else round(middle * scale, 2))


def _row(row: Sequence[Figure], scale: float) -> Iterable[Interval]:
    for at, (figure, y) in enumerate(zip(row, ONE if len(row) == 1 else TWO, strict=True)):
        if figure.value is None or figure.low is None or figure.high is None:
            continue
        low, high, value = (round(bound * scale, 2) for bound in (figure.low, figure.high, figure.value))
        yield Interval(low, high, value, y, y - REACH, y + REACH, is_beside=at > 0)
