"""Querysets that are compiled once, for what every image passes through.

Building and compiling a queryset takes the ORM some 300 microseconds, executing it the driver 50. Here only the values
change from one execution to the next, and `Given` is their placeholder::

    _jobs_of = Select(lambda: Job.objects.filter(owner=Given("owner")).values_list("pk")[:ANY_NUMBER])
    _jobs_of(owner=7, limit=10)

They are for the fixed moves of the queue. What a person filters by is an ordinary queryset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db import connections, models, transaction
from django.db.models import sql

from jobs.models.expressions import FOUND, ROW, Found, FromRow, Given
from jobs.models.given_rows import AnyField, AnyRow, GivenRows

# Slices a queryset whose limit comes with every execution: as `limit=`, or from the row of a `SelectForEach`.
ANY_NUMBER = 2_147_483_629
_LIMIT = f"LIMIT {ANY_NUMBER}"


class Statement:
    """SQL with the places of what is `Given` among its parameters; `converters` as the ORM's compiler has them."""

    def __init__(self, text: str, params: Sequence[Any], using: str, converters: Mapping[int, Any]) -> None:
        self.using = using
        # The limit comes last among the parameters: nothing that is written behind it takes any.
        self.sql = text.replace(_LIMIT, "LIMIT %s")
        self.params = [*params, *[Given("limit")] * text.count(_LIMIT)]
        self._names = [each.name if isinstance(each, Given) else None for each in self.params]
        self._converters = converters

    @classmethod
    def of(cls, query: sql.Query, using: str) -> Statement:
        """What the ORM compiles the query to. Raises EmptyResultSet where it can find nothing."""
        compiler: Any = query.get_compiler(using)
        text, params = compiler.as_sql()
        columns = getattr(compiler, "returned_columns", None) or [column for column, *_ in compiler.select or []]
        return cls(text, params, using, compiler.get_converters(columns))

    def bound(self, given: Mapping[str, Any]) -> list[Any]:
        """The parameters with the values given."""
        return [each if name is None else given[name] for each, name in zip(self.params, self._names, strict=True)]

    def execute(self, given: Mapping[str, Any]) -> tuple[int, list[tuple[Any, ...]]]:
        """How many rows it met, and those that it answers with."""
        connection = connections[self.using]
        with transaction.mark_for_rollback_on_error(using=self.using), connection.cursor() as cursor:
            cursor.execute(self.sql, self.bound(given))
            rows = cursor.fetchall() if cursor.description else []
            count = cursor.rowcount
        for place, (converters, column) in self._converters.items():
            for convert in converters:
                rows = [(*row[:place], convert(row[place], column, connection), *row[place + 1 :]) for row in rows]
        return count, rows


class Select:
    """Reads what the queryset does that `build` makes, one of `values_list`; called with what is `Given`."""

    def __init__(self, build: Callable[[], models.QuerySet[Any, Any]]) -> None:
        self._build = build

    def __call__(self, **given: Any) -> list[tuple[Any, ...]]:
        _, rows = self.statement.execute(given)
        return rows

    @cached_property
    def statement(self) -> Statement:
        queryset = self._build()
        return Statement.of(queryset.query, queryset.db)


class Update:
    """Does what `build().update(**values)` does; called with what is `Given`, it returns how many rows it updated."""

    def __init__(self, build: Callable[[], models.QuerySet[Any]], **values: Any) -> None:
        self._build = build
        self._values = values

    def __call__(self, **given: Any) -> int:
        count, _ = self.statement.execute(given)
        return count

    @cached_property
    def statement(self) -> Statement:
        queryset = self._build()
        query: Any = queryset.query.chain(sql.UpdateQuery)
        query.add_update_values(self._values)
        return Statement.of(query, queryset.db)


class SelectForEach:
    """For each of several rows what a queryset of `values_list` finds that asks for the row's values: a LATERAL join.

    `holds` says by name what the rows hold, and `build` makes the queryset of these, as expressions. Where it is sliced
    by `ANY_NUMBER`, each row holds its `limit`.
    """

    def __init__(self, build: Callable[[Mapping[str, FromRow]], models.QuerySet[Any, Any]], **holds: AnyField) -> None:
        self._build = build
        self._rows = GivenRows(holds)

    def __call__(self, rows: Iterable[AnyRow], **given: Any) -> list[tuple[Any, ...]]:
        holding = self.holding(rows)
        if holding is None:
            return []
        _, found = self.statement.execute({**given, ROW: holding})
        return found

    def holding(self, rows: Iterable[AnyRow]) -> str | None:
        """The rows in one parameter; None where there are none."""
        return self._rows.as_parameter(rows, connections[self.statement.using])

    @cached_property
    def statement(self) -> Statement:
        queryset = self._build({name: FromRow(name, field) for name, field in self._rows.fields.items()})
        connection = connections[queryset.db]
        compiler: Any = queryset.query.get_compiler(queryset.db)
        text, params = compiler.as_sql()
        quote = connection.ops.quote_name
        text = text.replace(_LIMIT, f"LIMIT {quote(ROW)}.{quote('limit')}")
        return Statement(
            f"SELECT found.* FROM {self._rows.as_sql(connection)}, LATERAL ({text}) found",  # noqa: S608 - from the ORM
            [Given(ROW), *params],
            queryset.db,
            compiler.get_converters([column for column, *_ in compiler.select]),
        )


class UpdateForEach:
    """Updates alike what a `SelectForEach` of primary keys finds, and returns fields of each row updated.

    It is looked for once, and before anything is updated: within an UPDATE, the planner may look for "the next one"
    again and again, and so update all.
    """

    def __init__(
        self, select: SelectForEach, model: type[models.Model], returning: Sequence[str], **values: Any
    ) -> None:
        self._select = select
        self._model = model
        self._returning = returning
        self._values = values

    def __call__(self, rows: Iterable[AnyRow], **given: Any) -> list[tuple[Any, ...]]:
        holding = self._select.holding(rows)
        if holding is None:
            return []
        _, found = self.statement.execute({**given, ROW: holding})
        return found

    @cached_property
    def statement(self) -> Statement:
        select = self._select.statement
        update = Update(lambda: self._model._default_manager.filter(pk__any=Found()), **self._values).statement
        columns: list[Any] = [self._model._meta.get_field(name) for name in self._returning]
        quote = connections[select.using].ops.quote_name
        returned = ", ".join(quote(each.column) for each in columns)
        return Statement(
            f"WITH {quote(FOUND)} AS MATERIALIZED ({select.sql}) {update.sql} RETURNING {returned}",
            [*select.params, *update.params],
            select.using,
            {},
        )


class SelectValues:
    """The different values of a column behind one of them, each by one step in an index (a loose index scan).

    However many rows share a value, one is read. `build` makes a queryset, and an index must begin with the field.
    """

    def __init__(self, build: Callable[[], models.QuerySet[Any]], field: str) -> None:
        self._build = build
        self._field = field

    def __call__(self, after: Any, limit: int) -> list[Any]:
        """At most `limit` of them, in their order."""
        _, rows = self.statement.execute({"after": after, "limit": limit})
        return [value for (value,) in rows]

    @cached_property
    def statement(self) -> Statement:
        queryset = self._build()
        first, first_params = self._step(queryset, Given("after"))
        following, params = self._step(queryset, FromRow("value", queryset.model._meta.get_field(self._field)))
        row = connections[queryset.db].ops.quote_name(ROW)
        return Statement(
            f"WITH RECURSIVE {row} (value) AS ("  # noqa: S608 - from the ORM
            f"({first}) UNION ALL SELECT ({following}) FROM {row} WHERE {row}.value IS NOT NULL"
            f") SELECT value FROM {row} WHERE value IS NOT NULL {_LIMIT}",
            [*first_params, *params],
            queryset.db,
            {},
        )

    def _step(self, queryset: models.QuerySet[Any], after: Any) -> tuple[str, Sequence[Any]]:
        behind = queryset.filter(**{f"{self._field}__gt": after}).order_by(self._field)
        text, params = behind.values(self._field)[:1].query.get_compiler(queryset.db).as_sql()
        return text, params
