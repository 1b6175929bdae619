"""Bodies of requests as they arrive: kept until they are whole, so that no thread waits for a client to send."""

from __future__ import annotations

import heapq
import re
import time
from collections import Counter
from itertools import count
from math import inf
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from retail_pulse.web.connection import Connection

# Of one body in memory; a longer one goes to a temporary file.
MEMORY_BYTES = 64 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*+([0-9]{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_IS_CODED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
# The client waits for an answer to it before it sends a body.
_EXPECTS_SOMETHING_ELSE = re.compile(rb"\r\nexpect:[ \t]*+(?!100-continue[ \t]*\r\n)", re.IGNORECASE)


def length_to_wait_for(head: bytes) -> int:
    """Bytes of the body to wait for: none of one that the service refuses unread.

    That is a body in chunks, or of more than MAX_BODY_BYTES, or one behind an Expect that nobody can meet. A malformed
    head is the parser's to refuse.
    """
    lengths = _LENGTH.findall(head)
    is_refused = _IS_CODED.search(head) or _EXPECTS_SOMETHING_ELSE.search(head)
    if len(lengths) != 1 or is_refused or int(lengths[0]) > settings.MAX_BODY_BYTES:
        return 0
    return int(lengths[0])


class Body:
    """What there is of a body of `length` bytes; it begins to arrive now."""

    def __init__(self, length: int) -> None:
        self.missing = length
        self.received = self.taken = 0
        self._began = time.monotonic()
        self._kept = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - closed with the request

    @property
    def must_end_by(self) -> float:
        """The moment of the monotonic clock at which it has fallen behind its pace."""
        pace = settings.WEB_BODY_BYTES_PER_SECOND
        return self._began + min(settings.WEB_BODY_SECONDS + self.received / pace, settings.WEB_REQUEST_SECONDS)

    def add(self, data: bytes) -> None:
        """Raises OSError where there is no room for it."""
        self._kept.write(data)
        self.received += len(data)
        self.missing -= len(data)

    def rewind(self) -> None:
        self._kept.seek(0)

    def read(self, size: int) -> bytes:
        data = self._kept.read(size)
        self.taken += len(data)
        return data

    def close(self) -> None:
        self._kept.close()


class ArrivingBodies:
    """Connections that wait for the rest of a body, each as long as the body keeps its pace."""

    def __init__(self) -> None:
        self._bodies: dict[Connection, Body] = {}
        # By the moment at which each is looked at again. Those whose body has ended meanwhile are left out then.
        self._looks: list[tuple[float, int, Connection, Body]] = []
        self._numbers = count()
        self._last = inf

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._bodies

    def first(self) -> Connection | None:
        """The one that has waited longest."""
        return next(iter(self._bodies), None)

    def add(self, connection: Connection, body: Body) -> None:
        self._bodies[connection] = body
        self._look_again(connection, body)

    def remove(self, connection: Connection) -> None:
        del self._bodies[connection]

    def end_by(self, moment: float) -> None:
        """Nobody waits any longer than to this moment of the monotonic clock."""
        self._last = moment

    @property
    def next_end(self) -> float:
        return min(self._looks[0][0], self._last) if self._looks else inf

    def behind(self) -> list[Connection]:
        """Those that have fallen behind their pace."""
        now = time.monotonic()
        found = []
        while self._looks and self._looks[0][0] <= now:
            _, _, connection, body = heapq.heappop(self._looks)
            if self._bodies.get(connection) is body:
                if body.must_end_by <= now:
                    found.append(connection)
                else:
                    self._look_again(connection, body)
        return found

    def too_late(self) -> list[Connection]:
        """All of them, after the moment of `end_by`."""
        return list(self._bodies) if time.monotonic() >= self._last else []

    def of_the_heaviest_client(self) -> Connection | None:
        """Of the client that has sent most of all that is on its way: the one that has waited longest."""
        sent: Counter[str] = Counter()
        for connection, body in self._bodies.items():
            sent[connection.address] += body.received
        heaviest = max(sent, key=lambda address: sent[address], default=None)
        return next((each for each in self._bodies if each.address == heaviest), None)

    def _look_again(self, connection: Connection, body: Body) -> None:
        heapq.heappush(self._looks, (body.must_end_by, next(self._numbers), connection, body))
