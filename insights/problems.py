"""Problem stores: those whose images fail more than twice as often as the others at the same hosts.

A store's failures are set against those of its hosts, so that no store is blamed for the host that its photos lie on.
What is said of one is a probability under a model, see `shrinkage.exceeds`; `back_test` says what became of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from insights.figures import FEWEST, NO_OTHERS, TOO_FEW, Figure
from insights.kept import kept
from insights.most_frequent import Frequent, most_frequent
from insights.scope import Scope, as_of
from insights.shrinkage import exceeds
from insights.statistics import wilson
from insights.store_rates import NUMBERS, StoreRate, StoreRates, rates_of, suspects

# A store is a problem where its rate is with this probability more than so many times its hosts'.
TIMES = 2.0
SURE = 0.95
# A list is of the stores that lost the most.
MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class StoreProblem:
    """One store beside its hosts; `posterior` is the probability that its rate is more than TIMES theirs, None unknown.

    `excess` are images lost beyond as many as its hosts lost of others.
    """

    store_id: str
    rate: Figure
    host_rate: Figure
    excess: Figure
    posterior: float | None
    frequent: Frequent

    @property
    def is_problem(self) -> bool:
        return self.posterior is not None and self.posterior > SURE


@dataclass(frozen=True, slots=True)
class Problems:
    """The problem stores of a scope: those first that lost the most images beyond what their hosts lost of others."""

    scope: Scope
    stores: Sequence[StoreRate]
    strength: float | None

    def described(self, start: int, end: int) -> list[StoreProblem]:
        """Those from place `start` to before `end`, with their hosts and codes."""
        shown = self.stores[start:end]
        return _described(shown, self.strength, most_frequent(self.scope, [store.store_id for store in shown]))


def problems(scope: Scope) -> Problems:
    """At most MOST_LISTED of them."""
    return Problems(
        scope, *kept("problems", scope, as_of(), lambda: _found(scope), lambda found: NUMBERS * len(found[0]))
    )


def _found(scope: Scope) -> tuple[list[StoreRate], float | None]:
    rates = suspects(scope, TIMES)
    return flagged(rates)[:MOST_LISTED], rates.strength


def store_problem(scope: Scope, store_id: str) -> StoreProblem | None:
    """One store beside its hosts, be it a problem or not; None where none of its images was tried in these days."""
    frequent = most_frequent(scope, [store_id])
    if store_id not in frequent:
        return None
    of_all = scope.of_all_stores
    rate, strength = kept(
        "store", replace(of_all, store=store_id), as_of(), lambda: _rate_of(of_all, store_id), lambda _: NUMBERS
    )
    n, lost = frequent[store_id].images, frequent[store_id].failed
    alone = StoreRate(store_id, n, lost, n, lost, 0, 0.0, 0.0)
    return _described([rate or alone], strength, frequent)[0]


def _rate_of(scope: Scope, store_id: str) -> tuple[StoreRate | None, float | None]:
    rates = rates_of(scope, [store_id])
    return rates.stores.get(store_id), rates.strength


def flagged(rates: StoreRates) -> list[StoreRate]:
    """The problems among the stores, those that lost the most first."""
    if rates.strength is None:
        return []
    found = [store for store in rates.stores.values() if posterior(store, rates.strength) > SURE]
    return sorted(found, key=lambda store: (-lost(store), store.store_id))


def posterior(store: StoreRate, strength: float) -> float:
    """The probability that the store's rate is more than TIMES its hosts'; 0 where it was not, as it was seen."""
    # This comparison spares most stores the other.
    seen = store.failed > TIMES * store.images * store.usual
    return exceeds(store.beside, strength, TIMES) if seen else 0.0


def lost(store: StoreRate) -> float:
    """Images lost beyond as many as its hosts lost of others."""
    return store.failed - store.images * store.usual


def _excess(store: StoreRate) -> Figure:
    """With the interval of a difference of two rates by those of the rates: Newcombe, Statistics in Medicine 17 (1998),
    method 10."""
    rate, usual = store.failed / store.images, store.usual
    (low, high), (usual_low, usual_high) = wilson(rate, store.worth), wilson(usual, store.usual_worth)
    down, up = sqrt((rate - low) ** 2 + (usual_high - usual) ** 2), sqrt((high - rate) ** 2 + (usual - usual_low) ** 2)
    n, difference = store.images, rate - usual
    return Figure(n * difference, n * (difference - down), n * (difference + up), n)


def _described(
    stores: Sequence[StoreRate], strength: float | None, frequent: Mapping[str, Frequent]
) -> list[StoreProblem]:
    described = []
    for store in stores:
        if store.images < FEWEST or not store.others or strength is None:
            why = TOO_FEW if store.images < FEWEST else NO_OTHERS
            host_rate, excess, sure = Figure.unknown(store.others, why), Figure.unknown(store.images, why), None
        else:
            host_rate, excess, sure = store.usual_rate, _excess(store), posterior(store, strength)
        described.append(
            StoreProblem(store.store_id, store.rate, host_rate, excess, sure, frequent.get(store.store_id, Frequent()))
        )
    return described
