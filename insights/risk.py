"""The risk that a store's next image fails: what it lost so far, drawn to what its hosts lost of others.

It is shown only where it has earned its place: where, on the last weeks and fitted to the weeks before them alone, it
predicted the images better than the hosts' rates by themselves. See `back_tests.RiskTest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from insights.back_tests import RiskTest, back_test
from insights.figures import Figure
from insights.kept import kept
from insights.scope import Scope, as_of
from insights.shrinkage import MOST_STRENGTH, beta_interval, shrunk
from insights.store_rates import NUMBERS, StoreRate, riskiest

MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class StoreRisk:
    """`risk` is the share of the store's next images that are expected to fail, with its 95 % interval."""

    store_id: str
    risk: Figure
    rate: Figure
    host_rate: Figure


@dataclass(frozen=True, slots=True)
class Risks:
    """The stores at the highest risk first, or none, where the test does not let them be shown."""

    test: RiskTest | None
    stores: Sequence[StoreRate] = ()
    strength: float = MOST_STRENGTH

    @property
    def is_shown(self) -> bool:
        return self.test is not None and self.test.is_passed

    def described(self, start: int, end: int) -> list[StoreRisk]:
        return [_described(store, self.strength) for store in self.stores[start:end]]


def risks(scope: Scope) -> Risks:
    """At most MOST_LISTED stores of the scope."""
    test = back_test(scope).risk
    if test is None or not test.is_passed:
        return Risks(test)
    strength = test.strength
    return Risks(
        test, *kept("risks", scope, as_of(), lambda: _found(scope, strength), lambda found: NUMBERS * len(found[0]))
    )


def _found(scope: Scope, tested: float) -> tuple[list[StoreRate], float]:
    rates = riskiest(scope, tested)
    m = rates.strength or MOST_STRENGTH
    found = sorted(rates.stores.values(), key=lambda store: (-shrunk(store.beside, m), store.store_id))
    return found[:MOST_LISTED], m


def _described(store: StoreRate, m: float) -> StoreRisk:
    value, worth = shrunk(store.beside, m), m + store.worth
    low, high = beta_interval(value * worth, (1 - value) * worth)
    return StoreRisk(store.store_id, Figure(value, low, high, store.images), store.rate, store.usual_rate)
