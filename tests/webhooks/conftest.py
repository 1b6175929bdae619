from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from jobs import queue
from jobs.errors import NotAnImage
from jobs.models import Job
from tests.factories import failure, make_worker, success
from tests.waiting import wait_for
from tests.webhooks.receiver import Receiver
from webhooks import endpoints
from webhooks.kinds import SUBSCRIBABLE
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.sender import Sender

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


@pytest.fixture(scope="module")
def shared_receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(shared_receiver: Receiver, settings: Any) -> Iterator[Receiver]:
    """A receiver on loopback, which may be told."""
    shared_receiver.reset()
    settings.WEBHOOK_ALLOW_CIDRS = [ip_network("127.0.0.1/32")]
    settings.WEBHOOK_ALLOW_PORTS = [range(1, 65536)]
    yield shared_receiver
    shared_receiver.release()


def hand_over(sender: Sender) -> int:
    """One round as the sender's thread does it, until all that it has taken is recorded; returns how much that was."""
    taken = sender.claim()

    def is_recorded() -> bool:
        sender.record()
        return not sender._under_way

    wait_for(is_recorded)
    return taken


def send_due(sender: Sender | None = None) -> int:
    """Send what is due now, each delivery once, and record it; returns how many there were."""
    sender = sender or Sender(make_worker())
    total = 0
    while taken := hand_over(sender):
        total += taken
    return total


def make_due() -> None:
    """As if the time that deliveries wait for, and endpoints rest, had passed."""
    Delivery.objects.pending().update(due_at=Now() - timedelta(seconds=1))
    Endpoint.objects.update(rests_until=None)


def line(delivery: Delivery) -> Attempt:
    """The last line of the delivery's log."""
    return Attempt.objects.filter(delivery=delivery).latest("pk")
