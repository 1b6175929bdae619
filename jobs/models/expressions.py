"""What PostgreSQL can say and Django's ORM cannot, each as a small expression or lookup."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldError
from django.db.models import BooleanField, DateTimeField, DurationField, Expression, Field, Func, Lookup

# The name under which a statement knows the rows that were given to it.
ROW = "row"
# The name of what a statement has looked for first.
FOUND = "found"


@Field.register_lookup
class AnyOf(Lookup):
    """`id__any=[1, 2]`: what `id__in` means, with the values in one array: one parameter, however many they are."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} = ANY ({right})", (*left_params, *right_params)


class Given(Expression):
    """A value that is given each time a compiled queryset is executed, see `compiled.py`."""

    allowed_default = False

    def __init__(self, name: str, output_field: Field[Any, Any] | None = None) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class Found(Expression):
    """The primary keys that a statement has looked for first, see `UpdateForEach`."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        # As an array, so that each is looked up by its index, however many rows the planner expects here.
        return f"ARRAY(SELECT * FROM {connection.ops.quote_name(FOUND)})", ()  # noqa: S608 - a constant


class FromRow(Expression):
    """A value of the row that a statement was given, see `update_from.py`; its type is that of the row's field."""

    def __init__(self, name: str, output_field: Field[Any, Any] | None = None) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> FromRow:
        resolved: Any = super().resolve_expression(query, *args, **kwargs)
        if resolved._output_field_or_none is None:
            fields: dict[str, Field[Any, Any]] = getattr(query, "row_fields", {})
            if self.name not in fields:
                raise FieldError(f"The rows hold no {self.name!r}. They hold: {', '.join(fields) or 'nothing'}.")
            resolved = FromRow(self.name, fields[self.name])
        found: FromRow = resolved
        return found

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        quote = connection.ops.quote_name
        return f"{quote(ROW)}.{quote(self.name)}", ()


class Behind(Func):
    """Whether a row comes after a place in an order: `(rank, id) > (1.5, 7)`, where one index scan begins.

    First the columns, then as many values.
    """

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        parts = [compiler.compile(each) for each in self.source_expressions]
        sides = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        left, right = (", ".join(sql for sql, _ in side) for side in sides)
        return f"({left}) > ({right})", tuple(value for _, params in parts for value in params)


class ClockTimestamp(Func):
    """The moment itself. `Now` is when the statement began, before it waited for any lock."""

    template = "clock_timestamp()"
    output_field = DateTimeField()


class Seconds(Func):
    """A number of seconds as a duration."""

    template = "make_interval(secs => %(expressions)s)"
    arity = 1
    output_field = DurationField()


class IsTrue(Func):
    """A condition that holds for each row by itself: the planner makes no join of a subquery in it.

    The subquery's rows are put into a set once, in which each row is looked up, whatever the statistics say of them.
    """

    template = "(%(expressions)s) IS TRUE"
    output_field = BooleanField()
