"""What a submission needs to know of the stores that it names, in one statement."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection

# One array instead of a parameter for each: a submission may name a hundred thousand.
_KNOWN = """
    SELECT store.store_id, store.area_code, coalesce(weight.weight, 1), rule.id
    FROM stores_store store
    LEFT JOIN stores_areaweight weight ON weight.area_code = store.area_code
    LEFT JOIN stores_categoryrule rule ON rule.category_id = store.category_id
    WHERE store.store_id IN (SELECT unnest(%s::text[]))
"""


class KnownStore(NamedTuple):
    """A store of the store master: its area, that area's weight, and the rule of its category."""

    area: str
    weight: float
    rule_id: int | None


def known_stores(store_ids: Iterable[str]) -> dict[str, KnownStore]:
    """Those of `store_ids` that the store master holds, by their id."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(set(store_ids))])
        return {row[0]: KnownStore._make(row[1:]) for row in cursor.fetchall()}
