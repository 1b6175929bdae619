"""How long a serving process waits for the database to answer.

A server that is frozen, or hangs behind a proxy, keeps its connections open and never answers: no TCP timeout
applies, and a statement would wait for ever. Commands, on the other hand, may have to wait for a long statement.
"""

from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import PQGen

_seconds: float | None = None


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that is closed once one of its statements has gone unanswered for too long."""

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Where the driver waits for the server: for every statement, COPY and COMMIT.

        Raises OperationalError on a timeout: whether the statement was executed is then unknown.
        """
        if timeout is not None or _seconds is None:
            return super().wait(gen, interval, timeout)
        deadline = monotonic() + _seconds
        try:
            return super().wait(gen, interval, _seconds)
        except psycopg.OperationalError as error:
            if monotonic() < deadline:
                raise
            # Without telling the server, because that would wait for it too.
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the database has not answered for {_seconds:g} s") from error


def set_statement_timeout(seconds: float | None) -> None:
    """From now on every statement of this process times out after `seconds`; None is never."""
    global _seconds
    _seconds = seconds
