"""Requests that outlive restarts of the service and its limits: repeated until they are answered, or patience ends."""

import math
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import NewConnectionError  # of the library under requests

from .errors import Misconfigured, Refused, Unreachable

PREFIX = "/api/v1"

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Too many requests or pending images; a proxy without the service behind it; the database is away.
PASSING = (429, 502, 503, 504)
# What ends a connection at any moment, also in the midst of an answer.
BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class Transport:
    """`patience` is for how many seconds a request that fails is repeated; `say` is told what is waited for.

    Raises Misconfigured.
    """

    def __init__(self, url: str, key: str, patience: float, say: Callable[[str], None]) -> None:
        self._url = _checked_url(url) + PREFIX
        # Sentences name it without a password.
        scheme, _, rest = self._url.partition("://")
        self._name = f"{scheme}://{rest.rpartition('@')[2]}"
        self._patience = patience
        self._say = say
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "retail-pulse-client"
        if key:
            if not (key.isascii() and key.isprintable() and " " not in key):
                raise Misconfigured("The API key is none: it must be one word of visible ASCII characters.")
            # Not as a header: an entry of ~/.netrc would take its place.
            self._session.auth = _Bearer(key)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        body: IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        repeatable: bool = True,
    ) -> requests.Response:
        """An answer below 400; a `body` is sent from its beginning.

        A request that is not `repeatable` is only repeated while it has surely had no effect. Raises Refused,
        Unreachable.
        """
        deadline = time.monotonic() + self._patience
        pause = FIRST_PAUSE
        while True:
            wait = 0.0
            try:
                answer = self._session.request(
                    method,
                    self._url + path,
                    params=query,
                    json=json,
                    data=_from_beginning(body),
                    headers=headers,
                    stream=stream,
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    # A POST that follows one becomes a GET.
                    allow_redirects=False,
                )
            except requests.ConnectTimeout:
                reason = "it does not answer"
            except requests.exceptions.SSLError as error:
                raise Unreachable(f"{self._name}: no secure connection ({_innermost(error)}).") from error
            except BROKEN as error:
                reason = _reason(error)
                if not repeatable and not _never_arrived(error):
                    raise self._in_doubt(reason) from error
            except requests.RequestException as error:
                raise Unreachable(f"{self._name}: {error}") from error
            else:
                if answer.status_code not in PASSING:
                    return self._checked(answer)
                reason = str(_refusal(answer)).removesuffix(".")
                if not repeatable and answer.status_code not in (429, 503):
                    raise self._in_doubt(reason)
                wait = _retry_after(answer)
            # Also where Retry-After has passed: a service in trouble is not asked without a pause.
            delay = max(wait, pause * random.uniform(0.5, 1))  # noqa: S311 - spreads clients
            if time.monotonic() + delay > deadline:
                if wait > self._patience:
                    raise Unreachable(f"{self._name}: {reason}. It asks for a pause of {wait:.0f} s; see --patience.")
                raise Unreachable(f"{self._name}: {reason}. Gave up after {self._patience:.0f} s.")
            self._say(f"{self._name}: {reason}; trying again in {math.ceil(delay)} s.")
            time.sleep(delay)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _in_doubt(self, reason: str) -> Unreachable:
        return Unreachable(f"{self._name}: {reason}; whether the request had an effect is not known.")

    def _checked(self, answer: requests.Response) -> requests.Response:
        status = answer.status_code
        if answer.is_redirect:
            base = urljoin(answer.url, answer.headers["Location"]).partition(f"{PREFIX}/")[0]
            raise Refused(status, f"The server is at {base}: use that address.")
        if status >= 500:
            raise Unreachable(f"{self._name}: {_refusal(answer)}")
        if status != 304 and not 200 <= status < 300:
            raise _refusal(answer)
        return answer


def document_of(answer: requests.Response) -> Any:
    """The JSON object that an answer holds. Raises Refused where it holds none."""
    document = _json(answer)
    if not isinstance(document, dict):
        raise Refused.of(answer.status_code, None)
    return document


class _Bearer(requests.auth.AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _checked_url(url: str) -> str:
    """Without what people paste along: a slash, or the path of the API. Raises Misconfigured."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or parts.query or parts.fragment:
        raise Misconfigured(f"{url}: the address of a service begins with http:// or https://, and has no ? or #.")
    return url.rstrip("/").removesuffix(PREFIX)


def _from_beginning(body: IO[bytes] | None) -> IO[bytes] | bytes | None:
    if body is None:
        return None
    body.seek(0)
    if not body.read(1):
        return b""  # requests would send an empty file in chunks
    body.seek(0)
    return body


def _json(answer: requests.Response) -> object:
    """None where the answer holds no JSON."""
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _refusal(answer: requests.Response) -> Refused:
    return Refused.of(answer.status_code, _json(answer))


def _retry_after(answer: requests.Response) -> float:
    """In seconds (RFC 9110, section 10.2.3); 0 without a time to come."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0


def _never_arrived(error: requests.RequestException) -> bool:
    """Whether no connection came about."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _reason(error: requests.RequestException) -> str:
    if _never_arrived(error):
        return "it cannot be reached; is it running, and is the address right?"
    return "it did not answer in time" if isinstance(error, requests.Timeout) else "the connection broke"


def _innermost(error: BaseException) -> str:
    """What OpenSSL says, without what each library around it adds."""
    while (inner := error.__context__ or error.__cause__) is not None:
        error = inner
    return str(error)
