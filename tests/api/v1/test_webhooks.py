"""Are webhooks made, changed and read as their owner asks, and by nobody else?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from access.models import Scope
from api.v1.webhooks import WebhookView
from tests.api.v1.conftest import assert_problem
from tests.factories import make_staff
from tests.webhooks.deliveries import URL, disable_by_itself, make_delivery, make_endpoint, make_failed
from webhooks import delivery_log, endpoints
from webhooks.kinds import EventType
from webhooks.models import Delivery, DeliveryState, Endpoint, Event
from webhooks.models.endpoint import LONGEST_NAME, LONGEST_URL, MOST_ENDPOINTS

pytestmark = pytest.mark.django_db
NEW = {"url": URL, "events": ["job.ended", "job.started"], "name": "Warehouse"}


@pytest.fixture
def api(as_user, person):
    return as_user(person)


def pointers(problem):
    return [error["pointer"] for error in problem["errors"]]


def test_a_new_webhook_shows_its_secret_once(api, person):
    answer = api.post("webhooks", NEW)
    assert answer.status_code == 201
    made = answer.json()
    assert answer["Location"] == f"/api/v1/webhooks/{made['id']}"
    assert made["secret"] == Endpoint.objects.get(owner=person).secret
    assert made["secret"].startswith("whsec_")
    assert (made["events"], made["enabled"], made["job"]) == (["job.started", "job.ended"], True, None)
    for path in ("webhooks", f"webhooks/{made['id']}"):
        assert "secret" not in api.get(path).content.decode().replace("old_secret_until", "")
    without_secret = {name: value for name, value in made.items() if name != "secret"}
    assert api.get(f"webhooks/{made['id']}").json() == without_secret
    assert api.get("webhooks").json() == {"results": [without_secret], "next_cursor": None}


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"url": ""}, "#/url"),
        ({"url": 7}, "#/url"),
        ({"url": "ftp://receiver.example/"}, "#/url"),
        ({"url": "https://user:word@receiver.example/"}, "#/url"),
        ({"url": "http://169.254.169.254/latest"}, "#/url"),
        ({"url": "http://10.1.2.3/"}, "#/url"),
        ({"url": "http://[::1]/"}, "#/url"),
        ({"url": "https://receiver.example:0/"}, "#/url"),
        ({"url": "https://a.example/" + "x" * LONGEST_URL}, "#/url"),
        ({"events": []}, "#/events"),
        ({"events": "job.ended"}, "#/events"),
        ({"events": ["job.ended", "job.ended"]}, "#/events"),
        ({"events": ["webhook.test"]}, "#/events"),
        ({"events": [["job.ended"]]}, "#/events"),
        ({"name": "x" * (LONGEST_NAME + 1)}, "#/name"),
        ({"name": "two\nlines"}, "#/name"),
        ({"of_all": "yes"}, "#/of_all"),
        ({"enabled": True}, "#/enabled"),
        ({"secret": "whsec_mine"}, "#/secret"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(api, change, at):
    problem = assert_problem(api.post("webhooks", {**NEW, **change}), 400, "invalid-submission")
    assert pointers(problem) == [at]
    assert not Endpoint.objects.exists()


def test_every_fault_is_listed_at_once(api):
    problem = assert_problem(api.post("webhooks", {"url": "http://10.0.0.1/", "name": 7}), 400, "invalid-submission")
    assert pointers(problem) == ["#/events", "#/url", "#/name"]


def test_limits_are_allowed_exactly(api):
    longest = {"url": "https://a.example/".ljust(LONGEST_URL, "x"), "name": "x" * LONGEST_NAME}
    assert api.post("webhooks", {**NEW, **longest}).status_code == 201


def test_one_user_has_so_many_webhooks_and_no_more(api, as_user):
    for _ in range(MOST_ENDPOINTS):
        made = api.post("webhooks", NEW)
        assert made.status_code == 201
    assert_problem(api.post("webhooks", NEW), 409, "conflict")
    assert as_user(User.objects.create_user("other")).post("webhooks", NEW).status_code == 201
    api.post(f"webhooks/{made.json()['id']}", method="DELETE")
    assert api.post("webhooks", NEW).status_code == 201


def test_of_everybodys_jobs_are_told_who_may_read_them(api, as_user):
    asked = {**NEW, "of_all": True}
    assert_problem(api.post("webhooks", asked), 403, "not-allowed")
    assert as_user(make_staff("view_job")).post("webhooks", asked).json()["of_all"] is True


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_webhook_of_somebody_else_looks_like_none(api, method):
    other = make_endpoint(User.objects.create_user("other"))
    for path in (f"webhooks/{other.pk}", "webhooks/999", "webhooks/x"):
        assert_problem(api.post(path, {"name": "mine"} if method == "PATCH" else None, method=method), 404, "not-found")
    other.refresh_from_db()
    assert (other.name, other.disabled_for) == ("", "")
    assert api.get("webhooks").json()["results"] == []


@pytest.mark.parametrize(
    "path", ["rotate", "test", "replay-failed", "deliveries", "deliveries/{}", "deliveries/{}/replay"]
)
def test_nothing_of_a_webhook_of_somebody_else_is_reached(api, person, path):
    other = make_endpoint(User.objects.create_user("other"))
    delivery = make_failed(other)
    secret = other.secret
    method = "GET" if path in ("deliveries", "deliveries/{}") else "POST"
    path = path.format(delivery.pk)
    body = {"since": "2020-01-01"} if path == "replay-failed" else None
    assert_problem(api.post(f"webhooks/{other.pk}/{path}", body, method=method), 404, "not-found")
    # Nor is somebody else's delivery by way of one's own webhook.
    if str(delivery.pk) in path:
        mine = make_endpoint(person)
        assert_problem(api.post(f"webhooks/{mine.pk}/{path}", method=method), 404, "not-found")
    other.refresh_from_db()
    delivery.refresh_from_db()
    assert (other.secret, delivery.state, Delivery.objects.count()) == (secret, DeliveryState.FAILED, 1)


def test_staff_who_see_all_jobs_see_no_webhooks_of_others(as_user):
    other = make_endpoint(User.objects.create_user("other"))
    staff = as_user(User.objects.create_superuser("root"))
    assert staff.get("webhooks").json()["results"] == []
    assert_problem(staff.get(f"webhooks/{other.pk}"), 404, "not-found")


def test_a_key_needs_the_scope_manage_to_change_and_read_to_read(with_key, person):
    endpoint = make_endpoint(person)
    reader = with_key(person, Scope.READ)
    assert reader.get(f"webhooks/{endpoint.pk}/deliveries").status_code == 200
    delivery = make_failed(endpoint)
    for path, body in (
        ("webhooks", NEW),
        *((f"webhooks/{endpoint.pk}/{each}", {}) for each in ("rotate", "test", "replay-failed")),
        (f"webhooks/{endpoint.pk}/deliveries/{delivery.pk}/replay", {}),
    ):
        assert_problem(reader.post(path, body), 403, "not-allowed")
    assert_problem(reader.patch(f"webhooks/{endpoint.pk}", {"name": "x"}), 403, "not-allowed")
    manager = with_key(person, Scope.MANAGE)
    assert manager.patch(f"webhooks/{endpoint.pk}", {"name": "x"}).status_code == 200
    assert_problem(manager.get("webhooks"), 403, "not-allowed")


def test_a_webhook_is_changed_and_what_is_not_given_stays(api, person):
    endpoint = make_endpoint(person, name="Before")
    values = {"url": "https://other.example/", "events": ["image.failed"]}
    changed = api.patch(f"webhooks/{endpoint.pk}", values).json()
    assert {name: changed[name] for name in ("url", "events", "name")} == {**values, "name": "Before"}
    assert_problem(api.patch(f"webhooks/{endpoint.pk}", {"url": "http://127.0.0.9/"}), 400, "invalid-submission")
    assert_problem(api.patch(f"webhooks/{endpoint.pk}", {"of_all": True}), 400, "invalid-submission")


def test_it_is_switched_off_and_on_again(api, person):
    path = f"webhooks/{make_endpoint(person).pk}"
    off = api.patch(path, {"enabled": False}).json()
    assert (off["enabled"], off["disabled_for"]) == (False, "person")
    assert_problem(api.post(f"{path}/test"), 409, "conflict")
    on = api.patch(path, {"enabled": True}).json()
    assert (on["enabled"], on["disabled_for"], on["disabled_at"]) == (True, None, None)


def test_the_way_back_from_an_automatic_disabling_is_to_enable_it(api, person):
    endpoint = disable_by_itself(make_endpoint(person))
    assert api.get(f"webhooks/{endpoint.pk}").json()["disabled_for"] == "gone"
    assert api.patch(f"webhooks/{endpoint.pk}", {"enabled": True}).json()["enabled"] is True


def test_a_deleted_webhook_is_gone(api, person):
    path = f"webhooks/{make_endpoint(person).pk}"
    assert api.post(path, method="DELETE").status_code == 204
    assert_problem(api.get(path), 404, "not-found")
    assert api.get("webhooks").json()["results"] == []


def test_a_rotated_secret_is_shown_once_and_the_old_one_signs_for_a_day(api, person):
    endpoint = make_endpoint(person)
    before = endpoint.secret
    rotated = api.post(f"webhooks/{endpoint.pk}/rotate").json()
    endpoint.refresh_from_db()
    assert rotated["secret"] == endpoint.secret != before == endpoint.old_secret
    left = endpoint.old_secret_until - timezone.now()
    assert timedelta(hours=23, minutes=55) < left <= timedelta(hours=24)
    assert endpoint.secret not in api.get(f"webhooks/{endpoint.pk}").content.decode()


def test_a_test_is_a_delivery_that_waits(api, person):
    endpoint = make_endpoint(person)
    answer = api.post(f"webhooks/{endpoint.pk}/test")
    assert answer.status_code == 201
    sent = answer.json()
    assert (sent["event"]["type"], sent["state"], sent["attempts"]) == ("webhook.test", "pending", 0)
    assert sent["last_attempt"] is None
    assert sent["due_at"] is not None
    assert api.get(f"webhooks/{endpoint.pk}/deliveries").json()["results"] == [sent]


@pytest.mark.parametrize(("path", "body", "method"), [("", {"name": "New"}, "PATCH"), ("/rotate", None, "POST"),
                                                     ("/test", None, "POST"), ("", None, "DELETE")])  # fmt: skip
def test_what_is_deleted_meanwhile_is_not_found(api, person, monkeypatch, path, body, method):
    def find(view, webhook_id, find=WebhookView.find_webhook):
        endpoint = find(view, webhook_id)
        endpoints.delete(endpoint)
        return endpoint

    monkeypatch.setattr(WebhookView, "find_webhook", find)
    answer = api.post(f"webhooks/{make_endpoint(person).pk}{path}", body, method=method)
    assert answer.status_code == (204 if method == "DELETE" else 404)


# --- the log


def test_the_log_is_listed_latest_first_by_state_and_type(api, person):
    endpoint = make_endpoint(person)
    failed = make_failed(endpoint)
    waiting = make_delivery(endpoint, EventType.JOB_STARTED)
    make_delivery(make_endpoint(person))
    path = f"webhooks/{endpoint.pk}/deliveries"

    def ids(**query):
        return [row["id"] for row in api.get(path, query).json()["results"]]

    assert ids() == [waiting.pk, failed.pk]
    assert ids(state="failed") == [failed.pk] == ids(type="job.ended")
    assert ids(state="failed", type="job.started") == []
    row = api.get(path, {"state": "failed"}).json()["results"][0]
    assert row["last_attempt"] == {"status": 500, "error_code": "", "milliseconds": 120}
    assert row["due_at"] is None
    assert_problem(api.get(path, {"state": "lost"}), 400, "invalid-request")


def test_the_log_is_paged_by_key(api, person):
    endpoint = make_endpoint(person)
    made = [make_delivery(endpoint).pk for _ in range(5)]
    path, found, cursor = f"webhooks/{endpoint.pk}/deliveries", [], None
    while True:
        page = api.get(path, {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [row["id"] for row in page["results"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == made[::-1]


def test_a_narrowed_page_looks_at_so_many_deliveries_and_the_next_goes_on(api, person, monkeypatch):
    monkeypatch.setattr(delivery_log, "MOST_SEARCHED", 3)
    endpoint = make_endpoint(person)
    wanted = make_failed(endpoint)
    for _ in range(7):
        make_delivery(endpoint)
    path, pages, cursor = f"webhooks/{endpoint.pk}/deliveries", [], None
    while True:
        page = api.get(path, {"state": "failed", **({"cursor": cursor} if cursor else {})}).json()
        pages.append([row["id"] for row in page["results"]])
        if (cursor := page["next_cursor"]) is None:
            break
    assert pages == [[], [], [wanted.pk]]


def make_delivery_of(owner, endpoint, **values):
    delivery = make_failed(endpoint, attempts=1)
    Event.objects.filter(pk=delivery.event_id).update(**{"owner_id": owner and owner.pk, **values})
    return delivery


def test_the_log_hides_what_its_owner_may_not_read_any_more(as_user, monkeypatch):
    monkeypatch.setattr(delivery_log, "MOST_SEARCHED", 3)
    chief, other = make_staff("view_job", name="chief"), User.objects.create_user("other")
    endpoint = make_endpoint(chief, of_all=True)
    own = make_delivery_of(chief, endpoint)
    imported = make_delivery_of(None, endpoint, type=EventType.STORES_IMPORTED)
    hidden = [
        make_delivery_of(other, endpoint),
        make_delivery_of(None, endpoint),
        make_delivery_of(chief, endpoint, of_all=True),
        make_delivery_of(other, endpoint),
    ]
    path = f"webhooks/{endpoint.pk}"

    def listed(v1):
        found, cursor = set(), ""
        while cursor is not None:
            page = v1.get(f"{path}/deliveries", {"cursor": cursor} if cursor else {}).json()
            found |= {row["id"] for row in page["results"]}
            cursor = page["next_cursor"]
        return found

    assert listed(as_user(chief)) == {each.pk for each in (own, imported, *hidden)}
    chief.user_permissions.clear()
    v1 = as_user(User.objects.get(pk=chief.pk))
    assert listed(v1) == {own.pk, imported.pk}
    for each in hidden:
        assert_problem(v1.get(f"{path}/deliveries/{each.pk}"), 404, "not-found")
        assert_problem(v1.post(f"{path}/deliveries/{each.pk}/replay"), 404, "not-found")
    assert v1.get(f"{path}/deliveries/{own.pk}").status_code == 200
    # Their number would tell how many jobs of others have ended.
    assert_problem(v1.post(f"{path}/replay-failed", {"since": "2020-01-01"}), 409, "conflict")


def test_one_delivery_says_what_was_sent_and_what_came_back(api, person):
    endpoint = make_endpoint(person)
    failed = make_failed(endpoint)
    found = api.get(f"webhooks/{endpoint.pk}/deliveries/{failed.pk}").json()
    assert found["request"]["body"] == failed.event.body
    assert found["request"]["headers"]["webhook-id"] == failed.event.uid == found["event"]["id"]
    assert "webhook-signature" not in found["request"]["headers"]
    last, first = found["log"]
    assert (last["number"], last["status"], last["answer"], last["url"]) == (2, 500, "<b>Oh", URL)
    assert (first["number"], first["status"], first["error_code"]) == (1, None, "read_timeout")


def test_so_many_attempts_of_a_delivery_are_shown(api, person):
    failed = make_failed(make_endpoint(person), attempts=delivery_log.MOST_ATTEMPTS + 1)
    log = api.get(f"webhooks/{failed.endpoint_id}/deliveries/{failed.pk}").json()["log"]
    assert [attempt["number"] for attempt in log] == list(range(delivery_log.MOST_ATTEMPTS + 1, 1, -1))


def test_a_replay_sends_the_same_event_again(api, person):
    failed = make_failed(make_endpoint(person))
    path = f"webhooks/{failed.endpoint_id}/deliveries/{failed.pk}/replay"
    again = api.post(path).json()
    assert (again["state"], again["attempts"], again["event"]["id"]) == ("pending", 0, failed.event.uid)
    assert Event.objects.count() == 1
    assert_problem(api.post(path), 409, "conflict")


def test_nothing_is_replayed_to_a_disabled_webhook(api, person):
    failed = make_failed(make_endpoint(person))
    disable_by_itself(failed.endpoint)
    assert_problem(api.post(f"webhooks/{failed.endpoint_id}/deliveries/{failed.pk}/replay"), 409, "conflict")
    answer = api.post(f"webhooks/{failed.endpoint_id}/replay-failed", {"since": "2020-01-01"})
    assert_problem(answer, 409, "conflict")


def test_all_that_have_failed_since_are_replayed(api, person):
    endpoint = make_endpoint(person)
    old, *new = (make_failed(endpoint, attempts=1) for _ in range(3))
    other = make_failed(make_endpoint(person), attempts=1)
    Delivery.objects.filter(pk=old.pk).update(ended_at=timezone.now() - timedelta(days=2))
    since = (timezone.now() - timedelta(days=1)).isoformat()
    answer = api.post(f"webhooks/{endpoint.pk}/replay-failed", {"since": since})
    assert answer.json() == {"deliveries": 2, "more": False}
    pending = Delivery.objects.pending().order_by("pk").values_list("pk", flat=True)
    assert list(pending) == [each.pk for each in new]
    assert other.pk not in pending


def test_many_are_replayed_in_parts(api, person, monkeypatch):
    monkeypatch.setattr("webhooks.replays.MOST_REPLAYED", 2)
    monkeypatch.setattr("webhooks.replays.SLICE", 1)
    endpoint = make_endpoint(person)
    for _ in range(3):
        make_failed(endpoint, attempts=1)
    path = f"webhooks/{endpoint.pk}/replay-failed"
    answers = [api.post(path, {"since": "2020-01-01"}).json() for _ in range(2)]
    assert answers == [{"deliveries": 2, "more": True}, {"deliveries": 1, "more": False}]


@pytest.mark.parametrize("since", [None, 7, "", "yesterday"])
def test_since_when_must_be_a_time(api, person, since):
    path = f"webhooks/{make_endpoint(person).pk}/replay-failed"
    problem = assert_problem(api.post(path, {} if since is None else {"since": since}), 400, "invalid-submission")
    assert pointers(problem) == ["#/since"]
