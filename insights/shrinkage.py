"""A store's rate beside its hosts': how far it is drawn to theirs, and how probably it is above them.

The rate of a store has the prior Beta(m·usual, m·(1 - usual)): `usual` is the rate of others at the same hosts, and the
strength m, in images, is found from all stores together (empirical Bayes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
