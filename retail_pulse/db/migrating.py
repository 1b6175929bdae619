"""How a migration takes its locks while the service runs.

To change a table, a statement first waits for everybody who reads or writes it, and all who come after wait behind it.
So it waits for a short time, lets the others pass, and tries again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

# How long a migration waits for the lock of a table, and everything behind it; and how often it tries.
LOCK_SECONDS = 2.0
TRIES = 15


@contextmanager
def short_lock_waits(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within it, each transaction of a schema editor has LOCK_SECONDS as its `lock_timeout`, and all its time.

    A migration that is no transaction builds or drops indexes concurrently: nobody waits behind it, and a timeout would
    leave an invalid index. Where only a transaction pooler can be reached, it sets nothing: that would hold for others.
    """
    plain: Any = connection.SchemaEditorClass

    class Editor(plain):  # type: ignore[misc]
        def __enter__(self) -> Any:
            entered = super().__enter__()
            of = "LOCAL" if self.atomic_migration else "SESSION"
            if self.atomic_migration or not settings.LEASE_ONLY:
                seconds = settings.LONG_STATEMENT_SECONDS["migration"]
                self.execute(f"SET {of} statement_timeout = {round(seconds * 1000)}")
            if self.atomic_migration:
                self.execute(f"SET LOCAL lock_timeout = {round(LOCK_SECONDS * 1000)}")
            return entered

        def __exit__(self, *error: Any) -> None:
            super().__exit__(*error)
            if not self.atomic_migration and not settings.LEASE_ONLY:
                with self.connection.cursor() as cursor:
                    cursor.execute("RESET statement_timeout")

    connection.SchemaEditorClass = Editor
    try:
        yield
    finally:
        connection.SchemaEditorClass = plain


def until_locked(migrate: Callable[[], object], tries: int = TRIES) -> None:
    """Call it again where it came too late for a lock; what it has applied by then, it finds applied.

    Raises OperationalError after as many tries.
    """
    for left in reversed(range(tries)):
        try:
            migrate()
        except OperationalError as error:
            if not left or not isinstance(error.__cause__, LockNotAvailable):
                raise
        else:
            return
