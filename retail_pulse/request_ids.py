"""An id for every request: in its answer, its problem document, every line of the log, and the job that it made.

So whoever has an answer finds the lines of this request, and of the engine that works on its job.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse

HEADER = "X-Request-Id"
MOST_CHARACTERS = 128

# What proxies and clients send: UUIDs, hexadecimal numbers, "Root=1-5759e988-bd862e3f", base64.
_SANE = re.compile(rf"[\w.:=+/@-]{{1,{MOST_CHARACTERS}}}", re.ASCII)
_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """The id of the request that this thread is answering; empty outside of requests."""
    return _current.get()


def choose(sent: str) -> str:
    """What the client sent, where it is fit for headers and logs; else a new id."""
    return sent if _SANE.fullmatch(sent) else uuid.uuid4().hex


@contextmanager
def using(request_id: str) -> Iterator[str]:
    """Let the block belong to the request of this id."""
    token = _current.set(request_id)
    try:
        yield request_id
    finally:
        _current.reset(token)


def as_headers() -> dict[str, str]:
    """The id for a message's headers; empty outside of requests."""
    return {"request_id": current()} if current() else {}


class RequestIds:
    """The outermost middleware: every answer carries its request's id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with using(choose(request.headers.get(HEADER, ""))) as request_id:
            # Django logs some answers when the middleware has done its work.
            request.request_id = request_id  # type: ignore[attr-defined]
            response = self.get_response(request)
        response[HEADER] = request_id
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            # It is made while the server sends it, after all middleware.
            response.streaming_content = _each_using(request_id, iter(response))
        return response


def _each_using(request_id: str, parts: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        with using(request_id):
            part = next(parts, None)
        if part is None:
            return
        yield part
