"""The rows of a report: sums of visits by area, category, group, store, week or photo host.

One statement computes all rows and their total, so that they agree. It first sums each row's visits by blocks of days,
by which the rates' intervals go (`insights/statistics.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from insights import reading
from insights.days import Days, kept_days
from insights.figures import Figure
from insights.models import Dimension, Kind, Measure, Period, Report, VisitSummaryQuerySet
from insights.periods import blocks, known
from insights.scope import Scope, day_of, start_of, today, zone
from insights.statistics import Blocks, mean, rate
from insights.visited import visited_stores
from stores.models import Store, StoreGroup

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# Of a statement and its parameters, the rows.
type Execute = Callable[[str, Sequence[Any]], Iterable[tuple[Any, ...]]]

# Of a report by store, at most: a million stores of the store master.
MOST_ROWS = 1_000_000
# Groups of a report by group, in the order of their names.
MOST_GROUPS = 50

_SUMS = {
    Measure.VISITS: "count(*)",
    Measure.IMAGES: "sum(images)",
    Measure.COMPLETED: "sum(completed)",
    Measure.FAILED: "sum(failed)",
    Measure.UNPROCESSED: "sum(unprocessed)",
}
# A ratio's total and its size, of each visit; and of a day's visits in `DaySum`, with how many visits have a size.
_RATIOS = {
    Measure.FAILURE_RATE: ("failed", "completed + failed"),
    Measure.FETCH_MS: ("fetch_ms", "fetched"),
    Measure.TURNAROUND: ("turnaround", "CASE WHEN turnaround IS NOT NULL THEN 1 END"),
}
_DAY_RATIOS = {
    Measure.FAILURE_RATE: ("failed", "completed + failed", "tried_visits"),
    Measure.FETCH_MS: ("fetch_ms", "fetched", "fetched_visits"),
    Measure.TURNAROUND: ("turnaround_us / 1e6", "timed_visits", "timed_visits"),
}
_DAY_COLUMNS = (
    *(measure.value for measure in _SUMS), "fetched", "fetch_ms", "tried_visits", "fetched_visits", "timed_visits",
    "turnaround_us",
)  # fmt: skip
# The label of a row, of a visit and its store. Null where the store master does not have the store.
_KEYS = {
    Dimension.AREA: "store.area_code",
    Dimension.CATEGORY: "CASE WHEN store.id IS NOT NULL THEN coalesce(category.name, '') END",
    Dimension.GROUP: "member.name",
    Dimension.STORE: "visit.store_id",
    Dimension.WEEK: "date_trunc('week', visited_at AT TIME ZONE %s)::date::text",
    Dimension.HOST: "visit.host",
}
_OF_STORE = "LEFT JOIN stores_store store ON store.store_id = visit.store_id"
_JOINS = {
    Dimension.AREA: _OF_STORE,
    Dimension.CATEGORY: f"{_OF_STORE} LEFT JOIN stores_category category ON category.id = store.category_id",
    Dimension.GROUP: "JOIN member ON member.store_id = visit.store_id",
}


# What a row is called whose label is missing or empty; in brackets, as no such code of a store master would be.
_UNKNOWN = "(not in the store master)"
_EMPTY = {Dimension.CATEGORY: "(uncategorised)", Dimension.HOST: "(no host)"}


class TooManyRows(Exception):
    """The report has more than MOST_ROWS rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """`key` is the row's label, None of stores that the store master does not have; `name` is a store's.

    `values` are numbers and figures by measure: ms for downloads, seconds for turnarounds.
    """

    key: str | None
    name: str | None
    values: dict[Measure, int | Figure]


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of a report's rows; `number` is how many it has in all.

    `total` is of all visits of the report, None for a report by groups: a store may be in several, or in none.
    """

    rows: Sequence[Row]
    number: int
    total: Row | None


def days_of(report: Report) -> tuple[date, date]:
    """The first and the last day, as the calendar stands in INSIGHTS_TIME_ZONE."""
    if report.period == Period.FIXED and report.since and report.until:
        return report.since, report.until
    until = today()
    if report.period == Period.MONTH:
        until = until.replace(day=1) - timedelta(days=1)
        return until.replace(day=1), until
    return until - timedelta(days=7 * report.weeks - 1), until


def scope_of(report: Report, user: User | AnonymousUser | None) -> Scope:
    """Its visits, among those that `user` may see."""
    since, until = days_of(report)
    return Scope(user, since, until, report.area, report.category, report.group, report.store)


def label(dimension: Dimension, key: str | None) -> str:
    """What a row is called."""
    return _UNKNOWN if key is None else key or _EMPTY.get(dimension, "")


# In the collation of the store master's index, which could not be used else.
_STORE = 'LEFT JOIN stores_store store ON store.store_id = key COLLATE "default"'


def rows(report: Report, user: User | AnonymousUser | None, start: int = 0, limit: int = 100) -> Rows:
    """In the order of their labels, at most `limit` after the first `start`. Raises TooManyRows."""
    if report.dimension == Dimension.STORE:
        return _rows_by_store(report, user, start, limit)
    found = list(_read(reading.rows, report, user, start, limit))
    total = next((row for row, _, is_total in found if is_total), None)
    listed = [row for row, _, is_total in found if not is_total]
    return Rows(listed, found[0][1] if found else 0, None if report.dimension == Dimension.GROUP else total)


def _rows_by_store(report: Report, user: User | AnonymousUser | None, start: int, limit: int) -> Rows:
    """As `rows`: of the stores of this part alone the visits are read, the total by days, as one of its areas."""
    columns = [Measure(column) for column in report.columns]
    scope = known(scope_of(report, user))
    if scope is None:
        return Rows([], 0, None)
    number, stores = visited_stores(scope, start, limit)
    _check(number)
    part = scope.of_all_stores.visits().filter(store_id__any=stores)
    found = _lines(_execute, columns, _statement(scope, Dimension.STORE, columns, part), 0, limit)
    by = Dimension.AREA if scope.category is None else Dimension.CATEGORY
    totals = _lines(reading.rows, columns, _statement(scope, by, columns), 0, 0) if number else iter(())
    return Rows(
        [row for row, _, is_total in found if not is_total],
        number,
        next((row for row, _, is_total in totals if is_total), None),
    )


def _execute(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def every_row(report: Report, user: User | AnonymousUser | None) -> Iterator[Row]:
    """Within a transaction: one after the other, few of them in memory. Raises TooManyRows before the first."""
    with connection.chunked_cursor() as cursor:

        def execute(statement: str, parameters: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
            # Where the planner knows of no rows, it would compare all visits with all stores.
            with connection.cursor() as other:
                other.execute("SET LOCAL enable_nestloop = off")
            cursor.execute(statement, parameters)
            return cursor

        yield from (row for row, _, is_total in _read(execute, report, user, 0, MOST_ROWS) if not is_total)


def _read(
    execute: Execute, report: Report, user: User | AnonymousUser | None, start: int, limit: int
) -> Iterator[tuple[Row, int, bool]]:
    """Rows, each with the number of all and whether it is the total, which comes first."""
    columns = [Measure(column) for column in report.columns]
    scope = known(scope_of(report, user))
    if scope is None:
        return
    with suppress(EmptyResultSet):
        yield from _lines(execute, columns, _statement(scope, Dimension(report.dimension), columns), start, limit)


def _lines(
    execute: Execute, columns: Sequence[Measure], statement: tuple[str, list[Any]], start: int, limit: int
) -> Iterator[tuple[Row, int, bool]]:
    sql, parameters = statement
    for is_total, number, key, name, *sums in execute(sql, [*parameters, start + 2, start + limit + 1]):
        _check(number)
        yield Row(key, name, _values(columns, sums)), number, bool(is_total)


def _check(number: int) -> None:
    if number > MOST_ROWS:
        raise TooManyRows(f"The report has {number:,} rows, and may have {MOST_ROWS:,}: narrow it.")


def _values(columns: Sequence[Measure], sums: Sequence[Any]) -> dict[Measure, int | Figure]:
    values: dict[Measure, int | Figure] = {}
    left = iter(sums)
    for column in columns:
        if column in _SUMS:
            values[column] = int(next(left))
        else:
            found = Blocks(*(next(left) or 0 for _ in fields(Blocks)))
            values[column] = rate(found) if column is Measure.FAILURE_RATE else mean(found)
    return values


def _statement(
    scope: Scope, dimension: Dimension, columns: Sequence[Measure], of_scope: VisitSummaryQuerySet | None = None
) -> tuple[str, list[Any]]:
    """The statement but for its last two parameters, the places of the first row and of the last one, from 2 on.

    It is of the scope's visits, or of some of them.
    """
    days = _days(scope, dimension)
    of_scope = scope.visits() if of_scope is None else of_scope
    visits, of_visits = (days.narrowed(of_scope) if days else of_scope).query.sql_with_params()
    cells, totals, lines = _aggregates(columns)
    starts = _starts(scope, dimension)
    of_days: tuple[Any, ...] = ()
    union = ""
    if days:
        sums, of_sums = days.sums(*_DAY_COLUMNS)
        key = "date_trunc('week', day)::date::text" if dimension is Dimension.WEEK else "label"
        union = f"""
            UNION ALL SELECT ({key}) COLLATE "C", width_bucket(day, %s::date[]), 0{"".join(_of_days(columns))}
            FROM ({sums}) AS kept (day, label, {", ".join(_DAY_COLUMNS)})
        """  # noqa: S608 - as below
        of_days = [day_of(start) for start in starts], *of_sums
    members, of_members = _members() if dimension is Dimension.GROUP else ("", ())
    is_by_store = dimension is Dimension.STORE
    statement = f"""
        WITH {members} keyed AS (
            SELECT ({_KEYS[dimension]}) COLLATE "C" AS key,
                width_bucket(visited_at, %s::timestamptz[]) AS block, visit.*
            FROM ({visits}) visit {_JOINS.get(dimension, "")}
        ), cell AS MATERIALIZED (
            SELECT key, block, 0 AS is_total{_summed(columns)} FROM (
                SELECT key, block, 0{"".join(cells)} FROM keyed GROUP BY key, block {union}
            ) AS part (key, block, is_total{"".join(f", {name}" for name in _cell_names(columns))}) GROUP BY key, block
        ), line AS (
            SELECT key, is_total{"".join(lines)}
            FROM (
                SELECT * FROM cell
                UNION ALL SELECT NULL, block, 1{"".join(totals)} FROM cell GROUP BY block
            ) every_cell
            GROUP BY key, is_total
        ), placed AS (
            SELECT line.*, row_number() OVER (ORDER BY is_total DESC, key NULLS LAST) AS place,
                count(*) OVER () - 1 AS number
            FROM line
        )
        SELECT is_total, number, key, {"store.name" if is_by_store else "NULL"}, {", ".join(_outputs(columns))}
        FROM placed {_STORE if is_by_store else ""}
        WHERE place = 1 OR place BETWEEN %s AND %s
        ORDER BY place
    """  # noqa: S608 - made of what is written here, and of the ORM's own statements
    of_key = [zone().key] if dimension is Dimension.WEEK else []
    return statement, [*of_members, *of_key, list(starts), *of_visits, *of_days]


def _days(scope: Scope, dimension: Dimension) -> Days | None:
    """What is kept of the rows' sums, if anything is kept by this dimension."""
    if dimension is Dimension.WEEK:
        kind = Kind.AREA if scope.area is not None else Kind.CATEGORY if scope.category is not None else Kind.HOUR
        return kept_days(scope, kind)
    return kept_days(scope, Kind(dimension.value)) if dimension.value in Kind.values else None


def _cell_names(columns: Sequence[Measure]) -> list[str]:
    """The sums of a row's visits in one block."""
    return [
        name
        for column in columns
        for name in ([column.value] if column in _SUMS else [f"{column}_{part}" for part in ("total", "size", "seen")])
    ]


def _summed(columns: Sequence[Measure]) -> str:
    return "".join(f", sum({name}) AS {name}" for name in _cell_names(columns))


def _of_days(columns: Sequence[Measure]) -> list[str]:
    """These sums, of a day's."""
    return [
        f", {column}" if column in _SUMS else "".join(f", ({each})::float8" for each in _DAY_RATIOS[column])
        for column in columns
    ]


def _aggregates(columns: Sequence[Measure]) -> tuple[list[str], list[str], list[str]]:
    """What is summed of each row's blocks, of those of the total, and then of each row."""
    cells, totals, lines = [], [], []
    for column in columns:
        if column in _SUMS:
            cells.append(f", {_SUMS[column]} AS {column}")
            totals.append(f", sum({column})")
            lines.append(f", sum({column}) AS {column}")
            continue
        total, size = f"{column}_total", f"{column}_size"
        of_visit = zip((total, size), _RATIOS[column], strict=True)
        cells.extend(f", coalesce(sum(({each})::float8), 0) AS {name}" for name, each in of_visit)
        cells.append(f", count(*) FILTER (WHERE ({_RATIOS[column][1]}) > 0)::float8 AS {column}_seen")
        totals.append(f", sum({total}), sum({size}), sum({column}_seen)")
        sums = (f"count(*) FILTER (WHERE {size} > 0)", *(f"sum({each})" for each in (
            size, total, f"{total} * {total}", f"{total} * {size}", f"{size} * {size}",
            f"{column}_seen")))  # fmt: skip
        lines.extend(f", {each} AS {name}" for name, each in zip(_names(column), sums, strict=True))
    return cells, totals, lines


def _outputs(columns: Sequence[Measure]) -> list[str]:
    return [name for column in columns for name in ([column.value] if column in _SUMS else _names(column))]


def _names(column: Measure) -> list[str]:
    return [f"{column}_{field.name}" for field in fields(Blocks)]


def _starts(scope: Scope, dimension: Dimension) -> Sequence[datetime]:
    """Of the blocks: a week is made of days."""
    if dimension is Dimension.WEEK:
        return [start_of(scope.since + timedelta(days=number)) for number in range(scope.days)]
    return blocks(scope, None).starts


def _members() -> tuple[str, list[Any]]:
    """(group's name, store's id) of every store of the first groups, as the beginning of a WITH."""
    parts, parameters = [], []
    for group_id, name in StoreGroup.objects.order_by("name").values_list("pk", "name")[:MOST_GROUPS]:
        with suppress(EmptyResultSet):
            stores, given = Store.objects.in_group(group_id).values_list("store_id").query.sql_with_params()
            parts.append(f"SELECT %s::text AS name, store_id FROM ({stores}) of_group")  # noqa: S608 - as above
            parameters += [name, *given]
    if not parts:
        raise EmptyResultSet
    return f"member AS ({' UNION ALL '.join(parts)}),", parameters
