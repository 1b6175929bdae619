"""Of each store, the host that most of its images are from, the code of most of its failures, and the latest job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from insights.scope import Scope

_FREQUENT = """
    WITH part AS MATERIALIZED (
        SELECT store_id, host, code, sum(completed + failed) AS images, sum(failed) AS failed,
            max(job_id) FILTER (WHERE failed > 0) AS job_id
        FROM ({visits}) visit (store_id, job_id, host, code, completed, failed)
        WHERE completed + failed > 0 GROUP BY 1, 2, 3
    ), host AS (
        SELECT DISTINCT ON (store_id) store_id, host, count(*) OVER (PARTITION BY store_id) AS hosts,
            max(max(job_id)) OVER (PARTITION BY store_id) AS job_id,
            (sum(sum(images)) OVER (PARTITION BY store_id))::bigint AS images,
            (sum(sum(failed)) OVER (PARTITION BY store_id))::bigint AS failed
        FROM part GROUP BY store_id, host ORDER BY store_id, sum(images) DESC, host
    ), code AS (
        SELECT DISTINCT ON (store_id) store_id, code
        FROM part WHERE code <> '' GROUP BY store_id, code ORDER BY store_id, sum(failed) DESC, code
    )
    SELECT store_id, images, failed, host, hosts, coalesce(code, ''), job_id
    FROM host LEFT JOIN code USING (store_id)
"""


@dataclass(frozen=True, slots=True)
class Frequent:
    """Of `images` that were tried, `failed` have.

    `host` and `code` are the most frequent ones, "" where there is none; `hosts` is how many it has. `job_id` is the
    latest job in which images of the store failed, None where none has; it may be deleted by now.
    """

    images: int = 0
    failed: int = 0
    host: str = ""
    hosts: int = 0
    code: str = ""
    job_id: int | None = None


def most_frequent(scope: Scope, store_ids: Sequence[str]) -> dict[str, Frequent]:
    """By store, of those that had images; of each visit one host and one code are known.

    Reads the visits of these stores alone.
    """
    if not store_ids:
        return {}
    visits = scope.of_all_stores.visits()
    visits = visits.filter(store_id__in=list(store_ids))
    columns = ("store_id", "job_id", "host", "code", "completed", "failed")
    sql, parameters = visits.values_list(*columns).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_FREQUENT.format(visits=sql), parameters)
        return {store_id: Frequent(*found) for store_id, *found in cursor.fetchall()}
