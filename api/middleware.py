"""Checks before every view, headers after it, and the answer where no view gives one."""

import re
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from access import rate_headers
from access.cross_site import is_cross_site, is_read_without_key
from access.throttles import TooOften
from api.problems import (
    QUERY_CANCELED,
    RETRY_AFTER_SECONDS,
    SENTENCES,
    TOO_SLOW,
    TOO_SLOW_RETRY_AFTER_SECONDS,
    is_database_away,
    sqlstate,
)
from api.refusals import PAGE_TYPE, Refused, as_json, as_page, asks_for_page, is_api, media_type_of
from api.v1.problem_types import Problem
from tables.text import codec_of

_COMPRESSED = (
    "The body has a Content-Encoding, which this service does not undo: send it as it is, without that header."
)
# What clients write where there is no content coding.
_NO_CODINGS = {"", "identity", "none", "binary", "7bit", "8bit"}
_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


class Answers:
    """The outermost: every answer of the API is JSON, wherever it was made, and is never cached; what is refused on
    other paths is a page where a browser asks for one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if is_api(request.path_info):
            kind = media_type_of(request.path_info)
            if response.status_code >= 400 and response["Content-Type"] != kind:
                _turn_into_json(response, kind, request.path_info)
            response["Cache-Control"] = "no-store"
            rate_headers.tell(request, response)
        elif isinstance(response, Refused) and _opens_page(request):
            response.content = as_page(response.status_code, response.sentence)
            response["Content-Type"] = PAGE_TYPE
            response["Content-Length"] = str(len(response.content))
        return response


def _opens_page(request: HttpRequest) -> bool:
    """Not the dashboard's own script, which shows the sentence where it is needed."""
    return "HX-Request" not in request.headers and asks_for_page(request.headers.get("Accept", ""))


def _turn_into_json(response: HttpResponse, kind: str, path: str) -> None:
    """In place, to keep the headers that other middleware has set."""
    own = (response.sentence, response.problem) if isinstance(response, Refused) else ()
    response.content = as_json(path, response.status_code, *own)
    response["Content-Type"] = kind
    response["Content-Length"] = str(len(response.content))


class BodyLimits:
    """Refuses a body by its headers, before a byte of it is read, on every path.

    Django's own limit ignores the files of a multipart form, which the admin would write to disk one by one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "Transfer-Encoding" in request.headers:
            # Django would read it as an empty body.
            return Refused(411, SENTENCES[411])
        length = _content_length(request)
        if length > settings.MAX_BODY_BYTES:
            return Refused(413, SENTENCES[413])
        if length and _is_encoded(request):
            # RFC 9110, section 15.5.16, asks for this header.
            headers = {"Accept-Encoding": "identity"}
            return Refused(415, _COMPRESSED, Problem.COMPRESSED_BODY, headers=headers)
        if length and _is_form_of_other_charset(request):
            return Refused(415, "A form must be UTF-8; the Content-Type of this one names another charset.")
        return self.get_response(request)


def _is_encoded(request: HttpRequest) -> bool:
    """Whether the body has a content coding, such as gzip. Some clients name its charset there: that is none."""
    codings = request.headers.get("Content-Encoding", "").lower().split(",")
    return any(coding.strip() not in _NO_CODINGS and not codec_of(coding.strip()) for coding in codings)


def _is_form_of_other_charset(request: HttpRequest) -> bool:
    """Django would read it as UTF-8, and put U+FFFD for what is not."""
    charset = (request.content_params or {}).get("charset", "utf-8")
    return request.content_type in _FORMS and codec_of(charset) not in {"utf-8", "ascii"}


class OwnPages:
    """Refuses what another website's page has sent to a view that Django's CSRF check leaves out: see `cross_site`.

    Those are the API's views. Where a session authenticates a request to them, they check its CSRF token besides.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        if not getattr(view, "csrf_exempt", False):
            return None
        if is_read_without_key(request):
            return Refused(
                403, f"Pages of {_sender(request)} may use this API with an API key or a token.", Problem.CROSS_SITE
            )
        if not is_cross_site(request):
            return None
        sentence = (
            f"A page of {_sender(request)} sent this request, and other websites may not act here: send it from a "
            "program, or with an API key or a token, or have this service's operator name the website's origin in "
            "CSRF_TRUSTED_ORIGINS."
        )
        return Refused(403, sentence, Problem.CROSS_SITE)


def _sender(request: HttpRequest) -> str:
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return "another website"  # which browsers leave unnamed, for example in a frame without rights
    # Short, and without what could be taken for markup or for another line of a log.
    return re.sub(r"[^\w.:/\[\] -]", "?", origin, flags=re.ASCII)[:100]


def _content_length(request: HttpRequest) -> int:
    """As Django reads it: anything but a number means no body."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


class TooOftenAnswers:
    """429 where a page or the admin throttles a request; the API's views answer for themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, TooOften):
            return None
        return Refused(429, str(error), headers={"Retry-After": str(error.wait)})


class NULs:
    """Keeps NUL characters, which PostgreSQL cannot store in text, from becoming server errors.

    A session cookie that this service cannot have set is dropped (in quotes it may hold a NUL); a query with a NUL is
    refused. The API's views check their own queries.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME, "0").isalnum():
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        if "%00" in request.META.get("QUERY_STRING", "") and not is_api(request.path_info):
            return Refused(400, "The address holds a NUL character.")
        return self.get_response(request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: 503 where the database is away, in a view or in any middleware."""
    error = sys.exc_info()[1]
    if error is not None and is_database_away(error):
        too_slow = sqlstate(error) == QUERY_CANCELED
        wait = TOO_SLOW_RETRY_AFTER_SECONDS if too_slow else RETRY_AFTER_SECONDS
        return Refused(503, TOO_SLOW if too_slow else SENTENCES[503], headers={"Retry-After": str(wait)})
    return render(request, "500.html", status=500)
