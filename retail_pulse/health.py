"""The probes of a process supervisor: is the process alive, and is it ready?"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

logger = logging.getLogger(__name__)

# Longer than a busy database takes, shorter than the timeout of any probe.
DATABASE_SECONDS = 1.0

_query_lock = Lock()
# What /readyz says besides: each is asked with a connection to the database, and answers with a sentence or None.
notices: list[Callable[[], str | None]] = []


class Probes:
    """Answers /livez and /readyz before anything else handles the request.

    Probes use an IP address and plain HTTP, which ALLOWED_HOSTS and the redirect to https would reject.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match request.path_info.rstrip("/"):
            case "/livez":
                response = _livez()
            case "/readyz":
                response = _readyz()
            case _:
                return self.get_response(request)
        response["Cache-Control"] = "no-store"
        return response


def _livez() -> HttpResponse:
    """200 as long as the process answers at all: it must not be killed because its database is away."""
    return JsonResponse({"status": "alive"})


def _readyz() -> HttpResponse:
    """200 where the database answers within DATABASE_SECONDS, else 503."""
    said = _ask(DATABASE_SECONDS)
    if said is not None:
        return JsonResponse({"status": "ready", **({"notices": said} if said else {})})
    error = f"The database did not answer within {DATABASE_SECONDS:g} s."
    return JsonResponse({"error": error}, status=503, headers={"Retry-After": "1"})


def _ask(seconds: float) -> list[str] | None:
    """The notices; None where the database does not answer."""
    # In a separate thread: no single timeout of the driver covers waiting for a connection, connecting and a frozen
    # server. The lock limits it to one such thread, however many probes arrive.
    deadline = monotonic() + seconds
    if not _query_lock.acquire(timeout=seconds):
        return None
    answer: Future[list[str]] = Future()
    Thread(target=_ask_database, args=[answer], name="readyz", daemon=True).start()
    try:
        return answer.result(timeout=deadline - monotonic())
    except Exception as error:  # noqa: BLE001 - any error means that the database cannot be used
        logger.warning("not ready", extra={"error": str(error).strip() or type(error).__name__})
        return None


def _said_by(notice: Callable[[], str | None]) -> str | None:
    try:
        return notice()
    except Exception as error:  # noqa: BLE001 - a notice is no reason to stop serving
        logger.warning("no notice", extra={"error": str(error).strip() or type(error).__name__})
        return None


def _ask_database(answer: Future[list[str]]) -> None:
    try:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            said = [sentence for notice in notices if (sentence := _said_by(notice))]
        finally:
            connection.close()
    except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
        answer.set_exception(error)
    else:
        answer.set_result(said)
    finally:
        _query_lock.release()
