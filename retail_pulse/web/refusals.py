"""What the web server answers where it cannot hand a request over: our JSON, or our page, with our sentences.

gunicorn's own answer is a page of HTML that repeats what the client sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.utils.csp import build_policy
from gunicorn.http import errors

from retail_pulse import request_ids
from retail_pulse.web.connection import MAX_HEAD_BYTES, PROBES

if TYPE_CHECKING:
    from api.v1.problem_types import Problem  # not before the engine has started, see `BufferingWorker`

# gunicorn's defaults: what fits between any browser and any proxy.
MAX_REQUEST_LINE = 4094
MAX_HEADERS = 100
MAX_HEADER_BYTES = 8190

_REQUEST = re.compile(rb"(?:\r\n)?([!-~]{1,200}) (?:https?://[^/? ]*)?(/[^? \r\n]{0,2000})")
_ACCEPT = re.compile(rb"\r\naccept:([^\r\n]*)", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([!-~]+)[ \t]*\r\n", re.IGNORECASE)


class HeadTooSlow(Exception):
    """The head of a request did not arrive within WEB_HEAD_SECONDS."""


class BodyTooSlow(Exception):
    """A body fell behind its pace."""


class BodyGivenUp(Exception):
    """A body can be kept no longer: there are too many, or the server stops."""


class NoHTTP(Exception):
    """What arrived can be the beginning of no request."""


class TLSHandshake(NoHTTP):
    """The client speaks https."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """`problem` is the name of its type under /api/v1/, if it has one; `wait` is for Retry-After, in seconds."""

    status: int
    sentence: str
    problem: str = ""
    wait: int | None = None


_MALFORMED = "MALFORMED_REQUEST"
_REFUSALS: dict[type[Exception], Refusal] = {
    HeadTooSlow: Refusal(408, "The request's headers did not arrive in time; send them at once.", "TOO_SLOW"),
    BodyTooSlow: Refusal(
        408,
        "The body came too slowly: it was given up before its end. Send the request again, over a faster connection.",
        "TOO_SLOW",
    ),
    BodyGivenUp: Refusal(
        503,
        "The body was given up before its end, because there are too many at once, or because the service is "
        "restarting; send the request again in a few seconds.",
        "UNAVAILABLE",
        wait=5,
    ),
    TLSHandshake: Refusal(400, "This port speaks plain HTTP, and a TLS handshake came: use http://.", _MALFORMED),
    NoHTTP: Refusal(400, "This port speaks HTTP, and what came begins with no HTTP method.", _MALFORMED),
    errors.LimitRequestLine: Refusal(
        414,
        f"The address is too long: the request line may have {MAX_REQUEST_LINE:,} bytes. "
        "Ask for fewer things at once, or send long values in a body.",
        "ADDRESS_TOO_LONG",
    ),
    errors.LimitRequestHeaders: Refusal(
        431,
        f"The headers are too large: a request may have {MAX_HEADERS} of at most {MAX_HEADER_BYTES:,} bytes each, and "
        f"{MAX_HEAD_BYTES:,} bytes in all.",
        "HEADERS_TOO_LARGE",
    ),
    errors.ExpectationFailed: Refusal(417, "The header Expect asks for something else than 100-continue."),
    errors.UnsupportedTransferCoding: Refusal(
        501, "The header Transfer-Encoding names a coding that is not known here: send the body with Content-Length."
    ),
    errors.InvalidHTTPVersion: Refusal(400, "The request is not of HTTP/1.0 or HTTP/1.1.", _MALFORMED),
    errors.InvalidRequestMethod: Refusal(400, "The request's method is not spelled as methods are.", _MALFORMED),
    errors.InvalidRequestLine: Refusal(
        400,
        "The request line must be a method, an address and HTTP/1.1, with one blank between them; percent-encode "
        "blanks, and what is not ASCII, in the address.",
        _MALFORMED,
    ),
    errors.ObsoleteFolding: Refusal(400, "A header is folded over two lines: send it on one.", _MALFORMED),
    errors.InvalidHeaderName: Refusal(400, "A header's name holds characters that none may have.", _MALFORMED),
    errors.InvalidHeader: Refusal(
        400,
        "A header is malformed, occurs twice, or contradicts another: check line ends (CRLF), Host, Content-Length and "
        "Transfer-Encoding.",
        _MALFORMED,
    ),
    errors.InvalidSchemeHeaders: Refusal(400, "Two headers contradict each other about http and https.", _MALFORMED),
    errors.InvalidChunkSize: Refusal(400, "A chunk of the body has no readable size.", _MALFORMED),
    errors.InvalidChunkExtension: Refusal(400, "A chunk of the body has a malformed extension.", _MALFORMED),
    errors.ChunkMissingTerminator: Refusal(400, "A chunk of the body does not end where it says.", _MALFORMED),
}
_OURS = Refusal(500, "An unexpected error in this service; its log has the details.", "INTERNAL")


def refusal_of(error: Exception) -> Refusal:
    """With status 500 where the error is not the client's."""
    if isinstance(error, (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)):
        return _OURS
    return next((refusal for kind, refusal in _REFUSALS.items() if isinstance(error, kind)), _OURS)


def request_id_of(head: bytes) -> str:
    """The id that the client sent, or a new one."""
    sent = _REQUEST_ID.search(head)
    return request_ids.choose(sent[1].decode() if sent else "")


def answer(head: bytes, refusal: Refusal) -> bytes:
    """The whole answer, to a request of which this is known. The connection is closed behind it."""
    request = _REQUEST.match(head)
    path = unquote_to_bytes(request[2]).decode("latin-1") if request else ""
    body, kind = _page(refusal) if _is_for_people(path, head) else _json(path, refusal)
    headers = {
        "Connection": "close",
        "Content-Type": kind,
        "Content-Length": len(body),
        "Cache-Control": "no-store",
        "Content-Security-Policy": build_policy(settings.SECURE_CSP),
        "X-Content-Type-Options": "nosniff",
        request_ids.HEADER: request_ids.current(),
    }
    if refusal.wait is not None:
        headers["Retry-After"] = refusal.wait
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    is_head = request is not None and request[1] == b"HEAD"
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if is_head else body)


def _is_for_people(path: str, head: bytes) -> bool:
    """A browser says that it accepts HTML; everybody else, and all of the API, gets JSON."""
    accept = _ACCEPT.search(head)
    is_api = f"{path}/".startswith("/api/") or path.rstrip("/") in PROBES
    return not is_api and accept is not None and b"text/html" in accept[1].lower()


def _json(path: str, refusal: Refusal) -> tuple[bytes, str]:
    from api.refusals import as_json, media_type_of
    from api.v1.problem_types import Problem

    problem: Problem | None = Problem[refusal.problem] if refusal.problem else None
    return as_json(path, refusal.status, refusal.sentence, problem), media_type_of(path)


def _page(refusal: Refusal) -> tuple[bytes, str]:
    from api.refusals import PAGE_TYPE, as_page

    return as_page(refusal.status, refusal.sentence), PAGE_TYPE
