"""Refusals made outside the views: by middleware, and by the web server where it cannot hand a request over.

Under `/api/v1/` they are problems, on every other path of the API `{"error": "<one sentence>"}`, and elsewhere a page.
"""

from collections.abc import Mapping
from http import HTTPStatus

from django.http import HttpResponse
from django.template.loader import render_to_string
from rest_framework.renderers import JSONRenderer

from api.v1 import problems
from api.v1.problem_types import Problem

PAGE_TYPE = "text/html; charset=utf-8"


class Refused(HttpResponse):
    """A sentence as plain text, which `Answers` turns into JSON on the API's paths, and into a page for a browser.

    `problem` is its type under `/api/v1/`; None where a status says it all.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        problem: Problem | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # With a Content-Length, so that the client need not wait for the connection to close.
        headers = {"Content-Length": str(len(sentence.encode())), **(headers or {})}
        super().__init__(sentence, status=status, content_type="text/plain", headers=headers)
        self.sentence = sentence
        self.problem = problem


def is_api(path: str) -> bool:
    return f"{path}/".startswith("/api/")


def media_type_of(path: str) -> str:
    """The media type of an error on a path of the API."""
    return problems.MEDIA_TYPE if f"{path}/".startswith("/api/v1/") else "application/json"


def as_json(path: str, status: int, sentence: str = "", problem: Problem | None = None) -> bytes:
    """The body of an error; without a sentence, it has the usual one of the status."""
    if media_type_of(path) == problems.MEDIA_TYPE:
        return JSONRenderer().render(problems.body_for_status(status, sentence, problem))
    return JSONRenderer().render({"error": sentence or problems.sentence_of(status)})


def asks_for_page(accept: str) -> bool:
    """Whether the header Accept is that of a browser that opens a page."""
    return "text/html" in accept.lower()


def as_page(status: int, sentence: str) -> bytes:
    """The body of an error outside the API, without anything that would need a request."""
    context = {"title": HTTPStatus(status).phrase, "sentence": sentence}
    return render_to_string("dashboard/refused.html", context).encode()
