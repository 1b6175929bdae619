"""Querysets that are compiled once, for what every image passes through.

Building and compiling a queryset takes the ORM some 300 microseconds, executing it the driver 50. Here only the values
change from one execution to the next, and `Given` stands for them::

    _overdue = Select(lambda: Job.objects.filter(owner=Given("owner")).values_list("pk")[:ANY_NUMBER])
    _overdue(owner=7, limit=10)

They are for settled moves. Whatever a person filters by is an ordinary queryset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from django.db import connections, models, transaction
from django.db.models import sql

from jobs.models.expressions import Given

# Slices a queryset of which `limit` is given with every execution. A prime number that nobody means.
ANY_NUMBER = 2_147_483_629


class Statement:
    """SQL as the ORM compiled it; `execute` puts the values in the places of `Given`."""

    def __init__(self, query: sql.Query, using: str) -> None:
        compiler = query.get_compiler(using)
        text, params = compiler.as_sql()
        limits = text.count(f"LIMIT {ANY_NUMBER}")
        self.using = using
        # The limit comes last among the parameters: nothing that stands behind it takes any.
        self.sql = text.replace(f"LIMIT {ANY_NUMBER}", "LIMIT %s")
        self.params = [*params, *[Given("limit")] * limits]
        self._names = [each.name if isinstance(each, Given) else None for each in self.params]
        self.converters: dict[int, Any] = compiler.get_converters(self._columns(compiler))

    def _columns(self, compiler: Any) -> list[Any]:
        """The expressions whose values are fetched."""
        if (returned := getattr(compiler, "returned_columns", None)) is not None:
            return list(returned)
        return [column for column, *_ in compiler.select] if compiler.select else []

    def execute(self, given: Mapping[str, Any]) -> tuple[int, list[tuple[Any, ...]]]:
        """How many rows were met, and those that were fetched."""
        params = [each if name is None else given[name] for each, name in zip(self.params, self._names, strict=True)]
        connection = connections[self.using]
        with transaction.mark_for_rollback_on_error(using=self.using), connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            rows = cursor.fetchall() if cursor.description else []
            count = cursor.rowcount
        for place, (converters, column) in self.converters.items():
            for convert in converters:
                rows = [(*row[:place], convert(row[place], column, connection), *row[place + 1 :]) for row in rows]
        return count, rows


class Select:
    """Reads what the queryset of `values_list` reads that `build` makes; called with what is `Given`."""

    def __init__(self, build: Callable[[], models.QuerySet[Any, Any]]) -> None:
        self._build = build

    def __call__(self, **given: Any) -> list[tuple[Any, ...]]:
        _, rows = self.statement.execute(given)
        return rows

    @cached_property
    def statement(self) -> Statement:
        queryset = self._build()
        return Statement(queryset.query, queryset.db)


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
        return Statement(query, queryset.db)
