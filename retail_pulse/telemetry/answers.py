"""Counts what the web side answers, where METRICS_PORT is set: by class of status, never by address."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter

ANSWERS = Counter("retail_pulse_answers", "Answers to requests, by class of status; probes are none.", ["status"])
# From the start on, so that the first one counts as an increase.
BY_CLASS = {number: ANSWERS.labels(f"{number}xx") for number in range(2, 6)}


class CountAnswers:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        BY_CLASS[response.status_code // 100].inc()
        return response
