"""The two questions of whoever watches over the process: does it live, and can it work?"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

logger = logging.getLogger(__name__)

# Longer than a busy database takes, shorter than any prober's patience.
DATABASE_SECONDS = 1.0

_asking = Lock()


class Probes:
    """Answers /livez and /readyz before anything else looks at the request.

    Probes come by address, over plain HTTP, from machines that ALLOWED_HOSTS and the redirect to https do not know.
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
    """200 as long as the process answers at all: a database that is away must not get it killed."""
    return JsonResponse({"status": "alive"})


def _readyz() -> HttpResponse:
    """200 where the database answers within DATABASE_SECONDS, else 503."""
    if _database_answers(DATABASE_SECONDS):
        return JsonResponse({"status": "ready"})
    error = f"The database did not answer within {DATABASE_SECONDS:g} s."
    return JsonResponse({"error": error}, status=503, headers={"Retry-After": "1"})


def _database_answers(seconds: float) -> bool:
    # Asked by a thread of its own: no timeout of the driver covers waiting for a connection, connecting and a
    # frozen server together. The lock keeps it to one such thread, however many probes come.
    deadline = monotonic() + seconds
    if not _asking.acquire(timeout=seconds):
        return False
    answer: Future[None] = Future()
    Thread(target=_ask_database, args=[answer], name="readyz", daemon=True).start()
    try:
        answer.result(timeout=deadline - monotonic())
    except Exception as error:  # noqa: BLE001 - whatever it is, without the database there is no work
        logger.warning("not ready", extra={"error": str(error).strip() or type(error).__name__})
        return False
    return True


def _ask_database(answer: Future[None]) -> None:
    try:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        finally:
            connection.close()
    except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
        answer.set_exception(error)
    else:
        answer.set_result(None)
    finally:
        _asking.release()
