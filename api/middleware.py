"""Checks before every view, headers after it, and the answer where no view gives one."""

import re
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework.renderers import JSONRenderer

from access.cross_site import is_cross_site
from access.throttles import TooOften
from api.problems import RETRY_AFTER_SECONDS, SENTENCES, is_database_away
from api.v1 import problems
from api.v1.problem_types import Problem


class APIAnswers:
    """The outermost: every answer of the API is JSON, wherever it was made, and is never cached."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if _is_api(request):
            is_v1 = _is_v1(request)
            kind = problems.MEDIA_TYPE if is_v1 else "application/json"
            if response.status_code >= 400 and response["Content-Type"] != kind:
                _turn_into_json(response, kind, is_v1)
            response["Cache-Control"] = "no-store"
        return response


def _turn_into_json(response: HttpResponse, kind: str, is_v1: bool) -> None:
    """In place, to keep the headers that other middleware has set."""
    status = response.status_code
    error = SENTENCES.get(status, f"{HTTPStatus(status).phrase}.")
    response.content = JSONRenderer().render(problems.body_for_status(status) if is_v1 else {"error": error})
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
            return _refusal(411, SENTENCES[411])
        if _content_length(request) > settings.MAX_BODY_BYTES:
            return _refusal(413, SENTENCES[413])
        return self.get_response(request)


def _refusal(status: int, sentence: str) -> HttpResponse:
    # With a Content-Length, so that the client need not wait for the connection to close.
    headers = {"Content-Length": str(len(sentence))}
    return HttpResponse(sentence, status=status, content_type="text/plain", headers=headers)


class OwnPages:
    """Refuses what another website's page has sent to a view that Django's CSRF check leaves out: see `cross_site`.

    Those are the API's views. Where a session authenticates a request to them, they check its CSRF token besides.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        if not getattr(view, "csrf_exempt", False) or not is_cross_site(request):
            return None
        sentence = (
            f"A page of {_sender(request)} sent this request, and other websites may not act here: send it from a "
            "program, or with an API key or a token, or have this service's operator name the website's origin in "
            "CSRF_TRUSTED_ORIGINS."
        )
        is_v1 = _is_v1(request)
        return JsonResponse(
            problems.body(Problem.CROSS_SITE, sentence) if is_v1 else {"error": sentence},
            status=403,
            content_type=problems.MEDIA_TYPE if is_v1 else "application/json",
        )


def _sender(request: HttpRequest) -> str:
    origin = request.headers.get("Origin", "another website")
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
        return HttpResponse(str(error), status=429, content_type="text/plain", headers={"Retry-After": str(error.wait)})


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
        if "%00" in request.META.get("QUERY_STRING", "") and not _is_api(request):
            return _refusal(400, "The address holds a NUL character.")
        return self.get_response(request)


def _is_v1(request: HttpRequest) -> bool:
    return f"{request.path_info}/".startswith("/api/v1/")


def _is_api(request: HttpRequest) -> bool:
    return f"{request.path_info}/".startswith("/api/")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: 503 where the database is away, in a view or in any middleware."""
    if is_database_away(sys.exc_info()[1]):
        return HttpResponse(
            SENTENCES[503],
            status=503,
            content_type="text/plain",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    return render(request, "500.html", status=500)
