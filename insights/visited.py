"""The stores that were visited in a period."""

from __future__ import annotations

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction

from access import rights
from insights.scope import Scope

# From each store's id to the next, in the index of store and time: few steps where a store has many visits.
_BY_INDEX = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
        set_config('enable_sort', 'off', true)
"""
_ALL = """
    RECURSIVE each (store_id) AS (
        (SELECT store_id FROM insights_visitsummary ORDER BY store_id, visited_at LIMIT 1)
        UNION ALL
        SELECT (
            SELECT summary.store_id FROM insights_visitsummary summary WHERE summary.store_id > each.store_id
            ORDER BY summary.store_id, visited_at LIMIT 1
        ) FROM each WHERE each.store_id IS NOT NULL
    ), visited AS MATERIALIZED (
        SELECT store_id FROM each WHERE store_id IS NOT NULL AND (
            SELECT true FROM insights_visitsummary summary
            WHERE summary.store_id >= each.store_id AND summary.store_id <= each.store_id
                AND visited_at >= %s AND visited_at < %s
            ORDER BY summary.store_id, visited_at LIMIT 1
        )
    )
"""
_SOME = "visited AS MATERIALIZED (SELECT DISTINCT store_id FROM ({visits}) visit (store_id))"
_PAGE = """
    SELECT (SELECT count(*) FROM visited),
        ARRAY(SELECT store_id FROM visited ORDER BY store_id COLLATE "C" OFFSET %s LIMIT %s)
"""


def visited_stores(scope: Scope, start: int, limit: int) -> tuple[int, list[str]]:
    """How many stores have a visit of the scope; `limit` ids after the first `start`, in the order of their bytes."""
    if scope.is_of_all_stores and rights.may_read_all_jobs(scope.user):
        visited, parameters = _ALL, [scope.begin, scope.end]
    else:
        try:
            visits, given = scope.visits().values_list("store_id").query.sql_with_params()
        except EmptyResultSet:
            return 0, []
        visited, parameters = _SOME.format(visits=visits), list(given)
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        if visited is _ALL:
            cursor.execute(_BY_INDEX)
        cursor.execute(f"WITH {visited} {_PAGE}", [*parameters, start, limit])
        number, stores = cursor.fetchone()
    return number, stores
