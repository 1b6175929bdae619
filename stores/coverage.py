"""How many stores have a category, and what words the others have most often."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.models import Count

from stores.models import Store

# Uncategorised stores whose words are counted: the first of them.
MOST_COUNTED = 50_000
MOST_SUGGESTIONS = 20
# A word of fewer stores is hardly worth a keyword.
FEWEST_STORES = 3


@dataclass(frozen=True, slots=True)
class Coverage:
    """Stores by the key of their category; None is uncategorised."""

    by_category: dict[int | None, int]

    @property
    def stores(self) -> int:
        return sum(self.by_category.values())

    @property
    def uncategorised(self) -> int:
        return self.by_category.get(None, 0)

    @property
    def categorised(self) -> int:
        return self.stores - self.uncategorised

    @property
    def sentence(self) -> str:
        """For example `246 of 360 stores (68 %) have a category`; rounded down, so that 100 % is all of them."""
        percent = 100 * self.categorised // self.stores if self.stores else 0
        return f"{self.categorised:,} of {self.stores:,} stores ({percent} %) have a category"


def coverage() -> Coverage:
    """In one query, from the index of categories alone."""
    counted = Store.objects.order_by().values_list("category_id").annotate(number=Count("pk"))
    return Coverage(dict(counted))


def suggestions() -> list[tuple[str, int]]:
    """The most frequent words of stores without a category, and of how many stores: candidates for keywords.

    Without words that are keywords of any kind, numbers and single letters. Most of them are people's names, and a
    category that few words tell stays small: nothing here is a promise. Counted among the first MOST_COUNTED of those
    stores.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            r"""
            SELECT word, count(*) AS number
            FROM (SELECT DISTINCT pk, word
                  FROM (SELECT id AS pk, words FROM stores_store
                        WHERE category_id IS NULL AND NOT category_by_hand LIMIT %s) AS store, unnest(words) AS word
                 ) AS found
            WHERE length(word) > 1 AND word !~ '^[0-9]+$'
                  AND NOT EXISTS (SELECT FROM stores_keyword AS keyword WHERE keyword.text = word)
            GROUP BY word HAVING count(*) >= %s ORDER BY number DESC, word LIMIT %s
            """,
            [MOST_COUNTED, FEWEST_STORES, MOST_SUGGESTIONS],
        )
        found: list[tuple[str, int]] = cursor.fetchall()
    return found
