"""Maps the exceptions of requests, urllib3, http.client and ssl to those of `jobs.errors`.

The libraries wrap one another's exceptions, so the whole chain is examined and its most specific link decides.
"""

import http.client
import ssl
from collections.abc import Iterator

import requests
import urllib3

from jobs import errors
from jobs.imaging import tls_failures

# Everything that the libraries raise about a server; anything else is a bug in this service.
LIBRARY_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)

type _Kinds = type[BaseException] | tuple[type[BaseException], ...]

_TLS = (ssl.SSLError, ssl.CertificateError, urllib3.exceptions.SSLError, requests.exceptions.SSLError)
_SILENCE = (TimeoutError, urllib3.exceptions.ReadTimeoutError, requests.exceptions.Timeout)
_NOT_HTTP = (http.client.HTTPException, urllib3.exceptions.InvalidHeader, ValueError)


def before_the_body(error: Exception) -> errors.FetchError:
    """The meaning of a failure up to the end of the response's header."""
    chain = tuple(_chain(error))
    if found := _innermost(chain, _TLS):
        return tls_failures.before_the_body(found)
    if _has(chain, _SILENCE):
        return errors.ReadTimeout()
    # http.client treats a closed connection as a bad status line, which it is not.
    if _has(chain, _NOT_HTTP) and not _has(chain, http.client.RemoteDisconnected):
        return errors.ProtocolViolation()
    return errors.ConnectionFailed()


def in_the_body(error: Exception) -> errors.FetchError:
    """The meaning of a failure while the body was read."""
    chain = tuple(_chain(error))
    if found := _innermost(chain, _TLS):
        return tls_failures.in_the_body(found)
    if _has(chain, _SILENCE):
        return errors.ReadTimeout()
    if _has(chain, _NOT_HTTP) and not _has(chain, http.client.IncompleteRead):
        return errors.ProtocolViolation()
    return errors.Truncated()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and every error inside it."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _chain(inner)


def _has(chain: tuple[BaseException, ...], kinds: _Kinds) -> bool:
    return _innermost(chain, kinds) is not None


def _innermost(chain: tuple[BaseException, ...], kinds: _Kinds) -> BaseException | None:
    """The last link of these kinds, which knows most: those before it only wrap it."""
    return next((link for link in reversed(chain) if isinstance(link, kinds)), None)
