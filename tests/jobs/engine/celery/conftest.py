"""Engines on both brokers."""

import logging

import pytest

from jobs.engine import celery_app, publisher
from proofs.world.broker import TriedBroker
from tests.jobs.engine.celery.engines import CELERY
from tests.waiting import wait_for


@pytest.fixture(params=["redis", "rabbitmq"])
def kind(request):
    return request.param


@pytest.fixture
def broker(request, kind, settings):
    with TriedBroker(request.getfixturevalue(kind)) as broker:
        broker.flush()
        settings.BROKER_URL = broker.url
        yield broker


@pytest.fixture
def engine(broker, start_engine):
    engine = start_engine(CELERY)
    wait_for(lambda: engine._is_consuming)
    return engine


@pytest.fixture
def impatient(monkeypatch):
    """A broker that says nothing is given up soon."""
    for options in (celery_app._REDIS, celery_app._AMQP):
        for name in options:
            if name.endswith("timeout") and name != "visibility_timeout":
                monkeypatch.setitem(options, name, 1)
    monkeypatch.setattr(publisher, "ANSWER_SECONDS", 1)


@pytest.fixture
def quiet_publisher(monkeypatch):
    """Publishers that look, and send nothing; how often they have looked."""
    looks = []
    monkeypatch.setattr(publisher.Publisher, "_top_up", lambda self, wanted: looks.append(wanted))
    return looks


@pytest.fixture
def unthrottled(monkeypatch):
    monkeypatch.setattr(logging.getLogger("jobs.engine.celery"), "filters", [])
