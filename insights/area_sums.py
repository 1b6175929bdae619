"""Sums of visits by area or category and part of a period, which comparisons and trends are made of."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from insights import reading
from insights.days import kept_days
from insights.kept import kept
from insights.models import Kind
from insights.periods import Parts
from insights.scope import Scope
from stores.models.store import StoreQuerySet


class By(Enum):
    """What the stores of a scope are gathered by; the value is the field of a store."""

    AREA = "area_code"
    CATEGORY = "category__name"


class Sums(NamedTuple):
    """Of one area's visits in one part of a period; `tried` images are those that completed or failed by themselves."""

    visits: int = 0
    tried: int = 0
    failed: int = 0
    fetched: int = 0
    fetch_ms: int = 0


NOTHING = Sums()


def labelled(stores: StoreQuerySet, by: By, labels: Sequence[str] | None = None) -> QuerySet[Any, Any]:
    """(store id, label) of each store; "" is the label of stores without a category."""
    label: Any = F(by.value) if by is By.AREA else Coalesce(F(by.value), Value(""))
    found = stores.annotate(label=label)
    if labels is not None:
        found = found.filter(label__in=list(labels))
    return found.values_list("store_id", "label")


def sums(scope: Scope, parts: Parts, by: By = By.AREA, labels: Sequence[str] | None = None) -> dict[str, list[Sums]]:
    """By label: the sums of each part. Labels without a visit are left out, and visits of stores that nobody knows."""
    return kept(
        ("sums", tuple(parts.starts), by, None if labels is None else tuple(labels)),
        scope, parts.mark, lambda: _sums(scope, parts, by, labels), lambda found: len(found) * len(parts.starts),
    )  # fmt: skip


def _sums(scope: Scope, parts: Parts, by: By, labels: Sequence[str] | None) -> dict[str, list[Sums]]:
    rows = read_joined(
        scope,
        by,
        labels,
        ("visited_at", "completed", "failed", "fetched", "fetch_ms"),
        ("visits", "completed", "failed", "fetched", "fetch_ms"),
        """
        SELECT label, part, sum(visits), sum(tried), sum(failed), sum(fetched), sum(fetch_ms) FROM (
            SELECT label, width_bucket(visited_at, %s::timestamptz[]) AS part, count(*) AS visits,
                sum(completed + failed) AS tried, sum(failed) AS failed, sum(fetched) AS fetched,
                sum(fetch_ms) AS fetch_ms
            FROM visit JOIN place USING (store_id) GROUP BY 1, 2
            UNION ALL
            SELECT label, width_bucket(day, %s::date[]), visits, completed + failed, failed, fetched, fetch_ms FROM kept
        ) each GROUP BY 1, 2
        """,
        [list(parts.starts), parts.days_begin],
    )
    found: dict[str, list[Sums]] = {}
    for label, part, *numbers in rows:
        if label not in found:
            found[label] = [NOTHING] * len(parts.starts)
        found[label][part - 1] = Sums(*map(int, numbers))
    return found


def read_joined(
    scope: Scope, by: By, labels: Sequence[str] | None, columns: Sequence[str], kept_columns: Sequence[str], sql: str,
    parameters: Sequence[Any],
) -> list[Any]:  # fmt: skip
    """The rows of `sql`, which reads `visit`, store id and `columns`, `place`, store id and label, and `kept`: day,
    label and `kept_columns` of the days whose visits are in `DaySum`, and not in `visit`.

    The store master is joined here, by one hash of its ids: as a subquery of the visits it would be looked up a visit,
    and so it might be where it is not read first.
    """
    try:
        places, place_parameters = labelled(scope.stores(), by, labels).query.sql_with_params()
        days = kept_days(scope, Kind.AREA if by is By.AREA else Kind.CATEGORY)
        visits = days.narrowed(scope.visits_to_join())
        of_visits, visit_parameters = visits.values_list("store_id", *columns).query.sql_with_params()
    except EmptyResultSet:
        return []
    of_days, day_parameters = days.sums(*kept_columns)
    return reading.rows(
        f"""
        WITH place (store_id, label) AS MATERIALIZED ({places}),
        visit (store_id, {", ".join(columns)}) AS ({of_visits}),
        day_sum (day, label, {", ".join(kept_columns)}) AS ({of_days}),
        kept AS (SELECT * FROM day_sum WHERE label = ANY(%s) OR %s AND label IS NOT NULL)
        {sql}
        """,  # noqa: S608 - the ORM's own statements, and this package's
        [*place_parameters, *visit_parameters, *day_parameters, list(labels or ()), labels is None, *parameters],
    )
