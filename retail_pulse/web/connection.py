"""One client's connection: its requests' heads, read as they arrive, and their bodies, read at a minimum pace."""

import re
import socket
import time
from enum import Enum, auto
from itertools import takewhile
from math import inf
from typing import Any

from django.conf import settings
from gunicorn.http.errors import InvalidHeader
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

# The request line and all headers: twice what browsers and proxies allow.
MAX_HEAD_BYTES = 64 * 1024
PROBES = ("/livez", "/readyz", "/startupz")
# Their answers fit into what a connection holds of unread data, even together.
PROBES_ON_A_CONNECTION = 16

# A line that ends otherwise is malformed, and the parser says so: nobody need wait for the rest.
_END_OF_HEAD = re.compile(rb"\r\n\r\n|(?<!\r)\n")
_PROBE = re.compile(rb"(?:\r\n)?(?:GET|HEAD) (%s)/?(?:\?\S*)? HTTP/" % "|".join(PROBES).encode())
_HAS_BODY = re.compile(rb"\r\n(?:transfer-encoding:|content-length:[ \t]*+(?!0[ \t]*\r\n))", re.IGNORECASE)


class Head(Enum):
    """What there is of a request's head."""

    PART = auto()
    WHOLE = auto()
    TOO_LARGE = auto()
    GONE = auto()  # the client has closed the connection


class BodyTooSlow(TimeoutError):
    """A body fell too far behind its minimum pace."""


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """`head` is what has arrived of a request; `answered` is set once its answer is sent.

    `probe` is which of PROBES it asks for, where the answer cannot make a thread wait.
    """

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = RequestParser(cfg, sock, client)
        self.parser.unreader = self.body = PacedUnreader(self)
        # What the superclass would do in the thread that handles the first request.
        self.initialized = True
        self._asked_for_probes_only = True
        self.begin()

    def begin(self) -> None:
        """Before each request. What arrived behind the one before is its beginning."""
        self.sock.setblocking(False)
        self.head = bytearray(self.body.take_buffered())
        self.probe: str | None = None
        self.answered = False
        self.discarded_bytes = 0

    def read_head(self) -> Head:
        """Takes what has arrived, without waiting."""
        searched = 0
        while _END_OF_HEAD.search(self.head, max(0, searched - 3)) is None:
            if len(self.head) > MAX_HEAD_BYTES:
                return Head.TOO_LARGE
            searched = len(self.head)
            try:
                data = self.sock.recv(MAX_HEAD_BYTES)
            except BlockingIOError:
                return Head.PART
            except OSError:
                return Head.GONE
            if not data:
                return Head.GONE
            self.head += data
        self.body.unread(bytes(self.head))
        probe = _PROBE.match(self.head)
        # With a body, or behind answers that may not have been read, a probe could make its thread wait.
        self._asked_for_probes_only &= probe is not None and _HAS_BODY.search(self.head) is None
        self.probe = probe[1].decode() if probe and self._asked_for_probes_only else None
        return Head.WHOLE

    def discard(self) -> bool:
        """Read and forget what still arrives behind the last answer; False once there is nothing more to expect.

        A socket that is closed with unread data makes the kernel reset the connection, and the answer may be lost.
        """
        try:
            data = self.sock.recv(MAX_HEAD_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.discarded_bytes += len(data)
        return bool(data) and self.discarded_bytes <= MAX_HEAD_BYTES


class PacedUnreader(SocketUnreader):  # type: ignore[misc]  # as above
    """Where gunicorn's parser reads from: at first a head that is there already, then a body, which must keep its pace.

    A body may be waited for WEB_BODY_SECONDS in all, and a second more for every WEB_BODY_BYTES_PER_SECOND received.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.sock)
        self._connection = connection
        self._has_begun = False

    def take_buffered(self) -> bytes:
        self._has_begun = False
        buffered: bytes = super().take_buffered()
        return buffered

    def begin(self) -> None:
        """The head is read; from now on the socket is."""
        self._has_begun = True
        self._received = 0
        self._waited = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Raises BodyTooSlow, and InvalidHeader where the parser finds no end of the head."""
        if not self._has_begun:
            raise InvalidHeader("the head has no end")
        pace = settings.WEB_BODY_BYTES_PER_SECOND
        left = settings.WEB_BODY_SECONDS + self._received / pace - self._waited
        given: float | None = self.sock.gettimeout()
        began = time.monotonic()
        try:
            self.sock.settimeout(max(0.0, left if given is None else min(left, given)))
            data: bytes = super().chunk(size_hint)
        except (TimeoutError, BlockingIOError):
            # Where its next request would begin is unknown.
            self._connection.parser.mesg.force_close()
            raise BodyTooSlow(f"{self._received} bytes in {self._waited:.1f} s") from None
        finally:
            self._waited += time.monotonic() - began
            self.sock.settimeout(given)
        self._received += len(data)
        return data


class Waiting:
    """Connections that may wait for so many seconds each, in the order in which their time is up."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[Connection, float] = {}

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._ends

    def first(self) -> Connection | None:
        return next(iter(self._ends), None)

    def add(self, connection: Connection) -> None:
        self._ends[connection] = time.monotonic() + self._seconds

    def remove(self, connection: Connection) -> None:
        del self._ends[connection]

    def end_by(self, moment: float) -> None:
        """Nobody waits any longer than to this moment of the monotonic clock."""
        self._ends = {connection: min(end, moment) for connection, end in self._ends.items()}

    @property
    def next_end(self) -> float:
        """When the first one's time is up; infinity without any."""
        return next(iter(self._ends.values()), inf)

    def expired(self) -> list[Connection]:
        now = time.monotonic()
        return [connection for connection, _ in takewhile(lambda entry: entry[1] <= now, self._ends.items())]
