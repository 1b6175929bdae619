"""`requests`, with connections that lead only to checked addresses and end in time.

Sessions, requests, responses, the TLS of the connections and the framing of bodies are the libraries' own. This module
is the adapter between them: a GET without a body takes it a third of the time that the library's adapter takes, which
serves any request (pools for many threads, retries, redirects, proxies, cookies, a header parsed like an e-mail's).

Host name, SNI and certificate checks stay the library's own, since no URL is ever rewritten to an address.
"""

import functools
import http.client
import re
import socket
import ssl
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from jobs import errors
from jobs.imaging import failures
from jobs.imaging.deadline import Deadline
from jobs.imaging.guard import DEFAULT_PORTS
from jobs.imaging.request_headers import REQUEST_HEADERS
from jobs.imaging.sockets import Connector

# Connections that one worker slot keeps open; a job's images seldom come from more hosts at a time.
IDLE_HOSTS = 4

# Limits of a response's header with its status line, in lines and in bytes; browsers accept about twice as much.
MAX_HEADER_LINES = 100
MAX_HEADER_BYTES = 2**17
_MAX_LINE = 2**16
_OWS = " \t"  # the white space that may surround a value

HEADERS: CaseInsensitiveDict[str] = CaseInsensitiveDict(REQUEST_HEADERS)
_HEADERS = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())

_HTTP = b"HTTP/1."
# RFC 9112, section 7.1, and blanks behind the number, which some servers write.
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) +([0-9]{3})[ \r\n]")  # RFC 9112, section 4


class GuardedResponse(http.client.HTTPResponse):
    """A response to GET or POST whose header is of bounded size; the library reads the body.

    `release` is called once, on closing: with True if the connection can take another request.
    """

    fp: Any
    chunked: bool
    length: int | None
    will_close: bool
    headers: CaseInsensitiveDict[str]  # type: ignore[assignment]  # the library parses them like an e-mail's
    fields: dict[str, list[str]]
    """The values of each field, one a line, by the field's name in lower case; without white space around them."""
    transfer_codings: set[str]
    """What Transfer-Encoding names, in lower case; `identity`, which changes nothing, is left out."""

    def __init__(self, sock: socket.socket, release: Callable[[bool], None]) -> None:
        super().__init__(sock, method="GET")
        self._release: Callable[[bool], None] | None = release

    def begin(self) -> None:
        """Read up to the end of the header; interim responses (1xx) are skipped (RFC 9110, section 15.2).

        Raises HTTPException if the answer is not HTTP/1, OSError if the connection fails.
        """
        while True:
            line = self._read_line(_HTTP)
            found = _STATUS_LINE.match(line)
            if found is None:
                raise http.client.BadStatusLine(line[:80].decode("latin-1"))
            self.status = int(found[2])
            self._read_header(len(line))
            # Behind 101 follows another protocol, and no answer.
            if self.status >= http.client.OK or self.status == http.client.SWITCHING_PROTOCOLS:
                break
        self.transfer_codings = self.members("transfer-encoding") - {"", "identity"}
        self.chunked = self.transfer_codings == {"chunked"}
        self.chunk_left = None
        self.length = None if self.chunked else _length(self.members("content-length"))
        kept = self.headers.get("Connection", "close" if found[1] == b"0" else "keep-alive")
        self.will_close = "close" in kept.lower() or not (self.chunked or self.length is not None)

    def members(self, name: str) -> set[str]:
        """The members of the comma-separated field `name`, in lower case (RFC 9110, section 5.6.1)."""
        values = self.fields.get(name)
        return {member.strip(_OWS).lower() for value in values for member in value.split(",")} if values else set()

    def _read_header(self, size: int) -> None:
        """Read the fields after a status line of `size` bytes (RFC 9112, section 5)."""
        fields: dict[str, list[str]] = {}
        name = ""
        for _ in range(MAX_HEADER_LINES + 1):
            line = self._read_line()
            if line in (b"\r\n", b"\n"):
                self.fields = fields
                self.headers = CaseInsensitiveDict({name: ", ".join(values) for name, values in fields.items()})
                return
            size += len(line)
            if size > MAX_HEADER_BYTES:
                raise http.client.LineTooLong("header")
            text = line.decode("latin-1").rstrip("\r\n")
            if name and text[:1] in _OWS:  # the field continues
                fields[name][-1] = f"{fields[name][-1]} {text.strip(_OWS)}".strip(_OWS)
                continue
            name, _, value = text.partition(":")
            name = name.strip(_OWS).lower()
            fields.setdefault(name, []).append(value.strip(_OWS))
        raise http.client.HTTPException(f"more than {MAX_HEADER_LINES} header lines")

    def _read_line(self, beginning: bytes = b"") -> bytes:
        """One line of the header; an incomplete line with this `beginning` is a lost connection."""
        line: bytes = self.fp.readline(_MAX_LINE)
        if not line.endswith(b"\n"):
            if len(line) == _MAX_LINE:
                raise http.client.LineTooLong("header")
            if line.startswith(beginning) or not line:
                raise http.client.RemoteDisconnected("in the header")
        return line

    def _read_next_chunk_size(self) -> int:
        """For the library, which takes a size that is no number for the end of the connection, and some that are none.

        Raises IncompleteRead where the connection ends, HTTPException where no size is.
        """
        line: bytes = self.fp.readline(_MAX_LINE)
        if found := _CHUNK_SIZE.fullmatch(line):
            return int(found[1], 16)
        self._close_conn()  # type: ignore[attr-defined]  # of the library
        if line.endswith(b"\n") or len(line) == _MAX_LINE:
            raise http.client.HTTPException("the size of a chunk is no number")
        raise http.client.IncompleteRead(b"")

    def close(self) -> None:
        is_spent = self.isclosed() and not self.will_close and not self.length
        super().close()
        if self._release is not None:
            release, self._release = self._release, None
            release(is_spent)


def _length(sent: set[str]) -> int | None:
    """The length that was sent, if it is a single valid one; with any other, the body is never read."""
    (length,) = sent if len(sent) == 1 else ("",)
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None


class GuardedConnection(HTTPConnection):
    """A connection whose socket comes from a Connector. `address_class` is its address's class, once connected."""

    address_class = ""

    def __init__(self, *args: Any, connector: Connector, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connector = connector

    def _new_conn(self) -> socket.socket:
        # `_dns_host` keeps the final dot that tells a resolver not to append its search domains.
        sock = self._connector.connect(self._dns_host, self.port)
        self.address_class = self._connector.address_class
        return sock


class GuardedTLSConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS."""


class GuardedAdapter(BaseAdapter):
    """Sends the GET requests of one thread, and keeps the IDLE_HOSTS connections that were used last."""

    def __init__(self, connector: Connector, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._connector = connector
        self._tls = tls
        # By scheme, host and port; none of them is in use.
        self._kept: dict[tuple[str, str], GuardedConnection] = {}

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The response up to the end of its header, within the connector's deadline."""
        assert request.url is not None
        url = urlsplit(request.url)
        connection = self._connection(url)
        try:
            if connection.is_closed:
                connection.connect()
            sock = connection.sock
            assert sock is not None
            # After connecting, because TLS replaces the socket.
            self._connector.deadline.watch(sock)
            sock.settimeout(self._connector.timeouts[1])
            sock.sendall(head("GET", url, _HEADERS))
        except BaseException:
            connection.close()
            raise
        raw = GuardedResponse(sock, functools.partial(self._release, url, connection))
        try:
            raw.begin()
        except BaseException:
            raw.close()
            raise
        response = requests.Response()
        response.url = request.url
        response.status_code = raw.status
        response.headers = raw.headers
        response.raw = raw
        return response

    def close(self) -> None:
        for connection in list(self._kept.values()):
            connection.close()

    def _connection(self, url: SplitResult) -> GuardedConnection:
        kept = self._kept.pop((url.scheme, url.netloc), None)
        if kept is not None:
            # A connection that has sent something unasked, or has been closed, cannot be used again.
            if kept.is_connected:
                self._connector.address_class = kept.address_class
                return kept
            kept.close()
        return open_connection(url, self._connector, self._tls)

    def _release(self, url: SplitResult, connection: GuardedConnection, is_reusable: bool) -> None:
        if not is_reusable:
            connection.close()
            return
        self._kept[url.scheme, url.netloc] = connection
        if len(self._kept) > IDLE_HOSTS:
            self._kept.pop(next(iter(self._kept))).close()


def open_connection(url: SplitResult, connector: Connector, tls: ssl.SSLContext) -> GuardedConnection:
    """A connection to the host of an admitted URL, not connected yet."""
    host, port = str(url.hostname), url.port or DEFAULT_PORTS[url.scheme]
    if url.scheme == "https":
        return GuardedTLSConnection(host, port, connector=connector, ssl_context=tls)
    return GuardedConnection(host, port, connector=connector)


def head(method: str, url: SplitResult, headers: str) -> bytes:
    """The head of a request for an admitted URL, which holds only ASCII and no white space."""
    target = f"{url.path}?{url.query}" if url.query else url.path
    host, colon, port = url.netloc.rpartition(":") if url.port else (url.netloc, "", "")
    return f"{method} {target} HTTP/1.1\r\nHost: {host.removesuffix('.')}{colon}{port}\r\n{headers}\r\n".encode("ascii")


class GuardedSession(requests.Session):
    """A session that trusts neither the environment nor the server, for one thread."""

    def __init__(self, connector: Connector, tls: ssl.SSLContext) -> None:
        super().__init__()
        self._connector = connector
        # No proxies, no .netrc, no CA bundle from environment variables.
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.clear()
        self.headers.update(HEADERS)
        self._adapter = GuardedAdapter(connector, tls)
        self.adapters.clear()
        self.mount("http://", self._adapter)
        self.mount("https://", self._adapter)

    @property
    def address_class(self) -> str:
        """The class of the address that the last request went to, or was to go to, also over a kept connection."""
        return self._connector.address_class

    def open(self, url: str, deadline: Deadline) -> requests.Response:
        """The response to a GET up to the end of its header; `url` must have been admitted by the guard.

        Raises FetchError. The server may close a connection kept from an earlier request while this one is on its
        way; then the request is sent once more, over a new connection (RFC 9112, section 9.3.1).
        """
        self._connector.deadline = deadline
        opened_before = self._connector.opened
        # The adapter is called directly: Session.send only adds cookies, hooks and redirects.
        request = requests.PreparedRequest()
        request.method, request.url, request.headers = "GET", url, HEADERS
        try:
            return self._adapter.send(request)
        except failures.LIBRARY_ERRORS as error:
            deadline.check()
            meaning = failures.before_the_body(error)
            if opened_before < self._connector.opened or not isinstance(meaning, errors.ConnectionFailed):
                raise meaning from error
        return self.open(url, deadline)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """The session follows no redirects: it would first read the redirect's whole body."""


@functools.cache
def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A client context that trusts `ca_file`, or the public authorities that come with requests.

    Created once: reading the authorities takes about 20 ms.
    """
    context = create_urllib3_context()
    context.load_verify_locations(ca_file or DEFAULT_CA_BUNDLE_PATH)
    return context
