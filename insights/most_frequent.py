"""Of each store, the host that most of its images are from, and the code that most of its failures have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import connection

from insights.scope import Scope

_FREQUENT = """
    WITH part AS MATERIALIZED (
        SELECT store_id, host, code, sum(completed + failed) AS images, sum(failed) AS failed
        FROM ({visits}) visit (store_id, host, code, completed, failed)
        WHERE completed + failed > 0 GROUP BY 1, 2, 3
    ), host AS (
        SELECT DISTINCT ON (store_id) store_id, host, count(*) OVER (PARTITION BY store_id) AS hosts
        FROM part GROUP BY store_id, host ORDER BY store_id, sum(images) DESC, host
    ), code AS (
        SELECT DISTINCT ON (store_id) store_id, code
        FROM part WHERE code <> '' GROUP BY store_id, code ORDER BY store_id, sum(failed) DESC, code
    )
    SELECT store_id, host, hosts, coalesce(code, '') FROM host LEFT JOIN code USING (store_id)
"""


def most_frequent(scope: Scope, store_ids: Sequence[str]) -> dict[str, tuple[str, int, str]]:
    """By store: its most frequent host, how many hosts it has, and its most frequent code, "" where nothing failed.

    By visits, of each of which one host and one code are known. Reads the visits of these stores alone.
    """
    if not store_ids:
        return {}
    visits = replace(scope, area=None, category=None, group=None, store=None).visits()
    visits = visits.filter(store_id__in=list(store_ids))
    sql, parameters = visits.values_list("store_id", "host", "code", "completed", "failed").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_FREQUENT.format(visits=sql), parameters)
        return {store_id: (host, hosts, code) for store_id, host, hosts, code in cursor.fetchall()}
