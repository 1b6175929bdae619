"""Stores with a similar name, by the words that both names have, see `word_weights.py`.

The score of two names is the weight of what they share, divided by the weight of all that either has (a weighted
Jaccard index): 1 for the same words, 0 for none. A feature of a name is one of its own words, or one of its trades; of
a name with neither, each of its words.

In a small store master all stores that share a feature are scored. In a large one they are found in stages, and the
last ones only if they could still be among the best:

1. those that share two features or more;
2. those that share one and have no word besides but venue words;
3. all others that share one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db import connection

from stores.models import Store
from stores.word_weights import SAME_CATEGORY, TRADE_WEIGHT, WordWeights, weights_for
from stores.words import words_of

MOST = 50
# A store master of more stores than are scored is large. Of the second stage so many are read, and of any other scored:
# those that share an own word first, the rarest of all, then a trade word, then another one of the same category.
MOST_READ = 75_000
MOST_SCORED = 20_000
# Of a name that is asked for.
MOST_WORDS = 40


@dataclass(frozen=True, slots=True)
class Similar:
    """`score` is above 0 and at most 1; `shared` are the words that both have, in the order of the store's name."""

    store: Store
    score: float
    shared: list[str]
    same_category: bool


def similar_stores(store: Store, most: int = MOST) -> list[Similar]:
    """The stores most like this one, best first; itself is not among them."""
    return _find(store.words or words_of(store.name), most, store)


def similar_to_name(name: str, most: int = MOST) -> list[Similar]:
    """The stores whose names are most like `name`, best first."""
    return _find(words_of(name), most, None)


def _find(words: Sequence[str], most: int, of: Store | None) -> list[Similar]:
    asked = list(dict.fromkeys(words))[:MOST_WORDS]
    if not asked:
        return []
    weights = weights_for(asked)
    best = _best(_Search(asked, weights, of.pk if of else 0), most)
    stores = Store.objects.select_related("category").in_bulk([pk for _, _, pk in best])
    category = of.category_id if of else None
    # By what both are known to be; where it is not known of the store that was asked for, by its words.
    told = {category} if category else set(weights.features(asked).trades)
    return [
        Similar(
            stores[pk],
            -negative,
            [word for word in dict.fromkeys(there) if word in asked],
            stores[pk].category_id in told,
        )
        for negative, there, pk in best
        if pk in stores
    ]


def _best(search: _Search, most: int) -> list[tuple[float, list[str], int]]:
    """The negative score, words and key of the best stores, in their order."""
    scored: dict[int, tuple[float, list[str], int]] = {}
    for stage in search.stages():
        # Twice as many as are asked for, because the database scores only nearly as here.
        for there, pk in search.read(stage, 2 * most):
            if pk not in scored:
                scored[pk] = (-round(search.score(there), 6), there, pk)
        best = sorted(scored.values())[:most]
        if len(best) == most and -best[-1][0] >= stage.rest:
            break
    return best


@dataclass(frozen=True, slots=True)
class _Stage:
    """Of the query `rows` so many are `read` at most; no store of a later stage has a score above `rest`."""

    rows: str
    read: int
    rest: float = 0
    # Only stores that have no word but the asked ones, others of their trades, and venue words.
    is_plain: bool = False


class _Search:
    """The statements that find stores like a name; the store with the key `but` is left out."""

    def __init__(self, words: Sequence[str], weights: WordWeights, but: int) -> None:
        self._weights = weights
        self._asked = asked = weights.features(words)
        own = sorted(filter(weights.is_own, words), key=weights.of, reverse=True)
        trades = {word for word in words if word in weights.trades}
        same = weights.trades_of(asked.trades.keys())
        siblings = same - trades
        # A feature by the words with which a store shares it.
        self._features = [[word] for word in own] + [sorted(weights.trades_of({each})) for each in asked.trades]
        self._features = self._features or [[word] for word in words]
        # In the order in which stores are read.
        self._shares = [[word] for word in own] + [sorted(each) for each in (trades, siblings) if each]
        self._shares = self._shares or [list(words)]
        gains = {word: weights.of(word) for word in words} | dict.fromkeys(siblings, TRADE_WEIGHT * SAME_CATEGORY)
        self._parameters: dict[str, Any] = {
            **{f"share{at}": share for at, share in enumerate(self._shares)},
            **{f"feature{at}": feature for at, feature in enumerate(self._features)},
            **{f"later{at}": list(chain(*self._features[at + 1 :])) for at in range(len(self._features))},
            "plain": json.dumps(dict.fromkeys({*words, *same, *weights.venues}, 0)),
            "known": json.dumps(weights.known),
            "gains": json.dumps(gains),
            "total": sum(weights.of(word) for word in words),
            "rare": weights.rare,
            "but": but,
        }

    def score(self, words: Iterable[str]) -> float:
        return self._asked.score(self._weights.features(words))

    def stages(self) -> Iterator[_Stage]:
        # Named in the statements by their places alone.
        any_share = " UNION ALL ".join(map(_sharing, range(len(self._shares))))
        if self._weights.stores > MOST_SCORED:
            total = shared = self._asked.weight
            if len(self._features) > 1:
                each = [self._weights.of(feature[0]) for feature in self._features]
                # One feature, and all that is none.
                shared = max(each) + total - sum(each)
                yield _Stage(_sharing_two(len(each)), MOST_SCORED, rest=shared / total)
            yield _Stage(any_share, MOST_READ, rest=shared / (total + self._weights.lightest), is_plain=True)
        yield _Stage(any_share, MOST_SCORED)

    def read(self, stage: _Stage, most: int) -> list[tuple[list[str], int]]:
        """The words and keys of the best `most` of a stage, by a score in which each trade word counts by itself."""
        statement = _BEST.format(rows=stage.rows, only=_PLAIN if stage.is_plain else "")
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, "read": stage.read, "most": most})
            return [(words, pk) for words, pk in cursor.fetchall()]


def _sharing(at: int) -> str:
    others = "".join(f" AND NOT words && %(share{before})s::text[]" for before in range(at))
    return f"(SELECT id, words FROM stores_store WHERE words && %(share{at})s::text[] AND id <> %(but)s{others})"  # noqa: S608 - a number


def _sharing_two(features: int) -> str:
    pairs = (f"words && %(feature{at})s::text[] AND words && %(later{at})s::text[]" for at in range(features - 1))
    return f"SELECT id, words FROM stores_store WHERE id <> %(but)s AND ({' OR '.join(pairs)})"  # noqa: S608 - numbers


_PLAIN = "WHERE %(plain)s::jsonb ?& words"
# The weights are looked up in JSON: a join sorts or hashes all words, which takes twice as long.
_BEST = """
    SELECT words, id FROM (
        SELECT words, id, (
            SELECT sum(gain) / greatest(%(total)s + sum(weight) - sum(gain), 1e-9) FROM (
                SELECT coalesce((%(gains)s::jsonb ->> word)::float8, 0) AS gain,
                       coalesce((%(known)s::jsonb ->> word)::float8, %(rare)s) AS weight
                FROM (SELECT unnest(words) AS word) AS each
            ) AS both_of_them
        ) AS score
        FROM (SELECT id, words FROM ({rows}) AS sharing LIMIT %(read)s) AS read {only}
    ) AS scored ORDER BY score DESC, id LIMIT %(most)s
"""
