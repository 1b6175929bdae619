"""At which hour of the week visits are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.exceptions import EmptyResultSet

from insights import reading
from insights.days import kept_days
from insights.kept import kept
from insights.models import Kind
from insights.scope import Scope

DAYS, HOURS = 7, 24
WEEK_HOURS = DAYS * HOURS
# The first hour of 1970 was a Thursday's.
_FIRST = 3 * HOURS


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """`counts[day][hour]` visits, Monday first, on the clock of INSIGHTS_TIME_ZONE."""

    counts: Sequence[Sequence[int]]

    @property
    def visits(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def most(self) -> int:
        return max(map(max, self.counts))


def hour_of_week(scope: Scope, mark: datetime | None = None) -> HourOfWeek:
    """Of the scope's visits, whatever became of their images; `mark` is the last refresh, for which it is kept."""
    return kept(("hours", settings.INSIGHTS_TIME_ZONE), scope, mark, lambda: _hour_of_week(scope), lambda _: WEEK_HOURS)


def _hour_of_week(scope: Scope) -> HourOfWeek:
    counts = [[0] * HOURS for _ in range(DAYS)]
    try:
        days = kept_days(scope, Kind.HOUR)
        visits = days.narrowed(scope.visits())
        sql, parameters = visits.values_list("visited_at").query.sql_with_params()
    except EmptyResultSet:
        return HourOfWeek(counts)
    of_days, day_parameters = days.sums("visits")
    # One number to group by, and no date to be made: a third of the time of weekday and hour.
    found = reading.rows(
        f"""
        SELECT (floor(date_part('epoch', visited_at AT TIME ZONE %s) / 3600)::int + %s) %% %s, count(*)
        FROM ({sql}) AS visit (visited_at) GROUP BY 1
        UNION ALL
        SELECT (extract(isodow FROM day) * 24 - 24 + label::int)::int, sum(visits)::bigint
        FROM ({of_days}) AS kept (day, label, visits) GROUP BY 1
        """,  # noqa: S608 - the ORM's own statements
        [settings.INSIGHTS_TIME_ZONE, _FIRST, WEEK_HOURS, *parameters, *day_parameters],
    )
    for slot, visits in found:
        # Before 1970 the remainder is negative.
        day, hour = divmod(slot % WEEK_HOURS, HOURS)
        counts[day][hour] += visits
    return HourOfWeek(counts)
