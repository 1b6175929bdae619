"""Intervals of rates, means and quantiles: how sure a figure is whose observations come in blocks of days.

Images of one visit, one day or one outage fail together, so a thousand of them say less than a thousand. Every
interval is therefore taken between blocks: the spread of whole days or weeks, not of images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from insights.figures import FEWEST, Figure

# --- Intervals

# The 97.5 % quantile of the normal distribution: all intervals are of 95 %.
Z = 1.959963984540054
ONE_BLOCK = "one_block"


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


# --- Root scale ---------------------------------------------------------------------------------------------------
# The history that a day or a week is compared with.
HISTORY_WEEKS = 8
HISTORY_DAYS = 7 * HISTORY_WEEKS
# Of four fifths of the days: a fifth, eleven of 56, may be odd without widening the spread.
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

    The centre is the median of the same weekday in eight weeks. The spread is that of all 56 days around their own
    weekday's median, and at least a Poisson count's: of eight days alone it would be too small in one case of ten.
    """
    roots = [root(count) for count in days]
    centres = [median(roots[weekday::7]) for weekday in range(7)]
    return Usual(centres[0], spread_of([value - centres[place % 7] for place, value in enumerate(roots)]))


def usual_week(weeks: Sequence[float], days: Sequence[float]) -> Usual:
    """What is usual of the week that follows HISTORY_WEEKS counts, whose `days` are HISTORY_DAYS counts.

    The spread is the larger of that of the weeks and that of the days: eight weeks alone tell little of it.
    """
    roots = [root(count) for count in weeks]
    centre = median(roots)
    return Usual(centre, max(spread_of([value - centre for value in roots]), usual_day(days).spread))


def spread_of(residuals: Sequence[float]) -> float:
    """Their standard deviation on the root scale, by the smaller four fifths of them, and at least 1."""
    sizes = sorted(abs(residual) for residual in residuals)
    return max(1.0, _DEVIATIONS * sizes[int(_SHARE * len(sizes))])


# --- Shrinkage

# Of a rate's prior, in images: from nearly none to so many that what a store itself shows no longer counts.
LEAST_STRENGTH, MOST_STRENGTH = 0.5, 5000.0
# Two strengths within this ratio give the same verdicts.
_SAME_STRENGTH = 1.05
_GOLDEN = (math.sqrt(5) - 1) / 2
# Where a normal distribution is looked at, in standard deviations, and with which weight.
_NORMAL_POINTS = ((0.0, 2 / 3), (math.sqrt(3), 1 / 6), (-math.sqrt(3), 1 / 6))


@dataclass(frozen=True, slots=True)
class Beside:
    """A store's failures beside the rate at which images of other stores failed at the same hosts.

    `failed` of `images` are counts divided by the design effect of visits, and need not be whole. `usual` is the hosts'
    rate without the store's own images, above 0 and below 1, and `usual_images` how many independent images it is of.
    """

    failed: float
    images: float
    usual: float
    usual_images: float


def strength(stores: Sequence[Beside]) -> float:
    """How much stores are like their hosts: the images that the prior Beta(m·usual, m·(1 - usual)) of a rate is worth.

    By maximum marginal likelihood: the m, from LEAST_STRENGTH to MOST_STRENGTH, under which the counts of all stores
    are the most probable as beta-binomial ones (Casella, The American Statistician 39, 1985). Where stores differ no
    more than chance lets them, it is MOST_STRENGTH. Raises ValueError without stores.
    """
    if not stores:
        raise ValueError("A strength is found from the counts of stores, and there are none.")
    low, top = math.log(LEAST_STRENGTH), math.log(MOST_STRENGTH)
    high = top
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = marginal_likelihood(stores, left), marginal_likelihood(stores, right)
    while high - low > math.log(_SAME_STRENGTH):
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = marginal_likelihood(stores, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = marginal_likelihood(stores, right)
    return MOST_STRENGTH if high == top else math.exp((low + high) / 2)


def marginal_likelihood(stores: Sequence[Beside], log_strength: float) -> float:
    """The logarithm of the beta-binomial likelihood of the stores' counts, without what does not depend on m."""
    total, m, lgamma = 0.0, math.exp(log_strength), math.lgamma
    of_m = lgamma(m)
    for store in stores:
        a = m * store.usual
        b = m - a
        total += lgamma(a + store.failed) - lgamma(a) + lgamma(b + store.images - store.failed) - lgamma(b)
        total += of_m - lgamma(m + store.images)
    return total


def shrunk(store: Beside, m: float) -> float:
    """The store's rate, drawn to its hosts' as far as a prior worth `m` images does: the posterior's mean."""
    return (m * store.usual + store.failed) / (m + store.images)


def exceeds(store: Beside, m: float, times: float) -> float:
    """The probability that the store's rate is more than `times` its hosts'.

    The store's rate has the beta posterior Beta(m·usual + failed, m·(1 - usual) + images - failed). That of its hosts
    is gamma distributed with the shape usual·usual_images, of which the logarithm is nearly normal with the standard
    deviation 1/sqrt(shape): its mean over 1 - I(times·hosts' rate) is taken at three points (Gauss and Hermite's rule).
    """
    a = m * store.usual + store.failed
    b = m + store.images - a
    spread = 1 / math.sqrt(store.usual * store.usual_images)
    points = ((times * store.usual * math.exp(at * spread), weight) for at, weight in _NORMAL_POINTS)
    return sum(weight * (1 - incomplete_beta(min(1.0, point), a, b)) for point, weight in points)


def beta_interval(a: float, b: float) -> tuple[float, float]:
    """The 2.5 and 97.5 % quantiles of Beta(a, b), to six digits."""
    return _beta_quantile(0.025, a, b), _beta_quantile(0.975, a, b)


def _beta_quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if incomplete_beta(middle, a, b) < share else (low, middle)
    return (low + high) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), for a, b > 0 and x from 0 to 1, to ten digits.

    By its continued fraction, which converges quickly on this side of the mean (Abramowitz and Stegun, 26.5.8; Lentz's
    method: Numerical Recipes, 6.4); beyond, by I_x(a, b) = 1 - I_(1-x)(b, a).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    return _incomplete_beta(x, a, b)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    whole = a + b
    factor = math.exp(
        math.lgamma(whole) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - whole * x / (a + 1)) or tiny)
    fraction = d
    for k in range(1, 10_000):
        for term in (
            k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k)),
            -(a + k) * (whole + k) * x / ((a + 2 * k) * (a + 2 * k + 1)),
        ):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            step = c * d
            fraction *= step
        if abs(step - 1) < 1e-11:
            break
    return factor * fraction
