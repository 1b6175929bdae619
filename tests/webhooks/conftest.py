from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import queue
from jobs.errors import NotAnImage
from jobs.models import Job
from tests.factories import failure, make_worker, success
from webhooks import endpoints
from webhooks.kinds import SUBSCRIBABLE
from webhooks.models import Delivery, Endpoint

URL = "https://receiver.test/hook"


@pytest.fixture
def ann(db) -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def ben(db) -> User:
    return User.objects.create_user("ben")


def make_endpoint(owner: User | None = None, url: str = URL, events: Any = SUBSCRIBABLE, **more: Any) -> Endpoint:
    return endpoints.create(owner, url, events, **more)


def finish(job: Job, *, failed: int = 0, limit: int = 1000) -> None:
    """Record an outcome for each image of the job, `failed` of them failures, in batches of `limit`."""
    worker = make_worker()
    while claims := queue.claim(worker, limit=limit):
        outcomes = []
        for claim in claims:
            outcomes.append(failure(claim, NotAnImage()) if failed > 0 else success(claim))
            failed -= 1
        queue.record(worker, outcomes)


def told(endpoint: Endpoint) -> list[str]:
    """The events that were stored for the endpoint, in their order."""
    return list(Delivery.objects.filter(endpoint=endpoint).order_by("pk").values_list("event__type", flat=True))
