"""Errors under /api/v1/, as `application/problem+json` (RFC 9457).

`errors` lists every fault of a request at once: in the body by JSON Pointer (RFC 6901, as a URI fragment) or, where it
is a file, by line and column, in the query by the parameter's name.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, UnreadablePostError
from django.urls import reverse
from django.utils.text import capfirst
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    ParseError,
    PermissionDenied,
    UnsupportedMediaType,
)
from rest_framework.response import Response
from rest_framework.views import exception_handler

from api.problems import (
    DISK_FULL,
    INCOMPLETE,
    PENDING_RETRY_AFTER_SECONDS,
    QUERY_CANCELED,
    RETRY_AFTER_SECONDS,
    SENTENCES,
    TOO_SLOW,
    TOO_SLOW_RETRY_AFTER_SECONDS,
    add_media_types,
    is_database_away,
)
from api.problems import sqlstate as sqlstate_of
from api.v1.problem_types import Problem
from jobs.pending_limit import TooManyPending
from jobs.queue import NotPossible
from jobs.submission.payload import InvalidPayload, Path
from jobs.submission.references import ReferenceTaken
from jobs.submission.submit import KeyReused
from jobs.submission.visit_rows import UnreadableVisits
from retail_pulse import request_ids

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_BY_STATUS = {
    400: Problem.INVALID_REQUEST,
    401: Problem.NOT_SIGNED_IN,
    403: Problem.NOT_ALLOWED,
    404: Problem.NOT_FOUND,
    405: Problem.METHOD_NOT_ALLOWED,
    409: Problem.CONFLICT,
    411: Problem.LENGTH_REQUIRED,
    413: Problem.TOO_LARGE,
    415: Problem.WRONG_MEDIA_TYPE,
    422: Problem.IDEMPOTENCY_KEY_REUSED,
    429: Problem.TOO_OFTEN,
    500: Problem.INTERNAL,
    503: Problem.UNAVAILABLE,
}


class Refusal(APIException):
    """A request that is answered with this problem; it may succeed after `wait` seconds.

    `extra` are members that only this problem has (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str | int | None]] = (),
        extra: Mapping[str, str | int] | None = None,
        wait: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.status_code = problem.value.status
        self.errors = errors
        self.extra = extra or {}
        if wait is not None:
            # The framework's name for what becomes Retry-After.
            self.wait = wait


def not_found(what: str) -> Refusal:
    """The same for what does not exist and for what belongs to somebody else; `what` as in `job 17`."""
    return Refusal(Problem.NOT_FOUND, f"There is no {what} that you may see.")


def invalid_parameters(errors: Sequence[tuple[str, str]]) -> Refusal:
    """`errors` are (name of a query parameter, sentence)."""
    listed: list[dict[str, str | int | None]] = [{"parameter": name, "detail": sentence} for name, sentence in errors]
    return Refusal(Problem.INVALID_REQUEST, _first_of([sentence for _, sentence in errors]), errors=listed)


def pointer(path: Path) -> str:
    """The place as a JSON Pointer in a URI fragment (RFC 6901, section 6): `#/visits/3/store_id`."""
    parts = (str(key).replace("~", "~0").replace("/", "~1") for key in path)
    return "".join(["#", *(f"/{quote(part, safe='~')}" for part in parts)])


def body(problem: Problem, detail: str, errors: Sequence[Mapping[str, str | int | None]] = ()) -> dict[str, Any]:
    kind = problem.value
    found: dict[str, Any] = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": detail}
    return _identified({**found, "errors": list(errors)} if errors else found)


def body_for_status(status: int, sentence: str = "", problem: Problem | None = None) -> dict[str, Any]:
    """For answers not made by a view; a status without its own type gets `about:blank`, as RFC 9457 provides.

    Without a sentence, the usual one of the status.
    """
    detail = sentence or sentence_of(status)
    if (problem := problem or _BY_STATUS.get(status)) is not None:
        return body(problem, detail)
    return _identified({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail})


def _identified(found: dict[str, Any]) -> dict[str, Any]:
    """With the request's id, by which an operator finds its lines in the log."""
    request_id = request_ids.current()
    return {**found, "request_id": request_id} if request_id else found


def sentence_of(status: int) -> str:
    """What there is to say of a status alone."""
    if status in SENTENCES:
        return SENTENCES[status]
    return _BY_STATUS[status].value.explanation if status in _BY_STATUS else f"{HTTPStatus(status).phrase}."


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The views' exception handler; None for an unexpected error, which is then logged and answered with 500."""
    refusal = _refusal(error)
    if refusal is None:
        return None
    response = exception_handler(refusal, context)
    assert response is not None  # the framework answers every APIException
    detail = str(refusal.detail)
    if isinstance(error, UnsupportedMediaType):
        detail = add_media_types(response, context)
    response.data = {**body(refusal.problem, detail, refusal.errors), **refusal.extra}
    response.content_type = MEDIA_TYPE
    return response


def _refusal(error: Exception) -> Refusal | None:
    match error:
        case Refusal():
            return error
        case InvalidPayload():
            errors = [{"pointer": pointer(each.path), "detail": f"{each.sentence}."} for each in error.problems]
            return Refusal(Problem.INVALID_SUBMISSION, str(error.detail), errors=errors)
        case UnreadableVisits():
            problems = error.problems
            lines = [{"line": at.line, "column": at.column, "detail": f"{at.sentence}."} for at in problems]
            return Refusal(Problem.INVALID_SUBMISSION, capfirst(str(error)), errors=lines)
        case UnreadablePostError():
            return Refusal(Problem.INVALID_SUBMISSION, INCOMPLETE)
        case RequestDataTooBig():
            return Refusal(Problem.TOO_LARGE, SENTENCES[413])
        case ParseError():
            return Refusal(Problem.INVALID_SUBMISSION, str(error.detail))
        case NotPossible():
            return Refusal(Problem.CONFLICT, str(error))
        case KeyReused():
            return Refusal(Problem.IDEMPOTENCY_KEY_REUSED, Problem.IDEMPOTENCY_KEY_REUSED.value.explanation)
        case ReferenceTaken():
            return _reference_taken(error)
        case TooManyPending():
            return Refusal(Problem.TOO_MANY_PENDING, str(error), wait=PENDING_RETRY_AFTER_SECONDS)
        case Http404() | ObjectDoesNotExist():  # the second where it was deleted since it was looked for
            return Refusal(Problem.NOT_FOUND, SENTENCES[404])
        case DjangoPermissionDenied():
            return Refusal(Problem.NOT_ALLOWED, SENTENCES[403])
        case APIException():
            return _from_framework(error)
    if not is_database_away(error):
        return None
    logger.warning("database not available", extra={"error": str(error).strip()})
    if sqlstate_of(error) == DISK_FULL:
        sentence = "The database's disk is full: nothing was stored; try again once its operator has made room."
        return Refusal(Problem.UNAVAILABLE, sentence, wait=PENDING_RETRY_AFTER_SECONDS)
    if sqlstate_of(error) == QUERY_CANCELED:
        return Refusal(Problem.QUERY_TOO_SLOW, TOO_SLOW, wait=TOO_SLOW_RETRY_AFTER_SECONDS)
    return Refusal(Problem.UNAVAILABLE, SENTENCES[503], wait=RETRY_AFTER_SECONDS)


def _reference_taken(error: ReferenceTaken) -> Refusal:
    errors: list[dict[str, str | int | None]] = [
        {"pointer": pointer(each.path), "detail": f"{each.sentence}.", "job_id": each.job_id} for each in error.taken
    ]
    job_id = error.taken[0].job_id
    extra: dict[str, str | int] = {"job_id": job_id, "job": reverse("v1:job", args=[job_id])}
    return Refusal(Problem.REFERENCE_TAKEN, str(error), errors=errors, extra=extra)


def _from_framework(error: APIException) -> Refusal:
    has_own_text = isinstance(error, (AuthenticationFailed, NotAuthenticated, PermissionDenied))
    sentence = str(error.detail)
    if not has_own_text and error.status_code != 429:
        # The framework's own sentences for these repeat what the client sent.
        sentence = SENTENCES.get(error.status_code, sentence)
    refusal = Refusal(_BY_STATUS.get(error.status_code, Problem.INVALID_REQUEST), sentence)
    for name in ("wait", "auth_header"):
        if hasattr(error, name):
            setattr(refusal, name, getattr(error, name))
    return refusal


def _first_of(sentences: Sequence[str]) -> str:
    more = len(sentences) - 1
    if not more:
        return sentences[0]
    noun = "problem" if more == 1 else "problems"
    return f"{sentences[0].removesuffix('.')} (and {more} more {noun})."
