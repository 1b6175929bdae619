"""Errors as answers: always `{"error": "<one sentence>"}`, wherever they were raised."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from rest_framework.exceptions import APIException, MethodNotAllowed, ParseError, UnsupportedMediaType
from rest_framework.response import Response
from rest_framework.views import exception_handler

logger = logging.getLogger(__name__)

# By status code, for errors whose own text would not help a client.
SENTENCES = {
    400: "The request cannot be read: its Host header is not one of this service's, or its parameters are malformed.",
    403: "This request is not allowed.",
    404: "There is nothing at this path.",
    405: "This path does not answer to this method.",
    411: "The body's length is unknown: send it with Content-Length, not in chunks.",
    413: "The body is larger than this service accepts.",
    415: "The body must be JSON, declared as Content-Type: application/json.",
    500: "An unexpected error in this service; its log has the details.",
    503: "The database is not available at the moment; try again in a few seconds.",
}
INCOMPLETE = "The body ended before its Content-Length."
# A restarting database is back within seconds.
RETRY_AFTER_SECONDS = 5
# A server finishes a few thousand images a minute.
PENDING_RETRY_AFTER_SECONDS = 60

# PostgreSQL, appendix A: a standby's answer to a write during a failover. The other temporary errors (lost
# connections, deadlocks, timeouts, full disks, too many clients) are OperationalErrors.
_READ_ONLY_TRANSACTION = "25006"
DISK_FULL = "53100"
# The server broke off a statement that took too long.
QUERY_CANCELED = "57014"
TOO_SLOW = "This took the database too long and was broken off: ask for less at once, or try again in a minute."
TOO_SLOW_RETRY_AFTER_SECONDS = 60


class KeyTaken(APIException):
    status_code = 422
    default_detail = "This Idempotency-Key came with another body before; a new submission needs a new key."


class TooManyPending(APIException):
    status_code = 429
    # The framework's name for what becomes Retry-After.
    wait = PENDING_RETRY_AFTER_SECONDS


class _BodyTooLarge(APIException):
    status_code = 413
    default_detail = SENTENCES[413]


class _DatabaseAway(APIException):
    status_code = 503
    default_detail = SENTENCES[503]
    wait = RETRY_AFTER_SECONDS


class _DiskFull(_DatabaseAway):
    default_detail = "The database's disk is full: nothing was stored; try again once its operator has made room."
    wait = PENDING_RETRY_AFTER_SECONDS


class _QueryTooSlow(_DatabaseAway):
    default_detail = TOO_SLOW
    wait = TOO_SLOW_RETRY_AFTER_SECONDS


_BY_SQLSTATE = {DISK_FULL: _DiskFull, QUERY_CANCELED: _QueryTooSlow}


def is_database_away(error: BaseException | None) -> bool:
    """Whether a request failed because of the database, so that the same request may soon succeed."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return True
    return error is not None and sqlstate(error) == _READ_ONLY_TRANSACTION


def sqlstate(error: BaseException) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The framework's exception handler; None for an unexpected error, which is then logged and answered with 500."""
    if isinstance(error, RequestDataTooBig):
        error = _BodyTooLarge()
    elif isinstance(error, UnreadablePostError):
        error = ParseError(INCOMPLETE)
    elif is_database_away(error):
        logger.warning("database not available", extra={"error": str(error).strip()})
        error = _BY_SQLSTATE.get(sqlstate(error) or "", _DatabaseAway)()
    response = exception_handler(error, context)
    if response is not None:
        # The framework's own sentences for the first two repeat what the client sent.
        match error:
            case MethodNotAllowed():
                sentence = SENTENCES[405]
            case UnsupportedMediaType():
                sentence = add_media_types(response, context)
            case _:
                sentence = response.data["detail"]
        response.data = {"error": sentence}
    return response


def add_media_types(response: Response, context: dict[str, Any]) -> str:
    """What a path's body may be, as the sentence of its 415 and in its header Accept (RFC 9110, section 15.5.16)."""
    types = [parser.media_type for parser in context["view"].get_parsers()]
    response["Accept"] = ", ".join(types)
    if types == ["application/json"]:
        return SENTENCES[415]
    *others, last = types
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"The body must be {listed}, declared in the header Content-Type."
