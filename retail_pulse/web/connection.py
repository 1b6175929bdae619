"""One client's connection: its requests' heads and bodies, read as they arrive."""

import re
import socket
import time
from contextlib import suppress
from enum import Enum, auto
from itertools import takewhile
from math import inf
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.http.errors import InvalidHeader
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import TConn

from retail_pulse.web.bodies import Body, length_to_wait_for

# Read at once, so that one client's fast upload leaves others their turn.
MAX_READ_BYTES = 256 * 1024
# The request line and all headers: twice what browsers and proxies allow.
MAX_HEAD_BYTES = 64 * 1024
PROBES = ("/livez", "/readyz", "/startupz")
# Their answers fit into what a connection holds of unread data, even together.
PROBES_ON_A_CONNECTION = 16

# A line that ends otherwise is malformed, and the parser says so: nobody need wait for the rest.
_END_OF_HEAD = re.compile(rb"\r\n\r\n|(?<!\r)\n")
_PROBE = re.compile(rb"(?:\r\n)?(?:GET|HEAD) (%s)/?(?:\?\S*)? HTTP/" % "|".join(PROBES).encode())
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"  # RFC 9110, section 5.6.2
# A method and a blank, or as much of it. TLS, SSH and what else comes to a wrong port begin otherwise.
_BEGINNING = re.compile(rb"(?:\r\n)?%b+ |(?:\r\n)?%b*\Z|\r\Z" % (_TOKEN, _TOKEN))
_BEGINNING_BYTES = 64
_EXPECT = re.compile(rb"(?<=\r\n)expect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_HAS_BODY = re.compile(rb"\r\n(?:transfer-encoding:|content-length:[ \t]*+(?!0[ \t]*\r\n))", re.IGNORECASE)


class Arrival(Enum):
    """What there is of a request's head, or of its body."""

    PART = auto()
    WHOLE = auto()
    TOO_LARGE = auto()
    NO_HTTP = auto()
    GONE = auto()  # the client has closed the connection


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """`head` is what has arrived of a request, and of its body with it; `answered` is set once its answer is sent.

    `probe` is which of PROBES it asks for, where the answer cannot make a thread wait.
    """

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = RequestParser(cfg, sock, client)
        self.parser.unreader = self.arrived = _Arrived()
        # What the superclass would do in the thread that handles the first request.
        self.initialized = True
        self._asked_for_probes_only = True
        self.body: Body | None = None
        self.begin()

    @property
    def address(self) -> str:
        """The client's, without its port; the same for all clients of a Unix socket."""
        return str(self.client[0]) if self.client else ""

    def begin(self) -> None:
        """Before each request. What arrived behind the one before is its beginning."""
        self.sock.setblocking(False)
        self.began = time.monotonic()
        self.head = bytearray(self.arrived.take_buffered())
        self.probe: str | None = None
        self.answered = False
        self.discarded_bytes = 0

    def read_head(self) -> Arrival:
        """Takes what has arrived, without waiting."""
        searched = 0
        while (end := _END_OF_HEAD.search(self.head, max(0, searched - 3))) is None:
            if _BEGINNING.match(self.head[:_BEGINNING_BYTES]) is None:
                return Arrival.NO_HTTP
            if len(self.head) > MAX_HEAD_BYTES:
                return Arrival.TOO_LARGE
            searched = len(self.head)
            try:
                data = self.sock.recv(MAX_HEAD_BYTES)
            except BlockingIOError:
                return Arrival.PART
            except OSError:
                return Arrival.GONE
            if not data:
                return Arrival.GONE
            self.head += data
        if _BEGINNING.match(self.head[:_BEGINNING_BYTES]) is None:
            return Arrival.NO_HTTP
        behind = bytes(self.head[end.end() :])
        del self.head[end.end() :]
        self._take(behind)
        probe = _PROBE.match(self.head)
        # With a body, or behind answers that may not have been read, a probe could make its thread wait.
        self._asked_for_probes_only &= probe is not None and _HAS_BODY.search(self.head) is None
        self.probe = probe[1].decode() if probe and self._asked_for_probes_only else None
        return Arrival.WHOLE

    def _take(self, behind: bytes) -> None:
        head = bytes(self.head)
        length = length_to_wait_for(head) if head.endswith(b"\r\n\r\n") else 0
        if length > len(behind):
            self.body = self.arrived.body = Body(length)
            self.body.add(behind)
            if b" HTTP/1.1\r\n" in head and _EXPECT.search(head):
                # Not by the thread, which takes the request later: a client that waits for it sends nothing before.
                with suppress(OSError):
                    self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                head = _EXPECT.sub(b"", head, count=1)
            behind = b""
        self.arrived.unread(head + behind)

    def read_body(self) -> Arrival:
        """Takes what has arrived of the body, without waiting. Raises OSError where there is no room for it."""
        body = self.body
        while body is not None and body.missing:
            try:
                data = self.sock.recv(min(body.missing, MAX_READ_BYTES))
            except BlockingIOError:
                return Arrival.PART
            except OSError:
                return Arrival.GONE
            if not data:
                break  # the service answers that the body is too short
            body.add(data)
            if len(data) == MAX_READ_BYTES:
                return Arrival.PART  # others' turn
        if body is not None:
            body.rewind()
        return Arrival.WHOLE

    def holds_body_of(self, request: Any) -> bool:
        """Called once when its head is read. Where not, its body is read no further, and the connection is closed."""
        self.arrived.begin()
        reader = request.body.reader
        return isinstance(reader, LengthReader) and reader.length <= self.arrived.left

    def drop_body(self) -> None:
        if self.body is not None:
            self.body.close()
        self.body = self.arrived.body = None

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


class _Arrived(Unreader):  # type: ignore[misc]  # as above
    """Where gunicorn's parser reads from: what has arrived already, never the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.body: Body | None = None
        self._has_begun = False

    @property
    def left(self) -> int:
        """Bytes that have arrived and are not read yet."""
        buffered: int = self.buf.getbuffer().nbytes
        return buffered + (self.body.received - self.body.taken if self.body else 0)

    def take_buffered(self) -> bytes:
        self._has_begun = False
        buffered: bytes = super().take_buffered()
        return buffered

    def begin(self) -> None:
        """The head is read; what follows is the body."""
        self._has_begun = True

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Nothing at the end. Raises InvalidHeader where the parser finds no end of the head."""
        if not self._has_begun:
            raise InvalidHeader("the head has no end")
        return self.body.read(size_hint or MAX_READ_BYTES) if self.body else b""


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
