"""Transactions that read rows in the order of an index, whatever the statistics say.

Where these are from before any image waited, the planner expects to find a single row: then it may take any other index
that is a page lower, or a bitmap, and sort a whole lane for each claim.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Func, TextField, Value

_OFF = [
    "enable_sort",
    "enable_incremental_sort",
    "enable_bitmapscan",
    # Up to PostgreSQL 17 what is off only costs much, and where it cannot be avoided, that cost would call for it.
    "jit",
]


class _Off(Func):
    """Switches one of PostgreSQL's parameters off until the transaction ends."""

    function = "set_config"
    output_field = TextField()

    def __init__(self, name: str) -> None:
        super().__init__(Value(name), Value("off"), Value(True))


# Read along with a row, they count for all statements of the transaction that follow, and cost none of their own.
INDEX_ORDER = tuple(map(_Off, _OFF))


@contextmanager
def index_order() -> Iterator[None]:
    """Such a transaction, for those who have no row to read first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config(name, 'off', true) FROM unnest(%s::text[]) name", [_OFF])
        yield
