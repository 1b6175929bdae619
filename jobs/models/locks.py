"""Row locks that Django's `select_for_update` cannot take, and a limit for waiting for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from django.db import OperationalError, connection, connections, transaction
from django.db.models import sql
from django.db.models.sql.compiler import SQLCompiler
from psycopg.errors import LockNotAvailable


class LockTimeout(Exception):
    """A row stayed locked for too long."""


@contextmanager
def lock_timeout(seconds: float) -> Iterator[None]:
    """Wait for each lock for so many seconds at most. Raises LockTimeout; what was done within is then undone."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Undone with the savepoint, or else right behind it.
            cursor.execute(f"SET LOCAL lock_timeout = {round(seconds * 1000)}")
            yield
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise LockTimeout from error


class LocksMixin:
    """For querysets."""

    def for_key_share(self) -> Self:
        """Read rows so that they can be updated meanwhile, and not deleted, until the transaction ends."""
        queryset: Any = self
        locking = queryset._chain()
        locking.query = locking.query.chain(_KeyShareQuery)
        return locking  # type: ignore[no-any-return]


class _KeyShareQuery(sql.Query):
    def get_compiler(self, using: Any = None, connection: Any = None, elide_empty: bool = True) -> Any:
        return _KeyShareCompiler(self, connection or connections[using], using, elide_empty)


class _KeyShareCompiler(SQLCompiler):
    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        text, params = super().as_sql(*args, **kwargs)
        return f"{text} FOR KEY SHARE", params
