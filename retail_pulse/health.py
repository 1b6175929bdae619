"""The probes of a process supervisor: is the process alive, and is it ready?"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from jobs.engine.base import get_engine

logger = logging.getLogger(__name__)

# Longer than a busy database takes, shorter than the timeout of any probe.
DATABASE_SECONDS = 1.0

_query_lock = Lock()


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
    """200 where the database answers within DATABASE_SECONDS, else 503; a broker that is away is no reason for it."""
    if _database_answers(DATABASE_SECONDS):
        broker = get_engine().broker
        return JsonResponse({"status": "ready"} | ({} if broker is None else {"broker": broker}))
    error = f"The database did not answer within {DATABASE_SECONDS:g} s."
    return JsonResponse({"error": error}, status=503, headers={"Retry-After": "1"})


def _database_answers(seconds: float) -> bool:
    # In a separate thread: no single timeout of the driver covers waiting for a connection, connecting and a frozen
    # server. The lock limits it to one such thread, however many probes arrive.
    deadline = monotonic() + seconds
    if not _query_lock.acquire(timeout=seconds):
        return False
    answer: Future[None] = Future()
    Thread(target=_ask_database, args=[answer], name="readyz", daemon=True).start()
    try:
        answer.result(timeout=deadline - monotonic())
    except Exception as error:  # noqa: BLE001 - any error means that the database cannot be used
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
        _query_lock.release()
