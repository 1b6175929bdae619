"""How often stores are visited: visits per store and week, and visits that were sent twice.

`insights/gaps.py` has the times between visits, `insights/unvisited.py` the stores that nobody visited.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import EmptyResultSet

from insights import reading
from insights.days import kept_days
from insights.figures import Figure
from insights.hours import DAYS, HOURS, HourOfWeek
from insights.models import Kind
from insights.periods import Parts, blocks, known
from insights.scope import Scope, as_of, start_of, zone
from insights.statistics import Blocks, mean

# Repeats are looked for among so many latest visits, and so many are listed.
MOST_LOOKED_AT = 50_000
MOST_REPEATS = 50

# Days, and with them parts, and hours begin with a quarter of an hour in every time zone: visits are summed by quarters
# in one scan, and the calendar is asked once for each quarter.
_PER_PART_AND_HOUR = """
    WITH quarter AS MATERIALIZED (
        SELECT date_bin('15 minutes', visited_at, '2000-01-01T00:00Z') AS begin, count(*) AS visits
        FROM ({visits}) visit GROUP BY 1
    ), kept (day, label, visits) AS ({days})
    SELECT true, width_bucket(begin, %s::timestamptz[]), sum(visits)::bigint FROM quarter GROUP BY 2
    UNION ALL
    SELECT false, (extract(isodow FROM local) * 24 - 24 + extract(hour FROM local))::int, sum(visits)::bigint
    FROM (SELECT begin AT TIME ZONE %s AS local, visits FROM quarter) dated GROUP BY 2
    UNION ALL
    SELECT true, width_bucket(day, %s::date[]), sum(visits)::bigint FROM kept GROUP BY 2
    UNION ALL
    SELECT false, (extract(isodow FROM day) * 24 - 24 + label::int)::int, sum(visits)::bigint FROM kept GROUP BY 2
"""


@dataclass(frozen=True, slots=True)
class Frequency:
    """Visits of a period until today; `stores` are those of the store master that it is about, visited or not."""

    visits: int
    stores: int
    per_store_week: Figure
    hours: HourOfWeek


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
        return Frequency(0, stores, Figure.unknown(0), _hours({}))
    parts = blocks(period, as_of())
    visits, hours = _per_part_and_hour(period, parts)
    weeks = [days * stores / 7 for days in parts.days]
    per_store_week = mean(Blocks.of(zip(visits, weeks, strict=True)), sum(visits))
    return Frequency(sum(visits), stores, per_store_week, hours)


def _per_part_and_hour(scope: Scope, parts: Parts) -> tuple[list[int], HourOfWeek]:
    """Visits in the order of the parts, and by hour of the week."""
    found: dict[bool, dict[int, int]] = {True: {}, False: {}}
    with suppress(EmptyResultSet):
        days = kept_days(scope, Kind.HOUR)
        visits = days.narrowed(scope.visits())
        visits_sql, of_visits = visits.values_list("visited_at").query.sql_with_params()
        days_sql, of_days = days.sums("visits")
        statement = _PER_PART_AND_HOUR.format(visits=visits_sql, days=days_sql)
        parameters = [*of_visits, *of_days, list(parts.starts), zone().key, parts.days_begin]
        for is_part, place, number in reading.rows(statement, parameters):
            found[is_part][place] = found[is_part].get(place, 0) + number
    return [found[True].get(part, 0) for part in range(1, len(parts.starts) + 1)], _hours(found[False])


def _hours(visits: dict[int, int]) -> HourOfWeek:
    """From the visits of each hour of the week, Monday's first one being 0."""
    return HourOfWeek([[visits.get(HOURS * day + hour, 0) for hour in range(HOURS)] for day in range(DAYS)])


_LATEST = """
    WITH latest AS MATERIALIZED ({visits} ORDER BY visited_at DESC LIMIT %s)
    SELECT store_id, visited_at, count(*), NULL, NULL
    FROM latest GROUP BY store_id, visited_at HAVING count(*) > 1
    UNION ALL
    SELECT NULL, NULL, NULL, count(*), min(visited_at) FROM latest
    ORDER BY 2 DESC NULLS FIRST, 1 LIMIT %s
"""


def _begin_of_latest(scope: Scope, number: int) -> datetime:
    """From when on there are so many visits, or more, by the days that are kept: earlier ones need not be sorted."""
    days = kept_days(scope, Kind.HOUR)
    of_days, parameters = days.sums("visits")
    found = reading.rows(
        f"""
        SELECT day, sum(visits)::bigint FROM ({of_days}) AS kept (day, label, visits) GROUP BY day ORDER BY day DESC
        """,  # noqa: S608 - the ORM's own statement
        parameters,
    )
    for day, visits in found:
        number -= visits
        if number <= 0:
            return start_of(day)
    return scope.begin


def repeats(scope: Scope, looked_at: int = MOST_LOOKED_AT) -> Repeats:
    """The visits of one store at the same instant, latest first: the same visit sent twice, or two people at once."""
    try:
        latest = scope.visits().filter(visited_at__gte=_begin_of_latest(scope, looked_at))
        visits, parameters = latest.values_list("store_id", "visited_at").query.sql_with_params()
    except EmptyResultSet:
        return Repeats([], False, 0, None)
    statement = _LATEST.format(visits=visits)
    (_, _, _, number, since), *found = reading.rows(statement, [*parameters, looked_at, MOST_REPEATS + 2])
    rows = [Repeat(store_id, at, visits) for store_id, at, visits, _, _ in found]
    return Repeats(rows[:MOST_REPEATS], len(rows) > MOST_REPEATS, number, since)
