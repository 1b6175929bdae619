"""Rows that a statement reads from, in one parameter: `json_to_recordset('[{"id": 1, …}]') AS row (id bigint, …)`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldError
from django.db import models
from psycopg import Binary
from psycopg.types.json import Json, Jsonb

from jobs.models.expressions import ROW

type AnyField = models.Field[Any, Any]
type AnyRow = Mapping[str, Any]

# What these fields store just as it is, so that `get_db_prep_save` need not be asked for every value. Only of exactly
# these classes: a class made from one of them may convert.
_WHOLE: set[type] = {int, type(None)}
_STORED_AS_THEY_ARE: dict[type[AnyField], set[type]] = {
    models.JSONField: {type(None)},
    models.FloatField: {type(None)},
    models.CharField: {str, type(None)},
    models.TextField: {str, type(None)},
    models.BooleanField: {bool, type(None)},
    models.BigAutoField: _WHOLE,
    models.IntegerField: _WHOLE,
    models.SmallIntegerField: _WHOLE,
    models.BigIntegerField: _WHOLE,
    models.PositiveIntegerField: _WHOLE,
    models.PositiveSmallIntegerField: _WHOLE,
    models.PositiveBigIntegerField: _WHOLE,
    # Of numbers, as all of ours are.
    ArrayField: {list},
}


class GivenRows:
    """`fields` say by name what each row holds, and with it the type of the column."""

    def __init__(self, fields: Mapping[str, AnyField]) -> None:
        self.fields = dict(fields)
        self._columns = [
            (name, field, _STORED_AS_THEY_ARE.get(type(field), set())) for name, field in self.fields.items()
        ]

    def as_sql(self, connection: Any) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(f"{quote(name)} {_type(field, connection)}" for name, field in self.fields.items())
        return f"json_to_recordset(%s) AS {quote(ROW)} ({columns})"

    def as_parameter(self, rows: Iterable[AnyRow], connection: Any) -> str | None:
        """The rows as JSON, each value as its field stores it; None where there are none.

        Raises FieldError for a row that holds more or less than the fields, and TypeError for a value that no JSON
        can hold: a model instance, an expression.
        """
        plain: list[AnyRow] = []
        for row in rows:
            if row.keys() != self.fields.keys():
                raise FieldError(self._odd(row))
            # Of most rows every value is what JSON holds: those need no copy.
            converted = {
                name: _as_json(field, row[name], connection)
                for name, field, as_it_is in self._columns
                if type(row[name]) not in as_it_is and not (str in as_it_is and isinstance(row[name], str))
            }
            plain.append({**row, **converted} if converted else row)
        return json.dumps(plain) if plain else None

    def _odd(self, row: AnyRow) -> str:
        wrong = [f"no {name!r}" for name in self.fields if name not in row]
        wrong += [f"{name!r} that is not asked for" for name in row if name not in self.fields]
        return f"A row has {' and '.join(wrong)}."


def _type(field: AnyField, connection: Any) -> str:
    """What a column definition says of the field: its type, and its collation where it has one."""
    collation = field.db_parameters(connection).get("collation")
    collated = f" COLLATE {connection.ops.quote_name(collation)}" if collation else ""
    return f"{field.cast_db_type(connection)}{collated}"


def _as_json(field: AnyField, value: Any, connection: Any) -> Any:
    """The value as the field stores it, in a form that JSON holds and PostgreSQL reads as the field's type.

    Raises TypeError where there is none.
    """
    if hasattr(value, "resolve_expression") or isinstance(value, models.Model):
        raise TypeError(f"Rows hold plain values; {field.name or 'a field'} is given as {type(value).__name__}.")
    stored = field.get_db_prep_save(value, connection=connection)
    if isinstance(stored, Json | Jsonb):
        # As the field's own encoder writes it.
        return stored.obj if stored.dumps in (None, json.dumps) else json.loads(stored.dumps(stored.obj))
    if isinstance(stored, datetime | date | time):
        return stored.isoformat()
    if isinstance(stored, timedelta):
        return f"{stored.days} days {stored.seconds} seconds {stored.microseconds} microseconds"
    if isinstance(stored, Binary):
        return f"\\x{bytes(stored.obj).hex()}"
    if isinstance(stored, float) and not math.isfinite(stored):
        return str(stored)
    if isinstance(stored, Decimal | UUID):
        return str(stored)
    if stored is None or isinstance(stored, str | int | float):
        return stored
    raise TypeError(f"No JSON holds the {type(stored).__name__} that {field.name or 'a field'} stores.")
