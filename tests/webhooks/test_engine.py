"""Are events delivered by every engine, beside its work and through the end of a process?"""

from math import inf
from time import monotonic

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from jobs.models import ImageResult
from tests.factories import make_worker, submit_job
from tests.jobs.conftest import other  # noqa: F401
from tests.jobs.engine.conftest import start_engine  # noqa: F401
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for
from tests.webhooks.conftest import make_endpoint
from webhooks import choice, claims, endpoints, sender
from webhooks.models import Delivery, Endpoint
from webhooks.sender import Sender

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = "jobs.engine.threads.ThreadEngine"


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0.02)


@pytest.fixture
def start(soon):
    started = []

    def start():
        started.append(Sender(make_worker()))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.leave()
    for each in started:
        each.join(30)


def delivered():
    return Delivery.objects.filter(state="delivered").count()


def test_an_engine_tells_of_the_jobs_that_it_works_off(start_engine, soon, images, receiver, ann):  # noqa: F811
    make_endpoint(ann, f"{receiver.url}/hook", ["job.started", "job.ended"])
    start_engine(THREADS)
    urls = [f"{images.url}/{images.names[0]}?{number}" for number in range(3)]
    for _ in range(3):
        finished(submit_job(urls, owner=ann))
    wait_for(lambda: delivered() == 6)
    assert len(set(receiver.ids)) == 6
    assert not ImageResult.objects.exclude(state="completed").exists()


def test_of_several_processes_each_event_is_sent_by_one(start, receiver, ann):
    endpoint = make_endpoint(ann, f"{receiver.url}/hook")
    for _ in range(40):
        endpoints.send_test(endpoint)
    for _ in range(3):
        start()
    wait_for(lambda: delivered() == 40)
    assert sorted(receiver.ids) == sorted(set(receiver.ids))
    assert Endpoint.objects.get().failures == 0


def test_an_endpoint_that_hangs_does_not_hold_up_another_one(start, receiver, settings, ann, ben, monkeypatch):
    settings.WEBHOOK_THREADS = 4
    monkeypatch.setattr(choice, "LONG_SECONDS", inf)
    dead = [make_endpoint(owner, f"{receiver.url}/hang") for owner in (ann, ben) for _ in range(5)]
    healthy = make_endpoint(ann, f"{receiver.url}/hook")
    Endpoint.objects.filter(pk=healthy.pk).update(last_ms=5)
    for endpoint in dead:
        endpoints.send_test(endpoint)
    start()
    # No more than three of four threads wait for those that were never tried.
    wait_for(lambda: len(receiver.received) == 3)
    for _ in range(20):
        endpoints.send_test(healthy)
    wait_for(lambda: delivered() == 20)
    assert receiver.paths().count("/hang") == 3


def test_though_all_that_were_added_before_hang_a_new_endpoint_is_told(start, receiver, settings, ann, monkeypatch):
    settings.WEBHOOK_THREADS = 4
    monkeypatch.setattr(choice, "LONG_SECONDS", 0.0)
    for _ in range(10):
        endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hang"))
    healthy = endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hook"))
    start()
    wait_for(lambda: delivered() == 1)
    assert Delivery.objects.get(state="delivered").pk == healthy.pk


def test_though_all_of_one_owner_hang_a_new_endpoint_of_another_is_told(
    start, receiver, settings, ann, ben, monkeypatch
):
    settings.WEBHOOK_THREADS = 4
    monkeypatch.setattr(choice, "LONG_SECONDS", inf)
    for _ in range(10):
        endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hang"))
    start()
    # No more than two of four threads are for what one owner has that was never tried.
    wait_for(lambda: len(receiver.received) == 2)
    healthy = endpoints.send_test(make_endpoint(ben, f"{receiver.url}/hook"))
    wait_for(lambda: delivered() == 1)
    assert Delivery.objects.get(state="delivered").pk == healthy.pk
    assert receiver.paths().count("/hang") == 2


def test_an_attempt_that_becomes_long_makes_room_without_another_look_being_due(receiver, settings, ann, monkeypatch):
    settings.WEBHOOK_THREADS = 4
    monkeypatch.setattr(sender, "LOOK_SECONDS", 600)
    for _ in range(4):
        endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hang"))
    healthy = endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hook"))
    sending = Sender(make_worker())
    sending._woken.set()
    sending.start()
    try:
        wait_for(lambda: delivered() == 1)
    finally:
        receiver.release()
        sending.leave()
        sending.join(30)
    assert Delivery.objects.get(pk=healthy.pk).state == "delivered"


def test_beside_attempts_that_go_on_for_long_a_sender_waits_for_the_next_look(receiver, settings, ann):
    settings.WEBHOOK_THREADS = 1
    sending = Sender(make_worker())
    now = monotonic()
    for number, seconds in enumerate((choice.LONG_SECONDS + 0.1, 60, 0)):
        sending._under_way[number] = choice.UnderWay(number, ann.pk, choice.Trust.UNKNOWN, now - seconds)
    # One becomes long soon.
    assert 0 < sending._pause() < 2 * choice.LONG_SECONDS
    del sending._under_way[2]
    assert sending._pause() >= sender.LOOK_SECONDS / 2


def test_what_is_under_way_when_a_process_leaves_is_still_recorded(start, receiver, ann):
    delivery = endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hang"))
    first = start()
    wait_for(lambda: receiver.received)
    first.leave()
    endpoints.send_test(delivery.endpoint)
    receiver.release()
    first.join(30)
    assert not first._thread.is_alive()
    assert (delivered(), Delivery.objects.pending().count()) == (1, 1)


def test_a_process_that_sends_none_leaves_them_to_others(start, receiver, settings, ann):
    settings.WEBHOOK_THREADS = 0
    silent = start()
    silent.leave()
    silent.join(30)
    endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hook"))
    settings.WEBHOOK_THREADS = 1
    start()
    wait_for(lambda: delivered() == 1)


def test_a_database_that_refuses_for_a_moment_loses_nothing(start, receiver, ann, monkeypatch):
    monkeypatch.setattr(sender, "AGAIN_SECONDS", 0.01)
    record, refusals = sender.results.record, iter([True, True])

    def refusing(*given):
        if next(refusals, False):
            raise OperationalError("not now")
        return record(*given)

    monkeypatch.setattr(sender.results, "record", refusing)
    endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hook"))
    start()
    wait_for(lambda: delivered() == 1)
    assert len(receiver.ids) == 1


def test_what_breaks_while_sending_is_a_failure_like_any_other(start, receiver, ann, monkeypatch):
    def breaks(*given):
        raise RuntimeError

    monkeypatch.setattr(sender, "send", breaks)
    delivery = endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hook"))
    start()
    wait_for(lambda: delivery.log.filter(error_code="internal").exists())
    # It is no fault of the endpoint's.
    assert Endpoint.objects.get().failures == 0


def test_a_look_goes_through_all_endpoints_and_then_from_one_to_the_next(receiver, ann, monkeypatch):
    monkeypatch.setattr(claims, "MOST_LOOKED_AT", 2)
    monkeypatch.setattr(sender, "LOOK_SECONDS", 600)
    made = [make_endpoint(ann, f"{receiver.url}/hook") for _ in range(5)]
    for endpoint in made:
        endpoints.send_test(endpoint)
    looking = Sender(make_worker())
    # In a look there is no order.
    assert sorted(due.endpoint_id for due in looking._look()) == [endpoint.pk for endpoint in made]
    assert [sorted(due.endpoint_id for due in looking._look()) for _ in range(3)] == [
        [made[0].pk, made[1].pk],
        [made[2].pk, made[3].pk],
        [made[4].pk],
    ]


def test_a_look_is_bounded_and_the_next_one_goes_on_where_it_ended(receiver, ann, monkeypatch):
    monkeypatch.setattr(claims, "MOST_LOOKED_AT", 2)
    monkeypatch.setattr(sender, "MOST_PAGES", 2)
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0)
    made = [make_endpoint(ann, f"{receiver.url}/hook") for _ in range(5)]
    for endpoint in made:
        endpoints.send_test(endpoint)
    looking = Sender(make_worker())
    seen = [sorted(due.endpoint_id for due in looking._look()) for _ in range(3)]
    keys = [endpoint.pk for endpoint in made]
    assert seen == [keys[:4], keys[4:], keys[:4]]


def test_one_who_waits_for_a_lock_keeps_nobody_from_sending_the_rest(receiver, ann, ben, other):  # noqa: F811
    first, second = (endpoints.send_test(make_endpoint(user, f"{receiver.url}/hook")) for user in (ann, ben))
    other.execute("SELECT 1 FROM webhooks_delivery WHERE id = %s FOR UPDATE", [first.pk])
    looking = Sender(make_worker())
    assert looking.claim() == 1
    assert set(looking._under_way) == {second.pk}
    wait_for(lambda: len(receiver.ids) == 1)
    other.rollback()
    assert Delivery.objects.filter(due_at__lte=Now()).count() == 1
