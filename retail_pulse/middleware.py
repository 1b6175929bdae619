"""What holds for every request before and after the views, and the answer where no view gives one."""

import sys
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views import defaults
from rest_framework.renderers import JSONRenderer

from jobs.api.problems import RETRY_AFTER_SECONDS, SENTENCES, is_database_away


class APIAnswers:
    """The outermost: what leaves a path of the API is JSON, whoever answered, and stays in no cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if f"{request.path_info}/".startswith("/api/"):
            if response.status_code >= 400 and response["Content-Type"] != "application/json":
                _turn_into_json(response)
            response["Cache-Control"] = "no-store"
        return response


def _turn_into_json(response: HttpResponse) -> None:
    """In place, because the other middleware's headers are to stay."""
    status = response.status_code
    error = SENTENCES.get(status, f"{HTTPStatus(status).phrase}.")
    response.content = JSONRenderer().render({"error": error})
    response["Content-Type"] = "application/json"
    response["Content-Length"] = str(len(response.content))


class SessionKeys:
    """Drops a session cookie that cannot be ours: in quotes it may hold a NUL, which no PostgreSQL text can."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME, "0").isalnum():
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return self.get_response(request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: 503 where the database is away, in a view or in any middleware."""
    if is_database_away(sys.exc_info()[1]):
        return HttpResponse(
            SENTENCES[503],
            status=503,
            content_type="text/plain",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )
    return defaults.server_error(request)
