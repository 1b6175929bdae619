"""A POST to an address that a user has named: through the same guard, resolver and limits as a download.

Each has a connection of its own. Over a kept one, a server that closes it at the same moment would leave open whether
the request was processed, and sending it again may do twice what it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

from jobs import errors
from jobs.imaging import failures, retry_after
from jobs.imaging.deadline import Deadline, Watchdog
from jobs.imaging.guard import Guard
from jobs.imaging.resolver import Resolver
from jobs.imaging.sockets import CONNECT_SECONDS, READ_SECONDS, Connector
from jobs.imaging.transport import HEADERS, GuardedResponse, head, open_connection, tls_context

# Of an answer's body; the rest is not waited for.
MOST_BYTES = 4_096
BODY_SECONDS = 2.0
_SHOWN = frozenset("\n\t")


class Answer(NamedTuple):
    """What came back: its status, the beginning of its body, and in how many seconds it asks to come again."""

    status: int
    text: str
    retry_after: float | None = None


class Poster:
    """Posts for many threads at once; `close` it after use.

    `deadline_seconds` is for one whole attempt: look-up, connection, request and answer. `timeouts` are for one
    connection attempt and for one read. `ca_file` replaces the public certificate authorities.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        deadline_seconds: float,
        resolver: Resolver | None = None,
        ca_file: str | None = None,
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self._guard = guard
        self._seconds = deadline_seconds
        self._resolver = resolver or Resolver()
        self._tls = tls_context(ca_file)
        self._timeouts = timeouts
        self._watchdog = Watchdog(deadline_seconds)

    def close(self) -> None:
        """Abort what is under way, which ends as `deadline`."""
        self._watchdog.close()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status; no redirect is followed. Raises FetchError where there is none.

        `headers` are names and values without line breaks; the length, the host and what this service is are added.
        """
        target = self._guard.admit(url)
        try:
            with self._watchdog.deadline() as deadline:
                return self._post(target.url, headers, body, deadline)
        except errors.DeadlineExceeded:
            raise errors.DeadlineExceeded(f"There was no answer within {self._seconds:g} s.") from None

    def _post(self, url: str, headers: Mapping[str, str], body: bytes, deadline: Deadline) -> Answer:
        connector = Connector(self._guard, self._resolver, self._timeouts)
        connector.deadline = deadline
        parts = urlsplit(url)
        lines = {**HEADERS, **headers, "Content-Length": str(len(body)), "Connection": "close"}
        request = head("POST", parts, "".join(f"{name}: {value}\r\n" for name, value in lines.items()))
        with ExitStack() as stack:
            connection = open_connection(parts, connector, self._tls)
            stack.callback(connection.close)
            try:
                connection.connect()
                sock = connection.sock
                assert sock is not None
                deadline.watch(sock)
                sock.settimeout(self._timeouts[1])
                sock.sendall(request + body)
                # It holds the socket open by itself, also where there is no whole header.
                answer = stack.enter_context(closing(GuardedResponse(sock, lambda is_reusable: None)))
                answer.begin()
            except failures.LIBRARY_ERRORS as error:
                deadline.check()
                raise failures.before_the_body(error) from error
            # A socket that the watchdog has shut down looks like the end of the header, too.
            deadline.check()
            sock.settimeout(BODY_SECONDS)
            text = _beginning(answer)
            return Answer(answer.status, text, retry_after.seconds(answer.fields.get("retry-after", [])))


def _beginning(answer: GuardedResponse) -> str:
    """Up to MOST_BYTES of the body, as far as it comes in time: the status says already what became of the request."""
    pieces = b""
    until = monotonic() + BODY_SECONDS
    try:
        while len(pieces) < MOST_BYTES and monotonic() < until and (piece := answer.read1(MOST_BYTES)):
            pieces += piece
    except failures.LIBRARY_ERRORS:
        pass
    text = pieces[:MOST_BYTES].decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char in _SHOWN else "\N{REPLACEMENT CHARACTER}" for char in text)
