"""How long a serving process waits for the database to answer.

A server that is frozen, or hangs behind a proxy, keeps its connections open and never answers: no timeout of TCP
notices, and a statement would wait for ever. Commands, on the other hand, may rightly wait for a long statement.
"""

from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import PQGen

_seconds: float | None = None


class TimeoutConnection(psycopg.Connection[Any]):
    """A connection that is given up once one of its statements has gone unanswered for too long."""

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """The driver's place where it waits for the server, for every statement, COPY and COMMIT.

        Raises OperationalError where the patience is over: nobody knows whether the statement was executed.
        """
        if timeout is not None or _seconds is None:
            return super().wait(gen, interval, timeout)
        deadline = monotonic() + _seconds
        try:
            return super().wait(gen, interval, _seconds)
        except psycopg.OperationalError as error:
            if monotonic() < deadline:
                raise
            # Without a word to the server, which would be waited for as well.
            self.pgconn.finish()
            raise psycopg.OperationalError(f"the database has not answered for {_seconds:g} s") from error


def set_statement_timeout(seconds: float | None) -> None:
    """From now on every statement of this process is waited for so long; None is for ever."""
    global _seconds
    _seconds = seconds
