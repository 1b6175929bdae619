"""What the words of stores' names weigh when names are compared: three kinds of words count, each in its own way.

- Venue words (CORNER, GHAR, NEW) say where and not what: VENUE_WEIGHT.
- Trade words (PAN, BAKERY) count by their category: TRADE_WEIGHT; another word of the same category nearly as much.
- All others are a store's own: ln(N / stores that have it), so that a rare one counts for more. PostgreSQL's statistics
  say how frequent the thousand most frequent are, and the others weigh as if one store had them. Those of the name that
  is asked for are counted: all of them in a small store master, in a large one those that the statistics do not know.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

from django.db import connection

from stores.models.keyword import Kind

VENUE_WEIGHT = 0.1
TRADE_WEIGHT = 2.0
# Of a trade word's weight, for another word of its category.
SAME_CATEGORY = 0.9
# A store master of fewer stores is small. A word that more stores have is weighed as if so many had it.
MOST_COUNTED = 20_000
# Of fewer, or where nobody has looked yet, stores are counted instead.
FEWEST_ESTIMATED = 1_000


@dataclass(frozen=True, slots=True)
class Features:
    """What a name is compared by: the weights of its venue and own words; of each category, its trade words.

    Trade words count once for each category, however many of them a name has.
    """

    plain: dict[str, float]
    trades: dict[int, set[str]]

    @property
    def weight(self) -> float:
        return sum(self.plain.values()) + TRADE_WEIGHT * len(self.trades)

    def score(self, there: Features) -> float:
        """The weight of what both names share, divided by that of all that either has."""
        shared = sum(weight for word, weight in self.plain.items() if word in there.plain)
        for category in self.trades.keys() & there.trades.keys():
            is_same = bool(self.trades[category] & there.trades[category])
            shared += TRADE_WEIGHT * (1 if is_same else SAME_CATEGORY)
        total = self.weight + there.weight
        return shared / (total - shared) if total > shared else 1.0


@dataclass(frozen=True)
class WordWeights:
    """Of about so many `stores`; `trades`: word to category; `own`: words whose frequency is known, to their weights.

    An own word that is not known weighs `rare`, as one that a single store has.
    """

    stores: int
    venues: frozenset[str]
    trades: dict[str, int]
    own: dict[str, float]
    rare: float

    @cached_property
    def known(self) -> dict[str, float]:
        return self.own | dict.fromkeys(self.venues, VENUE_WEIGHT) | dict.fromkeys(self.trades, TRADE_WEIGHT)

    @property
    def lightest(self) -> float:
        """The least that a word which is no venue's can weigh."""
        return min([TRADE_WEIGHT, *self.own.values()])

    def of(self, word: str) -> float:
        return self.known.get(word, self.rare)

    def features(self, words: Iterable[str]) -> Features:
        plain: dict[str, float] = {}
        trades: dict[int, set[str]] = {}
        for word in words:
            if (category := self.trades.get(word)) is not None:
                trades.setdefault(category, set()).add(word)
            else:
                plain[word] = self.known.get(word, self.rare)
        return Features(plain, trades)

    def is_own(self, word: str) -> bool:
        return word not in self.venues and word not in self.trades

    def trades_of(self, categories: Collection[int]) -> set[str]:
        """The trade words of these categories."""
        return {word for word, category in self.trades.items() if category in categories} if categories else set()


def weights_for(asked: Sequence[str]) -> WordWeights:
    """What words weigh where a name with the words `asked` is compared with stores' names."""
    stores, shares, keywords = _read()
    venues = frozenset(text for text, category in keywords.items() if category is None)
    trades = {text: category for text, category in keywords.items() if category is not None}
    own = set(asked) - keywords.keys()
    if stores >= MOST_COUNTED:
        own -= shares.keys()
    shares |= _shares(own, stores)
    rare = round(log(max(2, stores)), 2)
    weights = {
        word: round(min(rare, -log(max(share, 1e-9))), 2) for word, share in shares.items() if word not in keywords
    }
    return WordWeights(stores, venues, trades, weights, rare)


def _shares(words: Collection[str], stores: int) -> dict[str, float]:
    """Which share of the stores has each word, counted."""
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
        return {word: max(1, number) / max(2, stores) for word, number in cursor.fetchall()}


def _read() -> tuple[int, dict[str, float], dict[str, int | None]]:
    """About how many stores there are; the most frequent words, and which share of the stores has each; keywords.

    Stores and shares as the last ANALYZE saw them, in pages of the table, of which there may be more today. A store
    master that it has not seen, or of few stores, is counted. A keyword comes with its category; a venue word has none.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT CASE WHEN reltuples < %s THEN (SELECT count(*) FROM (SELECT FROM stores_store LIMIT %s) AS counted)
                   ELSE reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::int) END::bigint,
                   to_json(most_common_elems::text::text[]), to_json(most_common_elem_freqs),
                   (SELECT json_object_agg(text, category_id) FROM stores_keyword WHERE kind = ANY(%s))
            FROM pg_class LEFT JOIN pg_stats
              ON schemaname = current_schema() AND tablename = 'stores_store' AND attname = 'words'
            WHERE oid = 'stores_store'::regclass
            """,
            [FEWEST_ESTIMATED, MOST_COUNTED, [Kind.STRONG.value, Kind.WEAK.value, Kind.VENUE.value]],
        )
        stores, words, shares, keywords = cursor.fetchone()
    # The shares end with three that belong to no word.
    return stores, dict(zip(words or [], shares or [], strict=False)), keywords or {}
