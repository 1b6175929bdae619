"""How long a serving process waits for the database to answer, and how long the database works for it.

The server breaks off a statement that takes too long (`statement_timeout`). Whether the server is there at all, only
the client can tell: one that is frozen, or hangs behind a proxy, keeps its connections open and never answers; no TCP
timeout applies. So the client gives up a little later, and tells the server to break off what it may still be doing.
Commands, on the other hand, may have to wait for a long statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Self

import psycopg
from django.conf import settings
from django.db import connection, transaction
from psycopg import capabilities
from psycopg.abc import PQGen

# Of the client's time, so that a living server is the first to end a statement: then its connection stays usable.
SERVER_SHARE = 0.9
# How long the server may take to accept a cancel; a frozen one does not listen.
CANCEL_SECONDS = 0.5

_seconds: float | None = None


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that is closed once one of its statements has gone unanswered for too long."""

    longer: float | None = None
    """Seconds instead of the process's, see `longer`."""

    @classmethod
    def connect(cls, conninfo: str = "", **parameters: Any) -> Self:
        """As psycopg's; with the server's own limit, except through a pooler, which would refuse the option."""
        if _seconds is not None and not settings.DATABASE_HAS_POOLER:
            parameters["options"] = with_server_limit(parameters.get("options", ""))
        return super().connect(conninfo, **parameters)

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Where the driver waits for the server: for every statement, COPY and COMMIT.

        Raises OperationalError on a timeout: whether the statement was executed is then unknown.
        """
        seconds = self.longer or _seconds
        if timeout is not None or seconds is None:
            return super().wait(gen, interval, timeout)
        deadline = monotonic() + seconds
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError as error:
            if monotonic() < deadline:
                raise
            if capabilities.has_cancel_safe():
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=CANCEL_SECONDS)
            # Without a farewell, because that would wait for the server too.
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the database has not answered for {seconds:g} s") from error


def set_statement_timeout(seconds: float | None) -> None:
    """From now on every statement of this process times out after `seconds`; None is never.

    Connections that are already open have only the client's limit.
    """
    global _seconds
    _seconds = seconds


def with_server_limit(options: str) -> str:
    """Connection options with this process's `statement_timeout`; those given take precedence."""
    limit = "" if _seconds is None else f"-c statement_timeout={_milliseconds(_seconds)}"
    return f"{limit} {options}".strip()


@contextmanager
def longer(operation: str) -> Iterator[None]:
    """A transaction whose statements may take as long as LONG_STATEMENT_SECONDS says by the operation's name."""
    seconds = settings.LONG_STATEMENT_SECONDS[operation]
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Local to the transaction: behind a pooler, the session is everybody's.
            cursor.execute(f"SET LOCAL statement_timeout = {_milliseconds(seconds)}")
        ours = connection.connection
        before = getattr(ours, "longer", None)
        if isinstance(ours, TimeoutConnection):
            ours.longer = seconds
        try:
            yield
        finally:
            if isinstance(ours, TimeoutConnection):
                ours.longer = before


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * SERVER_SHARE * 1000))
