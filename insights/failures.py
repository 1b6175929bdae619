"""Failures by area, host, category or group: how many images failed, at which rate, and with which code most often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce

from insights import reading
from insights.days import kept_days
from insights.figures import Figure
from insights.kept import kept
from insights.models import Kind
from insights.periods import blocks, known
from insights.scope import Scope, as_of
from insights.statistics import Blocks, rate
from stores.models import Store, StoreGroup

# Of so many groups failures are listed, the first by their names.
MOST_GROUPS = 200


class By(StrEnum):
    AREA = "area"
    HOST = "host"
    CATEGORY = "category"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class FailureRow:
    """`key` is an area, host or category, "" where there is none, or a group's id; `name` is the group's.

    `rate` is of the `images` that were tried; `code` is the most frequent of the failed ones.
    """

    key: str
    name: str
    images: int
    failed: int
    rate: Figure
    code: str


# By parts of the period, between which the rate's interval is taken. Visits of stores that the store master does not
# hold are among those without a label, unless the scope is of some stores alone.
_ROWS = """
    WITH visit (store_id, host, visited_at, code, tried, failed) AS ({visits}),
    place (store_id, label) AS MATERIALIZED ({places}),
    kept (day, label, completed, failed, tried_visits, codes, code_failed) AS ({days}),
    cell AS MATERIALIZED (
        SELECT {label} AS label, width_bucket(visited_at, %s::timestamptz[]) AS part, code, sum(tried) AS tried,
            sum(failed) AS failed, count(*) AS visits
        FROM visit {join} WHERE tried > 0 GROUP BY 1, 2, 3
    ), part AS (
        SELECT label, sum(tried)::float8 AS tried, sum(failed)::float8 AS failed, sum(visits)::float8 AS visits FROM (
            SELECT label, part, tried, failed, visits FROM cell
            UNION ALL
            SELECT coalesce(label, ''), width_bucket(day, %s::date[]), completed + failed, failed, tried_visits
            FROM kept WHERE tried_visits > 0
        ) each GROUP BY label, part
    ), code AS (
        SELECT DISTINCT ON (label) label, code FROM (
            SELECT label, code, failed FROM cell WHERE code <> ''
            UNION ALL
            SELECT coalesce(label, ''), each.code, each.failed
            FROM kept CROSS JOIN LATERAL unnest(codes, code_failed) AS each (code, failed)
        ) every_code GROUP BY label, code ORDER BY label, sum(failed) DESC, code
    )
    SELECT part.label, coalesce(max(code.code), ''), count(*), sum(tried), sum(failed), sum(failed * failed),
        sum(failed * tried), sum(tried * tried), sum(part.visits)
    FROM part LEFT JOIN code USING (label) GROUP BY part.label ORDER BY sum(failed) DESC, part.label LIMIT %s OFFSET %s
"""
_DAY_COLUMNS = ("completed", "failed", "tried_visits", "codes", "code_failed")
_NO_DAYS = "SELECT NULL::date, '', 0::bigint, 0::bigint, 0::bigint, '{}'::text[], '{}'::bigint[] WHERE false"
_KINDS = {By.AREA: Kind.AREA, By.CATEGORY: Kind.CATEGORY, By.HOST: Kind.HOST}


def failures(scope: Scope, by: By, limit: int, start: int = 0) -> list[FailureRow]:
    """`limit` rows from place `start` on, those with the most failed images first."""
    mark = as_of()
    return kept(
        ("failures", by, limit, start),
        scope,
        mark,
        lambda: _failures(scope, mark, by, limit, start),
        lambda rows: 9 * len(rows),
    )


def _failures(scope: Scope, mark: datetime | None, by: By, limit: int, start: int) -> list[FailureRow]:
    period = known(scope)
    if period is None:
        return []
    groups = dict(StoreGroup.objects.values_list("pk", "name")[:MOST_GROUPS]) if by is By.GROUP else {}
    days = kept_days(scope, _KINDS[by]) if by in _KINDS else None
    of_scope = scope.visits_to_join()
    visits: QuerySet[Any, Any] = (days.narrowed(of_scope) if days else of_scope).annotate(
        tried=F("completed") + F("failed")
    )
    visits_sql, of_visits = visits.values_list(
        "store_id", "host", "visited_at", "code", "tried", "failed"
    ).query.sql_with_params()
    try:
        places_sql, of_places = _places(scope, by, list(groups)).query.sql_with_params()
    except EmptyResultSet:
        return []
    is_partial = by is By.GROUP or not scope.is_of_all_stores
    days_sql, of_days = days.sums(*_DAY_COLUMNS) if days else (_NO_DAYS, ())
    statement = _ROWS.format(
        visits=visits_sql,
        days=days_sql,
        places=places_sql,
        label="host" if by is By.HOST else "coalesce(label, '')",
        join=f"{'' if is_partial else 'LEFT'} JOIN place USING (store_id)",
    )
    parts = blocks(period, mark)
    rows = reading.rows(
        statement, [*of_visits, *of_places, *of_days, list(parts.starts), parts.days_begin, limit, start]
    )
    return [_row(groups, *row) for row in rows]


def _places(scope: Scope, by: By, groups: Sequence[int]) -> QuerySet[Store, Any]:
    """(store id, label) of the scope's stores; of a store in several groups, several."""
    if by is not By.GROUP:
        label: Any = {
            By.AREA: F("area_code"),
            By.CATEGORY: Coalesce("category__name", Value("")),
            By.HOST: Value("", TextField()),
        }[by]
        return scope.stores().annotate(label=label).values_list("store_id", "label")
    stores = scope.stores().values("pk")
    of_each = [
        Store.objects.in_group(group)
        .filter(pk__in=stores)
        .annotate(label=Cast(Value(group), TextField()))
        .values_list("store_id", "label")
        for group in groups
    ]
    return of_each[0].union(*of_each[1:], all=True) if of_each else Store.objects.none().values_list("pk", "pk")


def _row(groups: dict[int, str], label: str, code: str, number: int, *sums: float) -> FailureRow:
    images, failed, *rest = sums
    figure = rate(Blocks(number, images, failed, *rest))
    return FailureRow(label, groups[int(label)] if groups else "", round(images), round(failed), figure, code)
