"""A server of one's own that computes a model: one request for each image, from all worker slots at once.

GPU_URL is configuration, not something that a client named: it may lead to any address, private ones included, and the
guard of downloads is not asked. Redirects are not followed; proxies and passwords of the environment are not used.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import SEEK_END
from typing import IO, Any, Self, override
from urllib.parse import SplitResult, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError
from urllib3.util import make_headers

from jobs.imaging.batch import ModelAway
from jobs.imaging.deadline import Deadline, Watchdog
from jobs.imaging.gpu import MOST_ANSWER_BYTES, AnswerRefused

CONNECT_SECONDS = 5
# Of a server that is there and cannot answer now; 502 and 504 are said by a proxy before it.
_BUSY = frozenset({429, 502, 503, 504})
_NEVER_CONNECTED = (ConnectTimeoutError, NewConnectionError, SSLError)


class RemoteFailed(AnswerRefused):
    """The model's server has no usable answer for the image; the text repeats nothing that it sent."""


class _Unanswered(Exception):
    """The request was on its way, and no answer came; the text says why."""


class _Ended(_Unanswered):
    """The connection ended."""


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    body: IO[bytes] | None = None
    """Sent from its beginning, with POST; without one, the request is a GET."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    headers: Mapping[str, str]


class Remote:
    """Many threads may use it at once, each with a connection of its own, which is kept for the next image.

    `seconds` is for one request as a whole, from its first byte to the last one of the answer.
    """

    def __init__(self, url: str, seconds: float, connections: int) -> None:
        parts = _admitted(url)
        pool = _TLSPool if parts.scheme == "https" else _Pool
        self._pool = pool(str(parts.hostname), parts.port, maxsize=connections)
        self.path = parts.path or "/"
        self._query = f"?{parts.query}" if parts.query else ""
        self._seconds = seconds
        self._timeout = Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
        self._watchdog = Watchdog(seconds)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "retail-pulse"}
        if parts.username:
            self._headers |= make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")
        self._is_asking_for_the_sample = threading.Lock()

    @classmethod
    def from_settings(cls) -> Self:
        """Raises ImproperlyConfigured if GPU_URL is no address."""
        return cls(settings.GPU_URL, settings.GPU_STEP_SECONDS, settings.WORKER_THREADS)

    def ask(self, request: Request) -> Answer:
        """Raises RemoteFailed; ModelAway where the server cannot be reached, gives no answer, or cannot now."""
        try:
            return self._ask_twice(request)
        except _Unanswered as error:
            raise ModelAway(str(error)) from None

    def ask_for_image(self, request: Request, sample: Callable[[], Request]) -> Answer:
        """As `ask`; but where no answer comes, the image is to blame if the server answers for `sample`."""
        try:
            return self._ask_twice(request)
        except _Unanswered as error:
            if self._answers_for(sample):
                raise RemoteFailed(f"{error} It answered for another image.") from None
            raise ModelAway(str(error)) from None

    def _answers_for(self, sample: Callable[[], Request]) -> bool:
        # One at a time: where all slots wait in vain, the server gets no second load.
        if not self._is_asking_for_the_sample.acquire(blocking=False):
            return False
        try:
            self._ask_twice(sample())
        except (_Unanswered, ModelAway):
            return False
        except RemoteFailed:
            return True
        finally:
            self._is_asking_for_the_sample.release()
        return True

    def _ask_twice(self, request: Request) -> Answer:
        """A server may close a kept connection just when a request is sent on it; then it is sent once more."""
        try:
            return self._ask(request)
        except _Ended:
            return self._ask(request)

    def _ask(self, request: Request) -> Answer:
        body, headers = request.body, {**self._headers, **request.headers}
        if body is not None:
            headers["Content-Length"] = str(body.seek(0, SEEK_END))
            body.seek(0)
        with self._watchdog.deadline() as deadline:
            _current.deadline = deadline
            try:
                response = self._pool.urlopen(
                    "GET" if body is None else "POST",
                    request.path + self._query,
                    body=body,
                    headers=headers,
                    timeout=self._timeout,
                    retries=False,
                    preload_content=False,
                )
                try:
                    answer = _read(response)
                finally:
                    # What is left of an answer would be taken for the next one.
                    response.close()
                    response.release_conn()
                # What was cut off may look like an answer without a body.
                if not deadline.expired:
                    return answer
            except _NEVER_CONNECTED as error:
                raise ModelAway(f"The model's server cannot be reached ({type(error).__name__}).") from None
            except (HTTPError, OSError) as error:
                if not deadline.expired and not isinstance(error, ReadTimeoutError):
                    raise _Ended("The model's server ended the connection without an answer.") from None
        raise _Unanswered(f"The model's server gave no answer within {self._seconds:g} s.")


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises RemoteFailed."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RemoteFailed("The model's server answered with something that is not JSON.") from None
    if not isinstance(value, dict):
        raise RemoteFailed("The model's server answered with JSON that is no object.")
    return value


def _read(response: BaseHTTPResponse) -> Answer:
    if response.status in _BUSY:
        raise ModelAway(f"The model's server says that it cannot answer now (HTTP {response.status}).")
    if not 200 <= response.status < 300:
        raise RemoteFailed(f"The model's server answered with HTTP {response.status}.")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RemoteFailed("The model's server answered with something compressed, which it was asked not to do.")
    body = bytearray()
    # To the end, where it shows whether the answer is as long as announced.
    while piece := response.read(MOST_ANSWER_BYTES + 1, decode_content=False):
        body += piece
        if len(body) > MOST_ANSWER_BYTES:
            raise RemoteFailed(f"The model's server answered with more than {MOST_ANSWER_BYTES:,} bytes.")
    return Answer(bytes(body), response.headers)


def _admitted(url: str) -> SplitResult:
    """Raises ImproperlyConfigured, which does not repeat the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not url.isascii() or not url.isprintable() or " " in url:
        raise ImproperlyConfigured(
            "GPU_URL: allowed is the address of the model's server, such as http://models.internal:8000/predict, or "
            "https://user:password@host/path."
        )
    return parts


class _Current(threading.local):
    deadline: Deadline | None = None


_current = _Current()


def _watch(connection: HTTPConnection) -> None:
    """The time limit of a request is for all of it; the library's are for each read, so that a slow one never ends."""
    if connection.sock is None:
        connection.connect()
    deadline = _current.deadline
    if deadline is not None and connection.sock is not None:
        deadline.watch(connection.sock)
        # While it is sent, the limit would still be that of connecting.
        connection.timeout = max(deadline.remaining, 0.001)


class _Watched(HTTPConnection):
    @override
    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self)
        super().request(*arguments, **options)


class _WatchedTLS(HTTPSConnection):
    @override
    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self)
        super().request(*arguments, **options)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS
