"""Is every answer counted by its class, but those to probes?"""

import pytest
from django.conf import settings as project
from django.test import Client
from prometheus_client import REGISTRY


@pytest.fixture
def counted(settings):
    after = project.MIDDLEWARE.index("retail_pulse.health.Probes") + 1
    counting = "retail_pulse.telemetry.answers.CountAnswers"
    settings.MIDDLEWARE = [*project.MIDDLEWARE[:after], counting, *project.MIDDLEWARE[after:]]
    client = Client(raise_request_exception=False)

    def counted(path):
        """By how much each class has risen for it."""
        before = values()
        client.get(path)
        return {status: value - before[status] for status, value in values().items() if value != before[status]}

    def values():
        name = "retail_pulse_answers_total"
        return {f"{n}xx": REGISTRY.get_sample_value(name, {"status": f"{n}xx"}) or 0.0 for n in range(2, 6)}

    return counted


@pytest.mark.django_db
def test_answers_are_counted_by_the_class_of_their_status(counted):
    assert counted("/sign-in/") == {"2xx": 1}
    assert counted("/jobs/") == {"3xx": 1}
    assert counted("/nothing/here") == {"4xx": 1}


def test_an_error_in_a_view_is_counted(counted, monkeypatch):
    def broken(_):
        raise RuntimeError

    monkeypatch.setattr("api.v1.swagger.SwaggerUI.as_view", lambda: broken)
    assert counted("/docs/") == {"5xx": 1}


@pytest.mark.parametrize("path", ["/livez", "/startupz"])
def test_probes_are_not_counted(counted, path):
    assert counted(path) == {}
