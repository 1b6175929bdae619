"""Does an event reach its endpoint, signed, under one id, and as often as the schedule says?"""

import json
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from retail_pulse.version import VERSION
from tests.factories import allow, make_staff, make_worker, submit_job
from tests.webhooks.conftest import finish, line, make_due, make_endpoint, send_due
from webhooks import endpoints, replays, schedule
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledFor, Endpoint, Event
from webhooks.results import DISABLED_AFTER
from webhooks.sender import Sender

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(receiver, ann):
    return make_endpoint(ann, f"{receiver.url}/hook", ["job.ended"])


@pytest.fixture
def delivery(endpoint):
    return endpoints.send_test(endpoint)


def verified(received, secret):
    return Webhook(secret).verify(received.body, received.headers)


def test_an_event_arrives_signed_as_the_bytes_that_are_stored(receiver, endpoint, ann):
    job = submit_job(1, owner=ann)
    finish(job)
    assert send_due() == 1
    (received,) = receiver.received
    event = Event.objects.get()
    assert (received.method, received.path, received.body) == ("POST", "/hook", event.body.encode())
    assert verified(received, endpoint.secret)["data"]["id"] == job.pk
    assert received.headers["webhook-id"] == event.uid
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"] == f"retail-pulse/{VERSION}"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.sender_id) == ("delivered", 1, None)
    assert delivery.ended_at is not None
    attempt = line(delivery)
    assert (attempt.number, attempt.status, attempt.error_code, attempt.url) == (1, 204, "", endpoint.url)
    assert str(attempt.timestamp) == received.headers["webhook-timestamp"]
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.last_ms is not None, endpoint.succeeded_at is not None) == (0, True, True)


def test_a_signature_by_another_secret_is_refused(receiver, delivery):
    send_due()
    with pytest.raises(WebhookVerificationError):
        verified(receiver.received[0], endpoints.signing.new_secret())


def test_letters_beyond_ascii_are_signed_as_they_are_sent(receiver, endpoint, delivery):
    Event.objects.update(body=json.dumps({"data": "Łódź \U0001f4f7"}, ensure_ascii=False))
    send_due()
    assert verified(receiver.received[0], endpoint.secret) == {"data": "Łódź \U0001f4f7"}


def test_while_a_secret_is_being_changed_both_sign(receiver, endpoint, delivery):
    old = endpoint.secret
    new = endpoints.rotate(endpoint).secret
    assert old != new
    send_due()
    (received,) = receiver.received
    assert len(received.headers["webhook-signature"].split(" ")) == 2
    assert verified(received, old) == verified(received, new)


def test_a_day_later_the_old_secret_signs_no_more(receiver, endpoint, delivery):
    old = endpoint.secret
    endpoints.rotate(endpoint)
    Endpoint.objects.update(old_secret_until=Now() - timedelta(seconds=1))
    send_due()
    verified(receiver.received[0], Endpoint.objects.get().secret)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.received[0], old)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(receiver, delivery, status):
    receiver.answer("/hook", status)
    send_due()
    assert Delivery.objects.get().state == DeliveryState.DELIVERED


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_anything_else_is_a_failure_which_is_tried_again(receiver, endpoint, delivery, status):
    receiver.answer("/hook", (status, {"Location": f"{receiver.url}/elsewhere"}, b"no"))
    send_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert receiver.paths() == ["/hook"]
    assert (line(delivery).status, line(delivery).answer) == (status, "no")
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.disabled_for) == (1, "")


def test_a_failed_delivery_is_tried_ten_times_under_one_number(receiver, delivery):
    receiver.answer("/hook", *[500] * 10)
    waits = []
    for _ in range(10):
        assert send_due() == 1
        delivery.refresh_from_db()
        waits.append((delivery.due_at - timezone.now()).total_seconds())
        make_due()
    assert send_due() == 0
    assert len(set(receiver.ids)) == 1
    assert len({received.body for received in receiver.received}) == 1
    assert delivery.state == DeliveryState.FAILED
    assert list(Attempt.objects.values_list("number", flat=True)) == list(range(1, 11))
    for waited, planned in zip(waits[:9], schedule.WAITS, strict=True):
        assert planned - 30 < waited <= planned * 1.1


@pytest.mark.parametrize(("asks", "waits"), [("7200", 7_200), ("9999999", 86_400), ("1", 5), ("nonsense", 5)])
def test_a_retry_after_is_obeyed_for_a_day_at_most(receiver, endpoint, delivery, asks, waits):
    receiver.answer("/hook", (503, {"Retry-After": asks}, b""))
    send_due()
    delivery.refresh_from_db()
    assert waits - 30 < (delivery.due_at - timezone.now()).total_seconds() <= waits * 1.1
    if waits > 5:
        endpoint.refresh_from_db()
        assert (endpoint.rests_until - timezone.now()).total_seconds() > waits - 30


def test_410_disables_the_endpoint_and_ends_the_delivery(receiver, endpoint, delivery, ann):
    receiver.answer("/hook", 410)
    send_due()
    delivery.refresh_from_db()
    endpoint.refresh_from_db()
    assert (delivery.state, endpoint.disabled_for) == (DeliveryState.FAILED, DisabledFor.GONE)
    assert list(endpoints.needing_attention(ann)) == [endpoint]
    with pytest.raises(endpoints.Refused, match="enable it first"):
        endpoints.send_test(endpoint)


def test_after_five_days_of_nothing_but_failures_an_endpoint_is_disabled(receiver, endpoint, delivery):
    receiver.answer("/hook", 500, 500, 500)
    send_due()
    assert Endpoint.objects.get().disabled_for == ""
    for days, disabled_for in ((DISABLED_AFTER - timedelta(minutes=1), ""), (DISABLED_AFTER, DisabledFor.FAILING)):
        Endpoint.objects.update(failing_since=Now() - days)
        make_due()
        send_due()
        assert Endpoint.objects.get().disabled_for == disabled_for
    make_due()
    assert send_due() == 0


def test_a_success_in_between_begins_the_five_days_anew(receiver, endpoint, delivery):
    receiver.answer("/hook", 500)
    send_due()
    Endpoint.objects.update(failing_since=Now() - 2 * DISABLED_AFTER)
    make_due()
    send_due()
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.rests_until) == (0, None, None)


def test_once_enabled_again_what_failed_meanwhile_can_be_replayed(receiver, endpoint, ann):
    finish(submit_job(1, owner=ann))
    Endpoint.objects.update(disabled_for=DisabledFor.FAILING, disabled_at=Now(), failing_since=Now(), failures=9)
    finish(submit_job(1, owner=ann))
    Delivery.objects.pending().update(state=DeliveryState.FAILED, ended_at=Now())
    with pytest.raises(endpoints.Refused, match="enable it first"):
        replays.replay_failed(endpoint, timezone.now() - timedelta(days=1))
    since = endpoints.enable(endpoint)
    assert (endpoint.disabled_for, endpoint.failures) == ("", 0)
    assert [replays.replay_failed(endpoint, since, most=1) for _ in range(3)] == [(1, True), (1, True), (0, False)]
    assert send_due() == 2
    assert sorted(receiver.ids) == sorted(Event.objects.values_list("uid", flat=True))


def test_only_what_has_failed_since_then_is_replayed(receiver, endpoint, delivery):
    Delivery.objects.update(state=DeliveryState.FAILED, ended_at=Now() - timedelta(hours=2))
    assert replays.replay_failed(endpoint, timezone.now() - timedelta(hours=1)).deliveries == 0
    assert replays.replay_failed(endpoint, timezone.now() - timedelta(hours=3)).deliveries == 1


def test_what_fails_again_while_others_are_replayed_is_not_sent_another_time(endpoint, delivery, monkeypatch):
    monkeypatch.setattr(replays, "SLICE", 1)
    replay_slice = replays._replay_slice

    def fails_at_once(*given):
        found = replay_slice(*given)
        Delivery.objects.pending().update(state=DeliveryState.FAILED, ended_at=Now())
        return found

    monkeypatch.setattr(replays, "_replay_slice", fails_at_once)
    endpoints.send_test(endpoint)
    Delivery.objects.update(state=DeliveryState.FAILED, ended_at=Now())
    assert replays.replay_failed(endpoint, timezone.now() - timedelta(hours=1)) == (2, False)


def test_a_replay_sends_the_same_event_once_more(receiver, delivery):
    send_due()
    replays.replay(Delivery.objects.get())
    with pytest.raises(endpoints.Refused, match="on its way"):
        replays.replay(Delivery.objects.get())
    send_due()
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert Delivery.objects.get().state == DeliveryState.DELIVERED


def test_a_delivery_that_waits_for_its_next_attempt_is_sent_at_once_by_a_replay(receiver, endpoint, delivery):
    receiver.answer("/hook", (500, {}, b""))
    send_due()
    Endpoint.objects.update(rests_until=None)
    assert send_due() == 0
    replays.replay(delivery)
    receiver.answer("/hook", (204, {}, b""))
    assert send_due() == 1
    assert len(set(receiver.ids)) == 1
    assert Delivery.objects.get().state == DeliveryState.DELIVERED


def test_a_delivery_that_is_being_sent_is_left_to_who_sends_it(delivery):
    Delivery.objects.update(attempts=1, sender_id=1, due_at=Now() + timedelta(minutes=1))
    with pytest.raises(endpoints.Refused, match="on its way"):
        replays.replay(delivery)


def test_nothing_is_sent_to_an_endpoint_that_is_disabled_or_deleted(receiver, endpoint, delivery):
    endpoints.disable(endpoint)
    assert send_due() == 0
    endpoints.enable(endpoint)
    endpoints.delete(endpoint)
    assert send_due() == 0
    assert receiver.received == []


def test_of_an_answer_its_first_thousand_characters_are_kept(receiver, delivery):
    receiver.answer("/hook", (500, {}, b"a\x00b\n" + b"x" * 100_000))
    send_due()
    assert line(delivery).answer == "a\N{REPLACEMENT CHARACTER}b\n" + "x" * 996


def test_a_connection_that_fails_is_in_the_log_with_its_code(receiver, endpoint, delivery):
    Endpoint.objects.update(url="http://127.0.0.1:9/hook")
    send_due()
    assert (line(delivery).status, line(delivery).error_code) == (None, "connection")


def test_when_its_lease_is_lost_another_process_sends_the_same_event(receiver, delivery):
    dead, other = Sender(make_worker()), Sender(make_worker())
    # It dies before it sends anything.
    dead._hand_out = lambda claim: None
    assert dead.claim() == 1
    assert other.claim() == 0
    make_due()
    assert send_due(other) == 1
    assert receiver.ids == [delivery.event.uid]


def test_what_a_process_records_after_its_lease_was_lost_changes_nothing(receiver, delivery):
    receiver.answer("/hook", 500)
    late, other = Sender(make_worker()), Sender(make_worker())
    late.claim()
    make_due()
    late_result = late._results.get(timeout=30)
    assert send_due(other) == 1
    late._results.put(late_result)
    late.record()
    assert len(set(receiver.ids)) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("who", ["another process", "the same process"])
def test_a_lease_that_is_another_one_by_now_is_left_alone(receiver, delivery, who):
    receiver.answer("/hook", 500)
    # It has answered before, so that it may get two requests at once.
    Endpoint.objects.update(last_ms=5)
    late = Sender(make_worker())
    late.claim()
    late_result = late._results.get(timeout=30)
    make_due()
    holder = late if who == "the same process" else Sender(make_worker())
    holder._hand_out = lambda claim: None
    assert holder.claim() == 1
    held = Delivery.objects.values("state", "attempts", "due_at", "sender_id").get()
    late._results.put(late_result)
    late.record()
    assert Delivery.objects.values("state", "attempts", "due_at", "sender_id").get() == held
    assert not Attempt.objects.exists()
    assert Endpoint.objects.get().failures == 0


def test_who_may_no_longer_read_all_jobs_is_told_no_more_of_others(receiver, ann):
    chief = make_staff("view_job")
    make_endpoint(chief, f"{receiver.url}/all", ["job.ended"], of_all=True)
    finish(submit_job(1, owner=ann))
    chief.user_permissions.clear()
    send_due()
    finish(submit_job(1, owner=chief))
    send_due()
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "delivered"]
    assert Attempt.objects.order_by("pk")[0].error_code == "not_allowed"
    allow(chief, "view_job")
    replays.replay(Delivery.objects.earliest("pk"))
    send_due()
    assert len(receiver.received) == 2


def test_a_user_who_may_not_sign_in_is_told_nothing(receiver, delivery, ann):
    ann.is_active = False
    ann.save()
    send_due()
    assert receiver.received == []
