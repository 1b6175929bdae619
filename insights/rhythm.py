"""How often stores are visited: visits per store and week, and visits that were sent twice.

`insights/gaps.py` has the times between visits, `insights/unvisited.py` the stores that nobody visited.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db import connection

from insights.figures import Figure
from insights.periods import Parts, blocks, known
from insights.scope import Scope
from insights.statistics import Blocks, mean

# Repeats are looked for among so many latest visits, and so many are listed.
MOST_LOOKED_AT = 100_000
MOST_REPEATS = 50

_PER_PART = "SELECT width_bucket(visited_at, %s::timestamptz[]), count(*) FROM ({visits}) visit GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Frequency:
    """Visits of a period; `stores` are those of the store master that it is about, visited or not."""

    visits: int
    stores: int
    per_store_week: Figure


@dataclass(frozen=True, slots=True)
class Repeat:
    """Several visits of one store at one instant."""

    store_id: str
    visited_at: datetime
    visits: int


@dataclass(frozen=True, slots=True)
class Repeats:
    """The latest among the `looked_at` latest visits, the first of which was at `since`; `more` are not listed."""

    rows: Sequence[Repeat]
    more: bool
    looked_at: int
    since: datetime | None


def frequency(scope: Scope) -> Frequency:
    """Over all stores that the scope is about, those without a visit among them."""
    stores = scope.stores().count()
    period = known(scope)
    if period is None:
        return Frequency(0, stores, Figure.unknown(0))
    parts = blocks(period)
    visits = visits_per_part(period, parts)
    weeks = [days * stores / 7 for days in parts.days]
    return Frequency(sum(visits), stores, mean(Blocks.of(zip(visits, weeks, strict=True)), sum(visits)))


def visits_per_part(scope: Scope, parts: Parts) -> list[int]:
    """In the order of the parts."""
    counts = [0] * len(parts.starts)
    with suppress(EmptyResultSet), connection.cursor() as cursor:
        visits, parameters = scope.visits().values_list("visited_at").query.sql_with_params()
        cursor.execute(_PER_PART.format(visits=visits), [list(parts.starts), *parameters])
        for part, number in cursor.fetchall():
            counts[part - 1] = number
    return counts


_LATEST = """
    WITH latest AS MATERIALIZED ({visits} ORDER BY visited_at DESC LIMIT %s)
    SELECT store_id, visited_at, count(*), NULL, NULL
    FROM latest GROUP BY store_id, visited_at HAVING count(*) > 1
    UNION ALL
    SELECT NULL, NULL, NULL, count(*), min(visited_at) FROM latest
    ORDER BY 2 DESC NULLS FIRST, 1 LIMIT %s
"""


def repeats(scope: Scope, looked_at: int = MOST_LOOKED_AT) -> Repeats:
    """The visits of one store at the same instant, latest first: the same visit sent twice, or two people at once."""
    try:
        visits, parameters = scope.visits().values_list("store_id", "visited_at").query.sql_with_params()
    except EmptyResultSet:
        return Repeats([], False, 0, None)
    with connection.cursor() as cursor:
        cursor.execute(_LATEST.format(visits=visits), [*parameters, looked_at, MOST_REPEATS + 2])
        (_, _, _, number, since), *found = cursor.fetchall()
    rows = [Repeat(store_id, at, visits) for store_id, at, visits, _, _ in found]
    return Repeats(rows[:MOST_REPEATS], len(rows) > MOST_REPEATS, number, since)
