"""The probes of a process supervisor: has the process started, is it alive, and is it ready?"""

import logging
from collections.abc import Callable

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from jobs.engine.base import get_engine
from retail_pulse.db.question import Question

logger = logging.getLogger(__name__)

# Longer than a busy database takes, shorter than the timeout of any probe.
DATABASE_SECONDS = 1.0

# What /readyz says besides: each is asked with a connection to the database, and answers with a sentence or None.
notices: list[Callable[[], str | None]] = []


class Probes:
    """Answers the probes before anything else handles the request.

    Probes use an IP address and plain HTTP, which ALLOWED_HOSTS and the redirect to https would reject.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return probe(request.path_info) or self.get_response(request)


def probe(path: str) -> HttpResponse | None:
    """The answer to a probe; None at any other path."""
    match path.rstrip("/"):
        case "/livez":
            response = _livez()
        case "/readyz":
            response = _readyz()
        case "/startupz":
            response = _startupz()
        case _:
            return None
    response["Cache-Control"] = "no-store"
    return response


def _livez() -> HttpResponse:
    """200 as long as the process answers at all: it must not be killed because its database is away."""
    return JsonResponse({"status": "alive"})


def _readyz() -> HttpResponse:
    """200 where the database answers within DATABASE_SECONDS, else 503; a broker that is away is no reason for it."""
    try:
        said = _database.answer(DATABASE_SECONDS)
    except Exception as error:  # noqa: BLE001 - any error means that the database cannot be used
        logger.warning("not ready", extra={"error": str(error).strip() or type(error).__name__})
        return _not_yet(f"The database did not answer within {DATABASE_SECONDS:g} s.")
    broker = get_engine().broker
    found = {"notices": said, "broker": broker}
    return JsonResponse({"status": "ready", **{name: value for name, value in found.items() if value}})


def _startupz() -> HttpResponse:
    """200 once the engine, in a process that has one, has looked at the queue for the first time; else 503."""
    engine = get_engine()
    if engine.is_running and not engine.has_looked:
        return _not_yet("The engine has not looked at the queue yet.")
    return JsonResponse({"status": "started"})


def _not_yet(error: str) -> HttpResponse:
    return JsonResponse({"error": error}, status=503, headers={"Retry-After": "1"})


def _ask_database() -> list[str]:
    """The notices."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return [sentence for notice in notices if (sentence := _said_by(notice))]


def _said_by(notice: Callable[[], str | None]) -> str | None:
    try:
        return notice()
    except Exception as error:  # noqa: BLE001 - a notice is no reason to stop serving
        logger.warning("no notice", extra={"error": str(error).strip() or type(error).__name__})
        return None


_database = Question("readyz", _ask_database)
