"""Files that are made while they are read from the database, chunk by chunk, within EXPORT_SECONDS.

Neither side holds more than a few rows in memory, and a snapshot that slows the queue down ends in time.
"""

import io
import logging
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from socket import SHUT_RDWR, socket
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection

from retail_pulse.db.timeouts import longer

logger = logging.getLogger(__name__)

CHUNK_BYTES = 64 * 2**10
# PostgreSQL, appendix A: query canceled.
STATEMENT_TIMEOUT = "57014"


class ExportTooLong(OperationalError):
    """An export has held its snapshot for as long as one may; `what` as in `job 17`."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            f"The export of {what} was broken off after EXPORT_SECONDS ({seconds:g} s), because its snapshot "
            "slows the queue down: export parts of it by a filter, or raise EXPORT_SECONDS."
        )


class Chunks:
    """Iterates over the chunks of a file, of which the first is made on creation.

    So an unreachable database raises here, before a response has begun. From then on the database connection is in
    use, until the end, an error, or `close`, which WSGI servers call when the client has disconnected.
    """

    def __init__(self, chunks: Generator[bytes]) -> None:
        self._chunks = chunks
        self._first: bytes | None = next(self._chunks, b"")

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._chunks)

    def close(self) -> None:
        self._chunks.close()


def chunks(lines: Iterable[str], rows: Generator[Any]) -> Generator[bytes]:
    """The lines together, in chunks of about CHUNK_BYTES; `rows` is what they are made of, and reads the database."""
    is_within = connection.in_atomic_block
    try:
        pending = io.StringIO()
        for line in lines:
            pending.write(line)
            if pending.tell() >= CHUNK_BYTES:
                yield pending.getvalue().encode()
                pending = io.StringIO()
        yield pending.getvalue().encode()
    finally:
        # First, because an export that is given up is still in the midst of them.
        rows.close()
        # Within a transaction the connection belongs to the code that began it.
        if not is_within:
            connection.close()


@contextmanager
def limited(what: str) -> Iterator[Callable[[psycopg.Connection[Any]], AbstractContextManager[None]]]:
    """A transaction of at most EXPORT_SECONDS. Within it, what is given back is entered for as long as rows are read.

    Raises ExportTooLong where it takes longer.
    """
    seconds = settings.LONG_STATEMENT_SECONDS["export"]
    deadline = monotonic() + seconds
    try:
        with longer("export"), connection.wrap_database_errors:
            yield partial(_hung_up_after, seconds)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == STATEMENT_TIMEOUT or monotonic() >= deadline:
            logger.warning("export broken off", extra={"export_of": what, "seconds": seconds})
            raise ExportTooLong(what, seconds) from error
        raise


@contextmanager
def _hung_up_after(seconds: float, connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Where the block takes longer, the connection breaks.

    The server does not end a statement while it waits for a reader, and a reader who waits does not look at the clock.
    """

    def hang_up() -> None:
        with socket(fileno=os.dup(connection.fileno())) as same, suppress(OSError):
            same.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
