"""Do the probes answer correctly, and in time?"""

import time

import pytest
from django.db import connection
from django.test import Client

from retail_pulse import health
from tests.api import databases


@pytest.fixture
def probe() -> Client:
    return Client(headers={"host": "10.1.2.3:8000"})


@pytest.mark.parametrize("path", ["/livez", "/livez/"])
def test_a_process_lives_without_a_database(probe, path):
    response = probe.get(path)

    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_a_process_with_a_database_is_ready(probe, path):
    response = probe.get(path)

    assert (response.status_code, response.json()) == (200, {"status": "ready"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_a_process_whose_database_is_gone_is_not_ready_until_it_is_back(probe):
    with databases.refusing():
        response = probe.get("/readyz")
        assert probe.get("/livez").status_code == 200
    assert response.status_code == 503
    assert response["Content-Type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert int(response["Retry-After"]) > 0

    assert probe.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_frozen_database_is_waited_for_one_second(probe):
    with databases.frozen():
        begin = time.monotonic()
        response = probe.get("/readyz")
        took = time.monotonic() - begin

    assert response.status_code == 503
    assert health.DATABASE_SECONDS == 1
    # The pool would wait for a connection until long after.
    assert 0.9 < took < 15


@pytest.mark.django_db(transaction=True)
def test_probes_take_no_connection_out_of_the_pool(probe):
    connection.ensure_connection()
    in_use = connection.pool.get_stats()["pool_size"]
    for _ in range(5):
        assert probe.get("/readyz").status_code == 200

    assert connection.pool.get_stats()["pool_size"] <= in_use + 1


class Engine:
    """As `/startupz` sees one."""

    def __init__(self, is_running: bool, has_looked: bool) -> None:
        self.is_running = is_running
        self.has_looked = has_looked


@pytest.mark.parametrize(
    ("engine", "status", "body"),
    [
        (Engine(is_running=False, has_looked=False), 200, {"status": "started"}),
        (Engine(is_running=True, has_looked=False), 503, {"error": "The engine has not looked at the queue yet."}),
        (Engine(is_running=True, has_looked=True), 200, {"status": "started"}),
    ],
)
@pytest.mark.parametrize("path", ["/startupz", "/startupz/"])
def test_a_process_has_started_once_its_engine_has_looked_at_the_queue(probe, monkeypatch, path, engine, status, body):
    monkeypatch.setattr(health, "get_engine", lambda: engine)
    response = probe.get(path)

    assert (response.status_code, response.json()) == (status, body)
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/livezz", "/readyz/x", "/api/livez", "/startupz/x"])
def test_other_paths_are_not_probes(path):
    assert Client().get(path).status_code == 404


def test_probes_are_not_redirected_to_https(settings, probe):
    settings.SECURE_SSL_REDIRECT = True

    assert probe.get("/livez").status_code == 200
