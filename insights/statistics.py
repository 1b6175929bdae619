"""Intervals of rates, means and quantiles: how sure a figure is whose observations come in blocks of days.

Images of one visit, one day or one outage fail together, so a thousand of them say less than a thousand. Every
interval is therefore taken between blocks: the spread of whole days or weeks, not of images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from insights.figures import FEWEST, ONE_BLOCK, Figure

# The 97.5 % quantile of the normal distribution: all intervals are of 95 %.
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Blocks:
    """Sums over blocks of days that share nothing: of `total` in each (failed images), and of `size` (images).

    `squares`, `products` and `size_squares` are the sums of total², total · size and size². `visits` is how many visits
    the size is of, 0 where it counts visits itself.
    """

    blocks: int = 0
    size: float = 0
    total: float = 0
    squares: float = 0
    products: float = 0
    size_squares: float = 0
    visits: float = 0

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]], visits: float = 0) -> Blocks:
        """From (total, size) of each block; blocks of no size say nothing and are left out."""
        found = [(float(total), float(size)) for total, size in pairs if size]
        return cls(
            len(found),
            sum(size for _, size in found),
            sum(total for total, _ in found),
            sum(total * total for total, _ in found),
            sum(total * size for total, size in found),
            sum(size * size for _, size in found),
            visits,
        )

    @property
    def ratio(self) -> float:
        return self.total / self.size

    @property
    def variance(self) -> float:
        """Of the ratio, by linearisation: B/(B-1) · Σ(total - ratio · size)² / size².

        Cochran, Sampling Techniques (1977), 6.3 and 9A: the usual variance of a ratio of two sums over clusters.
        """
        ratio, blocks = self.ratio, self.blocks
        rest = self.squares - 2 * ratio * self.products + ratio * ratio * self.size_squares
        return max(0.0, rest) * blocks / (blocks - 1) / self.size**2


def rate(found: Blocks) -> Figure:
    """The share of images that failed, with Wilson's interval for the n that they are worth.

    The design effect (Kish, Survey Sampling, 1965) is the variance between blocks over that of as many independent
    images, p(1-p)/n, and at least 1. Wilson's score interval (1927) is taken for n / design effect · (z/t)², where t
    is Student's quantile for one degree of freedom less than blocks: few blocks tell little of their own spread (Korn
    and Graubard, Survey Methodology 24, 1998). Unknown below FEWEST images, and where all are of one block.
    """
    n = round(found.size)
    if n < FEWEST:
        return Figure.unknown(n)
    if found.blocks < 2:
        return Figure.unknown(n, ONE_BLOCK)
    low, high = wilson(found.ratio, worth(found))
    return Figure(found.ratio, low, high, n)


def share(part: float, n: int, worth: float, fewest: int = FEWEST) -> Figure:
    """The share that `part` is of `n`, which are worth `worth` independent ones; unknown below `fewest`."""
    return Figure(part / n, *wilson(part / n, worth), n) if n >= fewest else Figure.unknown(n)


def worth(found: Blocks) -> float:
    """How many independent observations those of at least two blocks are worth, for an interval by Z.

    Where none or all of them failed, nothing shows how far they fail together: then each visit counts as one, since
    whole visits often fail.
    """
    p = found.ratio
    independent = p * (1 - p) / found.size
    if independent > 0:
        number = found.size / max(1.0, found.variance / independent)
    else:
        number = min(found.size, found.visits or found.size)
    return number * (Z / student(found.blocks - 1)) ** 2


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share `p` of `n`, which need not be whole."""
    shrunk = 1 + Z * Z / n
    middle = (p + Z * Z / (2 * n)) / shrunk
    half = Z / shrunk * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def mean(found: Blocks, n: int | None = None) -> Figure:
    """A positive ratio of two sums, such as milliseconds per download or visits per store and week.

    Its interval is Student's on the logarithm, with the variance between blocks: it stays positive and is wider
    upwards, as such figures are. `n` is how many observations there are, where `size` counts something else.
    """
    n = round(found.size) if n is None else n
    if n < FEWEST:
        return Figure.unknown(n)
    if found.blocks < 2:
        return Figure.unknown(n, ONE_BLOCK)
    value = found.ratio
    if value <= 0:
        return Figure(value, value, value, n)
    half = student(found.blocks - 1) * math.sqrt(found.variance) / value
    return Figure(value, value * math.exp(-half), value * math.exp(half), n)


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's distribution, to three digits (Abramowitz and Stegun, 26.7.5)."""
    if degrees <= 2:
        return {1: 12.7062, 2: 4.3027}[degrees]
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
        (79 * Z**9 + 776 * Z**7 + 1482 * Z**5 - 1920 * Z**3 - 945 * Z) / 92160,
    )
    corrections: float = sum(term / degrees**power for power, term in enumerate(terms, start=1))
    return Z + corrections
