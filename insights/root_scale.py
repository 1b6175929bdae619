"""What is usual of a count: the root scale, on which a count varies as much whatever its mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, median

# The history that a day or a week is compared with.
HISTORY_WEEKS = 8
HISTORY_DAYS = 7 * HISTORY_WEEKS
_WEEKS_CUT = HISTORY_WEEKS // 4
# Of four fifths of the days: a fifth, eleven of 56, may be unusual without widening the spread.
_SHARE = 0.8
# The standard deviation of a normal distribution in terms of that quantile of its absolute deviations; and a tenth
# more, because the days lie nearer to medians made of themselves than the next day will.
_DEVIATIONS = 1.1 / 1.2816


def root(count: float) -> float:
    """2·√(count + 3/8): on this scale a Poisson count has a standard deviation of 1, whatever its mean.

    Anscombe, "The transformation of Poisson, binomial and negative-binomial data", Biometrika 35, 1948.
    """
    return 2 * sqrt(count + 0.375)


def unroot(value: float) -> float:
    """The count of a value on the root scale, at least 0."""
    return max(0.0, (value / 2) ** 2 - 0.375)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of a count: its centre and its spread, both on the root scale."""

    centre: float
    spread: float

    @property
    def count(self) -> float:
        return unroot(self.centre)

    def score(self, count: float) -> float:
        """How many spreads the count is above what is usual."""
        return (root(count) - self.centre) / self.spread


def usual_day(days: Sequence[float]) -> Usual:
    """What is usual of the day that follows HISTORY_DAYS counts, oldest first.

    The centre is the mean of the middle four of the same weekday in eight weeks: two unusual weeks do not move it far,
    and it is nearer to the truth than the median. The spread is that of all 56 days around their own weekday's centre,
    of eight days alone it would be too small in one case of ten; where counts vary by a share of themselves, strong
    days vary more than the others and the spread is theirs.
    """
    centres, residuals = _weekdays(days)
    return Usual(centres[0], max(spread_of(residuals), _spread_by_share(centres, residuals)))


def usual_week(weeks: Sequence[float], days: Sequence[float]) -> Usual:
    """What is usual of the week that follows HISTORY_WEEKS counts, whose `days` are HISTORY_DAYS counts.

    The spread is the larger of that of the weeks and that of the days: eight weeks alone tell little of it.
    """
    roots = [root(count) for count in weeks]
    centre = median(roots)
    of_days = spread_of(_weekdays(days)[1])
    return Usual(centre, max(spread_of([value - centre for value in roots]), of_days))


def _weekdays(days: Sequence[float]) -> tuple[list[float], list[float]]:
    """The centre of each weekday, that of the next day first, and how far each day is above its own."""
    roots = [root(count) for count in days]
    centres = [_middle(roots[weekday::7]) for weekday in range(7)]
    return centres, [value - centres[place % 7] for place, value in enumerate(roots)]


def _middle(values: Sequence[float]) -> float:
    """The mean of the middle half."""
    return fmean(sorted(values)[_WEEKS_CUT:-_WEEKS_CUT])


def _spread_by_share(centres: Sequence[float], residuals: Sequence[float]) -> float:
    """The spread of the next day if counts vary, beyond chance, by one share of themselves, and at least 1.

    A count's mean is centre²/4; if it varies by a share s, the count's variance on the root scale is 1 + s²·centre²/4.
    Of the smaller four fifths of the days, as `spread_of`.
    """
    squares = sorted(
        ((_DEVIATIONS * residual) ** 2 - 1) * 4 / centres[place % 7] ** 2 for place, residual in enumerate(residuals)
    )
    return sqrt(1 + max(0.0, squares[int(_SHARE * len(squares))]) * centres[0] ** 2 / 4)


def spread_of(residuals: Sequence[float]) -> float:
    """Their standard deviation on the root scale, by the smaller four fifths of them, and at least 1."""
    sizes = sorted(abs(residual) for residual in residuals)
    return max(1.0, _DEVIATIONS * sizes[int(_SHARE * len(sizes))])
