"""Stores with a similar name: three kinds of words count, each in its own way.

- Venue words (CORNER, GHAR, NEW) say where and not what: VENUE_WEIGHT.
- Trade words (PAN, BAKERY) count by their category: TRADE_WEIGHT; another word of the same category nearly as much.
- All others are a store's own: ln(N / stores that have it), so that a rare one counts for more. Those of the name that
  is asked for are counted; for the other stores' words PostgreSQL's statistics say how frequent the thousand most
  frequent are, and the others weigh as if one store had them.

The score of two names is the weight of what they share, divided by the weight of all that either has (a weighted
Jaccard index): 1 for the same words, 0 for none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

from django.db import connection

from stores.models import Keyword, Store
from stores.models.keyword import Kind
from stores.words import words_of

VENUE_WEIGHT = 0.1
TRADE_WEIGHT = 2.0
# Of a trade word's weight, for another word of its category.
SAME_CATEGORY = 0.9
MOST = 50
# So many stores are compared at most: those that share an own word first, then a trade word, then another one of the
# same category. Those that the database finds best are scored once more, exactly.
MOST_COMPARED = 75_000
MOST_EXACT = 100
# A word that more stores have is weighed as if so many had it.
MOST_COUNTED = 20_000
# Of a name that is asked for.
MOST_WORDS = 40


@dataclass(frozen=True, slots=True)
class Similar:
    """`score` is above 0 and at most 1; `shared` are the words that both have, in the order of the store's name."""

    store: Store
    score: float
    shared: list[str]
    same_category: bool


@dataclass(frozen=True, slots=True)
class _Weights:
    """Of stores' own words; `rare` is that of a word which one store has."""

    frequencies: Mapping[str, float]
    rare: float

    def of(self, word: str) -> float:
        frequency = self.frequencies.get(word)
        return self.rare if frequency is None else min(self.rare, -log(max(frequency, 1e-9)))


@dataclass(frozen=True, slots=True)
class _Keywords:
    venues: frozenset[str]
    # Word to category.
    trades: Mapping[str, int]

    @classmethod
    def read(cls) -> _Keywords:
        rows: list[tuple[str, int | None]] = list(
            Keyword.objects.filter(kind__in=[Kind.STRONG, Kind.WEAK, Kind.VENUE])
            .order_by()
            .values_list("text", "category_id")
        )
        return cls(
            frozenset(text for text, category in rows if category is None),
            {text: category for text, category in rows if category is not None},
        )

    def own(self, words: Collection[str]) -> set[str]:
        return {word for word in words if word not in self.venues and word not in self.trades}

    def siblings(self, words: Collection[str]) -> set[str]:
        """The trade words of the categories that `words` tell."""
        told = {self.trades[word] for word in words if word in self.trades}
        return {word for word, category in self.trades.items() if category in told} if told else set()


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
    keywords = _Keywords.read()
    number, frequent = _frequent_words()
    weights = _Weights(frequent | _frequencies(keywords.own(asked), number), log(max(2, number)))
    scored = sorted(
        (-round(_score(asked, there, keywords, weights), 6), there, pk)
        for there, pk in _candidates(asked, keywords, weights, of)
    )
    best = [(-score, there, pk) for score, there, pk in scored[:most]]
    stores = Store.objects.select_related("category").in_bulk([pk for _, _, pk in best])
    category = of.category_id if of else None
    return [
        Similar(
            stores[pk],
            score,
            [word for word in dict.fromkeys(there) if word in asked],
            _same_category(stores[pk], category, asked, keywords),
        )
        for score, there, pk in best
        if pk in stores
    ]


def _same_category(store: Store, category: int | None, asked: Sequence[str], keywords: _Keywords) -> bool:
    """By what both are known to be; where it is not known of the store that was asked for, by its words."""
    told = {category} if category else {keywords.trades[word] for word in asked if word in keywords.trades}
    return store.category_id in told


def _score(asked: Sequence[str], there: Sequence[str], keywords: _Keywords, weights: _Weights) -> float:
    """Trade words count once for each category, however many of them a name has."""

    def features(words: Sequence[str]) -> tuple[dict[str, float], dict[int, set[str]]]:
        plain, trades = {}, dict[int, set[str]]()
        for word in words:
            if (category := keywords.trades.get(word)) is not None:
                trades.setdefault(category, set()).add(word)
            else:
                plain[word] = VENUE_WEIGHT if word in keywords.venues else weights.of(word)
        return plain, trades

    (plain, trades), (plain_there, trades_there) = features(asked), features(there)
    shared = sum(weight for word, weight in plain.items() if word in plain_there)
    for category in trades.keys() & trades_there.keys():
        is_same = bool(trades[category] & trades_there[category])
        shared += TRADE_WEIGHT * (1 if is_same else SAME_CATEGORY)
    total = sum(plain.values()) + sum(plain_there.values()) + TRADE_WEIGHT * (len(trades) + len(trades_there))
    return shared / (total - shared) if total > shared else 1.0


def _candidates(
    asked: Sequence[str], keywords: _Keywords, weights: _Weights, of: Store | None
) -> list[tuple[list[str], int]]:
    """The words and keys of the best MOST_EXACT, by a score in which each trade word counts by itself."""
    trades = {word for word in asked if word in keywords.trades}
    siblings = keywords.siblings(asked) - trades
    shares = [sorted(words) for words in (keywords.own(asked), trades, siblings) if words] or [sorted(asked)]
    known = {word: weights.of(word) for word in weights.frequencies}
    known |= dict.fromkeys(keywords.venues, VENUE_WEIGHT) | dict.fromkeys(keywords.trades, TRADE_WEIGHT)
    gains = {word: known[word] for word in asked} | dict.fromkeys(siblings, TRADE_WEIGHT * SAME_CATEGORY)
    # Named in the statement by their places alone.
    parts = " UNION ALL ".join(_part(at) for at in range(len(shares)))
    parameters = {
        **{f"share{at}": share for at, share in enumerate(shares)},
        "known": json.dumps(known),
        "gains": json.dumps(gains),
        "total": sum(known[word] for word in asked),
        "rare": weights.rare,
        "not": of.pk if of else 0,
        "compared": MOST_COMPARED,
        "exact": MOST_EXACT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEST.format(parts=parts), parameters)
        return [(words, pk) for words, pk in cursor.fetchall()]


def _part(at: int) -> str:
    others = "".join(f" AND NOT words && %(share{before})s::text[]" for before in range(at))
    return f"(SELECT id, words FROM stores_store WHERE words && %(share{at})s::text[] AND id <> %(not)s{others})"  # noqa: S608 - a number


# The weights are looked up in JSON: a join sorts or hashes all words, which takes twice as long.
_BEST = """
    SELECT words, id FROM (
        SELECT words, id, (
            SELECT sum(gain) / greatest(%(total)s + sum(weight) - sum(gain), 1e-9) FROM (
                SELECT coalesce((%(gains)s::jsonb ->> word)::float8, 0) AS gain,
                       coalesce((%(known)s::jsonb ->> word)::float8, %(rare)s) AS weight
                FROM unnest(words) AS word
            ) AS both_of_them
        ) AS score
        FROM (SELECT id, words FROM ({parts}) AS sharing LIMIT %(compared)s) AS compared
    ) AS scored ORDER BY score DESC, id LIMIT %(exact)s
"""


def _frequencies(words: Collection[str], number: int) -> dict[str, float]:
    """Which share of the stores has each word."""
    if not words:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT word, (
                SELECT count(*) FROM (SELECT FROM stores_store WHERE words @> ARRAY[word] LIMIT %s) AS with_it
            ) FROM unnest(%s::text[]) AS word
            """,
            [MOST_COUNTED, sorted(words)],
        )
        return {word: max(1, stores) / max(2, number) for word, stores in cursor.fetchall()}


def _frequent_words() -> tuple[int, dict[str, float]]:
    """About how many stores there are; the most frequent words, and which share of the stores has each.

    As the last ANALYZE saw them. A store master that it has not seen, or of few stores, is counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT reltuples::bigint, most_common_elems::text::text[], most_common_elem_freqs
            FROM pg_class LEFT JOIN pg_stats
              ON schemaname = current_schema() AND tablename = 'stores_store' AND attname = 'words'
            WHERE oid = 'stores_store'::regclass
            """
        )
        number, words, frequencies = cursor.fetchone()
    if number < MOST_COUNTED:
        number = Store.objects.all()[:MOST_COUNTED].count()
    # The frequencies end with three that belong to no word.
    return number, dict(zip(words or [], frequencies or [], strict=False))
