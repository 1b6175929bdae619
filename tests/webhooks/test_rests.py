"""When does an endpoint that fails get nothing for a while, and for how long?"""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webhooks.conftest import make_due, make_endpoint, send_due
from webhooks import endpoints, schedule
from webhooks.choice import MOST_AT_ONCE
from webhooks.models import Delivery, Endpoint


@pytest.fixture
def endpoint(receiver, ann, monkeypatch):
    # What has failed is not due again within a test, however long that takes.
    monkeypatch.setattr(schedule, "WAITS", (3_600.0,) * len(schedule.WAITS))
    return make_endpoint(ann, f"{receiver.url}/hook")


def rests():
    until = Endpoint.objects.get().rests_until
    return until is not None and until > timezone.now()


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 0), (2, 1), (3, 2), (10, 256), (11, 300), (12, 300), (100_000, 300)]
)
def test_from_the_second_failure_on_each_rest_is_twice_as_long_up_to_five_minutes(failures, seconds):
    assert schedule.rest(failures) == seconds
    assert schedule.rest(failures, retry_after=7_200) == 7_200


@pytest.mark.django_db
def test_after_a_single_failure_the_next_event_is_sent_at_once(receiver, endpoint):
    receiver.answer("/hook", 500)
    first, second = (endpoints.send_test(endpoint) for _ in range(2))
    assert send_due() == 2
    assert {each.pk: each.state for each in Delivery.objects.all()} == {first.pk: "pending", second.pk: "delivered"}
    assert (Endpoint.objects.get().failures, rests()) == (0, False)


@pytest.mark.django_db
def test_after_two_failures_in_a_row_what_else_there_is_waits(receiver, endpoint):
    # Long enough for the rest to be seen on a busy machine.
    receiver.answer("/hook", 500, (500, {"Retry-After": "3600"}, b""))
    for _ in range(3):
        endpoints.send_test(endpoint)
    assert send_due() == 2
    assert (Endpoint.objects.get().failures, rests()) == (2, True)
    make_due()
    assert send_due() == 3
    assert Endpoint.objects.get().failures == 0


@pytest.mark.django_db
def test_requests_that_fail_side_by_side_are_one_failure(receiver, endpoint):
    Endpoint.objects.update(last_ms=5)
    for _ in range(MOST_AT_ONCE):
        endpoints.send_test(endpoint)
    receiver.answer("/hook", *[500] * MOST_AT_ONCE)
    assert send_due() == MOST_AT_ONCE
    assert (Endpoint.objects.get().failures, rests()) == (1, False)
    # From now on it gets one at a time.
    receiver.answer("/hook", 500)
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(due_at=timezone.now())
    assert send_due() == 1
    assert Endpoint.objects.get().failures == 2


@pytest.mark.django_db
def test_of_requests_side_by_side_the_longest_retry_after_is_obeyed(receiver, endpoint):
    Endpoint.objects.update(last_ms=5)
    for _ in range(3):
        endpoints.send_test(endpoint)
    receiver.answer("/hook", 503, (503, {"Retry-After": "7200"}, b""), (503, {"Retry-After": "60"}, b""))
    assert send_due() == 3
    assert Endpoint.objects.get().rests_until > timezone.now() + timedelta(hours=1)
