"""Requests that outlive restarts of the service and its limits: repeated until they are answered, or patience ends."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import IO, Any

import requests
from urllib3.exceptions import NewConnectionError  # of the library under requests

from .errors import Refused, Unreachable

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Too many requests or pending images; a proxy without the service behind it; the database is away.
PASSING = (429, 502, 503, 504)


class Transport:
    """`patience` is for how many seconds a request that fails is repeated; `say` is told what is waited for."""

    def __init__(self, url: str, key: str, patience: float, say: Callable[[str], None]) -> None:
        self._url = url.rstrip("/")
        self._patience = patience
        self._say = say
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "retail-pulse-client"
        if key:
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
            wait = None
            try:
                if body is not None:
                    body.seek(0)
                answer = self._session.request(
                    method,
                    self._url + path,
                    params=query,
                    json=json,
                    data=body,
                    headers=headers,
                    stream=stream,
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    # A POST that follows one becomes a GET.
                    allow_redirects=False,
                )
            except requests.ConnectTimeout:
                reason = "it does not answer"
            except (requests.ConnectionError, requests.Timeout) as error:
                reason = _reason(error)
                if not repeatable and not _never_arrived(error):
                    raise Unreachable(
                        f"{self._url}: {reason}; whether the request had an effect is not known."
                    ) from error
            except requests.RequestException as error:
                raise Unreachable(f"{self._url}: {error}") from error
            else:
                if answer.status_code not in PASSING:
                    return _checked(answer)
                refusal = _refusal(answer)
                if not repeatable and answer.status_code not in (429, 503):
                    raise refusal
                reason = str(refusal).removesuffix(".")
                wait = _retry_after(answer)
            delay = wait if wait is not None else pause * random.uniform(0.5, 1)  # noqa: S311 - spreads clients
            if time.monotonic() + delay > deadline:
                raise Unreachable(f"{self._url}: {reason}. Gave up after {self._patience:.0f} s.")
            self._say(f"{self._url}: {reason}; trying again in {delay:.0f} s.")
            time.sleep(delay)
            pause = min(2 * pause, LONGEST_PAUSE)


class _Bearer(requests.auth.AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _checked(answer: requests.Response) -> requests.Response:
    if answer.is_redirect:
        raise Refused(answer.status_code, f"The server is at {answer.headers['Location']}: use that address.")
    if answer.status_code >= 400:
        raise _refusal(answer)
    return answer


def _refusal(answer: requests.Response) -> Refused:
    try:
        return Refused.of(answer.status_code, answer.json())
    except (requests.JSONDecodeError, UnicodeDecodeError):
        return Refused.of(answer.status_code, None)


def _retry_after(answer: requests.Response) -> float | None:
    """In seconds (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _never_arrived(error: requests.RequestException) -> bool:
    """Whether no connection came about."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not accepted ({error})"
    if _never_arrived(error):
        return "it cannot be reached; is it running, and is the address right?"
    return "it did not answer in time" if isinstance(error, requests.Timeout) else "the connection broke"
