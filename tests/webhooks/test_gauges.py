"""Do the gauges count what was not delivered, by what becomes of it, and no further than their bound?"""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webhooks.deliveries import make_delivery, make_endpoint, make_failed
from webhooks import gauges
from webhooks.models import DeliveryState

pytestmark = pytest.mark.django_db


def test_what_is_due_what_comes_later_and_what_has_failed_are_told_apart():
    endpoint = make_endpoint()
    for _ in range(3):
        make_delivery(endpoint)
    for _ in range(2):
        make_delivery(endpoint, due_at=timezone.now() + timedelta(hours=1))
    make_failed(endpoint)
    make_delivery(endpoint, state=DeliveryState.DELIVERED)

    assert gauges.undelivered().states == {"due": 3, "later": 2, "failed": 1}


def test_they_are_counted_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(gauges, "MOST_COUNTED", 2)
    endpoint = make_endpoint()
    for _ in range(3):
        make_delivery(endpoint)
        make_failed(endpoint)

    assert gauges.undelivered().states == {"due": 2, "later": 0, "failed": 2}
