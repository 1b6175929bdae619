"""`requests`, with connections that lead only to checked addresses and end in time.

Host name, SNI and certificate check stay the library's own, since no URL is ever rewritten to an address.
"""

import functools
import http.client
import io
import socket
import ssl
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPResponse, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from jobs import errors
from jobs.imaging import failures
from jobs.imaging.connect import Connector
from jobs.imaging.deadline import Deadline

# Connections that one seat keeps open; a job's images seldom come from more hosts at a time.
IDLE_HOSTS = 4

# Of a response's header, name by name and line by line; browsers take about twice as much. http.client alone would
# take 100 lines of 64 kB each, and make 40 MB of them in memory.
MAX_HEADER_BYTES = 2**17

HEADERS: CaseInsensitiveDict[str] = CaseInsensitiveDict(
    {
        "User-Agent": "retail-pulse/0.1.0",
        "Accept": "*/*",
        # What is counted and stored are the image's own bytes.
        "Accept-Encoding": "identity",
    }
)


class HeaderReader(io.BufferedIOBase):
    """Lines of `file` up to the end of a header of bounded size; interim answers (100 Continue) have their own."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        self._size = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = self._file.readline(size)
        self._size = 0 if line in (b"\r\n", b"\n") else self._size + len(line)
        if self._size > MAX_HEADER_BYTES:
            raise http.client.LineTooLong("header")
        return line


class GuardedResponse(http.client.HTTPResponse):
    """A response whose header is of bounded size."""

    def begin(self) -> None:
        file = self.fp
        self.fp = HeaderReader(file)  # type: ignore[assignment]  # only lines are read of it
        try:
            super().begin()
        finally:
            self.fp = file


class GuardedConnection(HTTPConnection):
    """A connection whose socket comes from a Connector and is known to the deadline while it is read."""

    response_class = GuardedResponse

    def __init__(self, *args: Any, connector: Connector, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connector = connector

    def _new_conn(self) -> socket.socket:
        # `_dns_host` keeps the final dot that tells a resolver not to append its search domains.
        return self._connector.connect(self._dns_host, self.port)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own deviation
        # Here, because a connection taken from the pool passes here too, and TLS has replaced the socket by now.
        self._connector.deadline.watch(self.sock)
        return super().getresponse()


class GuardedTLSConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS."""


class GuardedPoolManager(PoolManager):
    """Pools of guarded connections; `_new_pool` is the place urllib3 names for this."""

    def __init__(self, connector: Connector, **options: Any) -> None:
        super().__init__(**options)
        self._connector = connector

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.ConnectionCls = GuardedTLSConnection if scheme == "https" else GuardedConnection
        pool.conn_kw["connector"] = self._connector
        return pool


class GuardedAdapter(HTTPAdapter):
    """The library's adapter over guarded pools, with one TLS context for all of them."""

    def __init__(self, connector: Connector, tls: ssl.SSLContext) -> None:
        self._connector = connector
        self._tls = tls
        super().__init__(pool_connections=IDLE_HOSTS, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = GuardedPoolManager(
            self._connector, num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._tls, **options
        )

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the context verifies, and would read the CA file anew for every connection."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The library's response without cookies, which a server could make arbitrarily dear to parse."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response


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
        adapter = GuardedAdapter(connector, tls)
        self.adapters.clear()
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def open(self, url: str, deadline: Deadline) -> requests.Response:
        """The response to a GET up to the end of its header; `url` must have been admitted by the guard.

        Raises FetchError. A connection kept from an earlier request may have been closed by the server while this
        one was on its way; then it is sent once more, over a new connection (RFC 9112, section 9.3.1).
        """
        self._connector.deadline = deadline
        opened_before = self._connector.opened
        try:
            return self._send(url)
        except failures.LIBRARY_ERRORS as error:
            deadline.check()
            meaning = failures.before_the_body(error)
            if opened_before < self._connector.opened or not isinstance(meaning, errors.ConnectionFailed):
                raise meaning from error
        return self.open(url, deadline)

    def _send(self, url: str) -> requests.Response:
        # The adapter is asked directly: all that Session.send adds are cookies, hooks and redirects, at a quarter
        # of the whole cost.
        request = requests.PreparedRequest()
        request.method, request.url, request.headers = "GET", url, HEADERS
        return self.get_adapter(url).send(request, stream=True, timeout=self._connector.timeouts)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirect is the session's to follow: it would read the redirect's whole body first."""


@functools.cache
def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A client context that trusts `ca_file`, or the public authorities that come with requests.

    Made once: reading the authorities takes some 20 ms.
    """
    context = create_urllib3_context()
    context.load_verify_locations(ca_file or DEFAULT_CA_BUNDLE_PATH)
    return context
