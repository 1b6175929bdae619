"""The stores that were visited in a period."""

from __future__ import annotations

from django.db import connection

from access import rights
from insights.scope import Scope

# From each store's id to the next, in the index of store and time: few steps where a store has many visits.
_EACH = """
    WITH RECURSIVE each (store_id) AS (
        (SELECT store_id FROM insights_visitsummary ORDER BY store_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT summary.store_id FROM insights_visitsummary summary WHERE summary.store_id > each.store_id
            ORDER BY summary.store_id LIMIT 1
        ) FROM each WHERE each.store_id IS NOT NULL
    )
    SELECT store_id FROM each WHERE store_id IS NOT NULL AND (
        SELECT true FROM insights_visitsummary summary WHERE summary.store_id = each.store_id
            AND visited_at >= %s AND visited_at < %s LIMIT 1
    ) ORDER BY store_id COLLATE "C"
"""


def visited_stores(scope: Scope) -> list[str]:
    """The ids of stores with a visit of the scope, in the order of their bytes."""
    if scope.is_of_all_stores and rights.may_read_all_jobs(scope.user):
        with connection.cursor() as cursor:
            cursor.execute(_EACH, [scope.begin, scope.end])
            return [store_id for (store_id,) in cursor.fetchall()]
    return sorted(scope.visits().order_by().values_list("store_id", flat=True).distinct(), key=str.encode)
