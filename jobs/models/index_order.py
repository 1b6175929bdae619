"""Transactions that read rows in the order of an index, whatever the statistics say.

Where these are from before there were many rows, the planner expects to find a single one: then it may take any other
index that is a page lower, or a bitmap, and sort a whole lane for each claim, or join whole tables for a page.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Case, Func, Q, TextField, Value, When

# Up to PostgreSQL 17 what is off only costs much, and where it cannot be avoided, that cost would call for `jit`.
_NO_SORTS = ["enable_sort", "enable_incremental_sort", "enable_bitmapscan", "jit"]
# A page may be sorted, of rows that an index has found.
_NO_SCANS = ["enable_bitmapscan", "enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"]
_SWITCH_OFF = "SELECT set_config(name, 'off', true) FROM unnest(%s::text[]) name"


class _Off(Func):
    """Switches one of PostgreSQL's parameters off until the transaction ends."""

    function = "set_config"
    output_field = TextField()

    def __init__(self, name: str) -> None:
        super().__init__(Value(name), Value("off"), Value(True))


# Read along with a row, they count for all statements of the transaction that follow, and cost none of their own.
INDEX_ORDER = tuple(map(_Off, _NO_SORTS))


def index_order_where(condition: Q) -> tuple[Case, ...]:
    """INDEX_ORDER where the row is one of these."""
    return tuple(Case(When(condition, then=off)) for off in INDEX_ORDER)


@contextmanager
def index_order() -> Iterator[None]:
    """Such a transaction, for those who have no row to read first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SWITCH_OFF, [_NO_SORTS])
        yield


@contextmanager
def index_look_ups() -> Iterator[CursorWrapper]:
    """A transaction in which an index is followed for as many rows as a statement wants, and joins look rows up."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SWITCH_OFF, [_NO_SCANS])
        yield cursor
        # Not for what comes later in a transaction around it.
        cursor.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in _NO_SCANS))
