"""What do the pages of webhooks show and do, for their owner and for nobody else?"""

import re

import pytest
from django.contrib.auth.models import User

from dashboard.pages import webhooks
from tests.dashboard.conftest import HOSTILE
from tests.factories import make_staff
from tests.webhooks.deliveries import URL, disable_by_itself, make_delivery, make_endpoint, make_failed
from webhooks import endpoints
from webhooks.kinds import EventType
from webhooks.models import Delivery, DeliveryState, Endpoint, Event
from webhooks.models.endpoint import MOST_ENDPOINTS

NEW = {"url": URL, "name": "Warehouse", "events": ["job.ended", "image.failed"]}


@pytest.fixture
def endpoint(anna):
    return make_endpoint(anna, name="Warehouse")


def text_of(answer):
    return answer.content.decode()


def act(page, endpoint, **posted):
    return page.post(f"/webhooks/{endpoint.pk}/act/", posted, follow=True)


def test_one_is_added_and_its_secret_shown_once(page, anna):
    answer = page.post("/webhooks/", NEW, follow=True)
    made = Endpoint.objects.get(owner=anna)
    assert answer.redirect_chain[-1][0] == f"/webhooks/{made.pk}/"
    assert (made.url, made.name, made.events) == (URL, "Warehouse", ["job.ended", "image.failed"])
    assert made.secret in text_of(answer)
    for path in (f"/webhooks/{made.pk}/", "/webhooks/", f"/webhooks/{made.pk}/change/"):
        assert made.secret not in text_of(page.get(path))


def test_the_log_hides_what_its_owner_may_not_read_any_more(client, db):
    chief = make_staff("view_job", name="chief")
    endpoint = make_endpoint(chief, of_all=True)
    delivery = make_delivery(endpoint)
    Event.objects.update(owner_id=User.objects.create_user("other").pk)
    client.force_login(chief)
    address = f"/webhooks/{endpoint.pk}/deliveries/{delivery.pk}/"
    assert delivery.event.body in client.get(address).context["request_sent"]["body"]
    chief.user_permissions.clear()
    assert client.get(address).status_code == 404
    assert client.post(f"{address}replay/").status_code == 404
    assert client.get(f"/webhooks/{endpoint.pk}/").context["deliveries"] == []


def test_the_secret_is_not_spent_by_a_look_at_another_page(page, anna, endpoint):
    page.post("/webhooks/", NEW)
    made = Endpoint.objects.latest("pk")
    assert made.secret not in text_of(page.get(f"/webhooks/{endpoint.pk}/"))
    page.head(f"/webhooks/{made.pk}/")
    assert made.secret in text_of(page.get(f"/webhooks/{made.pk}/"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "http://10.0.0.7/"}, "It is refused"),
        ({"url": ""}, "It must be a string of 1"),
        ({"events": []}, "Choose at least one."),
        ({"events": ["webhook.test"]}, "Choose at least one."),
        ({"name": "x" * 101}, "It must be a string of at most 100 characters."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field_and_the_rest_stays_as_typed(page, change, says):
    answer = page.post("/webhooks/", {**NEW, **change})
    assert answer.status_code == 400
    assert says in text_of(answer)
    if "name" not in change:
        assert 'value="Warehouse"' in text_of(answer)
    assert not Endpoint.objects.exists()


def test_no_more_than_the_most_are_added(page, anna):
    for _ in range(MOST_ENDPOINTS):
        make_endpoint(anna)
    assert "There are 20 endpoints already" in text_of(page.post("/webhooks/", NEW, follow=True))
    assert Endpoint.objects.count() == MOST_ENDPOINTS


def test_everybodys_jobs_are_offered_to_who_may_read_them(page, client):
    assert "of_all" not in text_of(page.get("/webhooks/"))
    page.post("/webhooks/", {**NEW, "of_all": "yes"})
    assert Endpoint.objects.get().of_all is False
    client.force_login(make_staff("view_job"))
    assert "of_all" in text_of(client.get("/webhooks/"))
    client.post("/webhooks/", {**NEW, "of_all": "yes"})
    assert Endpoint.objects.latest("pk").of_all is True


def test_it_is_changed(page, endpoint):
    posted = {**NEW, "url": "https://other.example/", "events": ["job.started"]}
    page.post(f"/webhooks/{endpoint.pk}/change/", posted)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == ("https://other.example/", ["job.started"])
    assert page.post(f"/webhooks/{endpoint.pk}/change/", {**NEW, "url": "ftp://a.example/"}).status_code == 400


def test_it_is_deleted_after_a_question(page, endpoint):
    assert "Delete this webhook?" in text_of(page.get(f"/webhooks/{endpoint.pk}/delete/"))
    assert Endpoint.objects.exists()
    page.post(f"/webhooks/{endpoint.pk}/delete/")
    assert not Endpoint.objects.exists()
    assert page.get(f"/webhooks/{endpoint.pk}/").status_code == 404


def test_its_secret_is_rotated_and_shown_once(page, endpoint):
    before = endpoint.secret
    answer = act(page, endpoint, act="rotate")
    endpoint.refresh_from_db()
    assert endpoint.secret != before
    assert endpoint.secret in text_of(answer)
    assert before not in text_of(answer)
    assert endpoint.secret not in text_of(page.get(f"/webhooks/{endpoint.pk}/"))


def test_a_test_is_sent_and_shows_in_the_log(page, endpoint):
    assert "webhook.test" in text_of(act(page, endpoint, act="test"))
    assert Delivery.objects.get().event.type == EventType.TEST


def test_it_is_disabled_and_enabled_again(page, endpoint):
    shown = text_of(act(page, endpoint, act="disable"))
    assert "A person has switched it off." in shown
    assert 'value="test"' not in shown
    shown = text_of(act(page, endpoint, act="enable"))
    assert "what happens from now on is sent to it" in shown
    assert "Deliveries have failed since" in shown
    endpoint.refresh_from_db()
    assert endpoint.disabled_for == ""


def test_an_action_that_there_is_not_changes_nothing(page, endpoint):
    assert "There is no such action." in text_of(act(page, endpoint, act="explode"))


def test_what_has_failed_is_replayed_since_a_time(page, endpoint):
    make_failed(endpoint)
    assert "Say since when" in text_of(act(page, endpoint, act="replay_failed", since="soon"))
    assert Delivery.objects.failed().exists()
    shown = text_of(act(page, endpoint, act="replay_failed", since="2020-01-01T00:00"))
    assert "1 failed delivery is sent again." in shown
    assert not Delivery.objects.failed().exists()


def test_one_delivery_shows_its_request_and_attempts_and_is_replayed(page, endpoint):
    failed = make_failed(endpoint)
    path = f"/webhooks/{endpoint.pk}/deliveries/{failed.pk}/"
    shown = text_of(page.get(path))
    for part in (failed.event.uid, "Attempt 2: answered 500", "Attempt 1: no answer", "read_timeout", "&lt;b&gt;Oh"):
        assert part in shown
    again = page.post(f"{path}replay/", follow=True)
    assert "with the same webhook-id" in text_of(again)
    failed.refresh_from_db()
    assert failed.state == DeliveryState.PENDING
    assert "The delivery is on its way" in text_of(page.post(f"{path}replay/", follow=True))


def test_texts_of_others_are_never_markup(page, anna):
    endpoint = make_endpoint(anna, name=HOSTILE)
    failed = make_failed(endpoint)
    failed.log.update(answer=HOSTILE, error_message=HOSTILE)
    for path in ("/webhooks/", f"/webhooks/{endpoint.pk}/", f"/webhooks/{endpoint.pk}/deliveries/{failed.pk}/"):
        assert HOSTILE not in text_of(page.get(path))


def test_the_log_is_narrowed_and_paged(page, endpoint, monkeypatch):
    monkeypatch.setattr("dashboard.pages.webhooks.ROWS", 2)
    failed = make_failed(endpoint)
    made = [make_delivery(endpoint, EventType.JOB_STARTED) for _ in range(3)]

    def ids(query):
        answer = page.get(f"/webhooks/{endpoint.pk}/?{query}")
        return [row.pk for row in answer.context["deliveries"]], answer.context["next"]

    assert ids("") == ([made[2].pk, made[1].pk], made[1].pk)
    assert ids(f"before={made[1].pk}") == ([made[0].pk, failed.pk], None)
    assert ids("state=failed") == ([failed.pk], None)
    assert ids("type=job.started") == ([made[2].pk, made[1].pk], made[1].pk)
    assert ids("state=odd&type=odd&before=x") == ids("")


def test_webhooks_of_single_jobs_are_listed_apart(page, anna, endpoint):
    callback = endpoints.add_callback(17, anna, URL)
    shown = page.get("/webhooks/")
    assert [each.pk for each in shown.context["webhooks"]] == [endpoint.pk]
    assert [each.pk for each in shown.context["of_jobs"]] == [callback.pk]
    assert "of job 17" in text_of(shown)
    assert "Webhook of job 17" in text_of(page.get(f"/webhooks/{callback.pk}/"))


# --- the banner

BANNER = "A webhook was disabled"


def test_a_banner_on_every_page_tells_of_a_webhook_that_was_disabled_by_itself(page, endpoint):
    assert BANNER not in text_of(page.get("/jobs/"))
    disable_by_itself(endpoint)
    for path in ("/jobs/", "/stores/", f"/webhooks/{endpoint.pk}/"):
        shown = text_of(page.get(path))
        assert BANNER in shown
        assert re.search(rf'href="/webhooks/{endpoint.pk}/"', shown)
    act(page, endpoint, act="enable")
    assert BANNER not in text_of(page.get("/jobs/"))


def test_there_is_none_for_what_people_switch_off_nor_for_other_peoples(page, endpoint, client):
    act(page, endpoint, act="disable")
    assert BANNER not in text_of(page.get("/jobs/"))
    disable_by_itself(endpoint)
    client.force_login(User.objects.create_superuser("root"))
    assert BANNER not in text_of(client.get("/jobs/"))


# --- who


@pytest.mark.parametrize("path", ["", "change/", "delete/", "deliveries/{}/"])
def test_nobody_else_sees_a_page_of_it(page, path):
    other = make_endpoint(User.objects.create_user("other"))
    failed = make_failed(other)
    assert page.get(f"/webhooks/{other.pk}/{path.format(failed.pk)}").status_code == 404
    assert [each.pk for each in page.get("/webhooks/").context["webhooks"]] == []


@pytest.mark.parametrize(
    ("path", "posted"),
    [
        ("change/", NEW),
        ("delete/", {}),
        ("deliveries/{}/replay/", {}),
        *(("act/", {"act": name, "since": "2020-01-01"}) for name in ("enable", "disable", "rotate", "test")),
        ("act/", {"act": "replay_failed", "since": "2020-01-01"}),
    ],
)
def test_nobody_else_does_anything_to_it(page, path, posted):
    other = make_endpoint(User.objects.create_user("other"))
    failed = make_failed(other)
    before = list(Endpoint.objects.values()), list(Delivery.objects.values())
    assert page.post(f"/webhooks/{other.pk}/{path.format(failed.pk)}", posted).status_code == 404
    assert (list(Endpoint.objects.values()), list(Delivery.objects.values())) == before


@pytest.fixture
def deleted_meanwhile(monkeypatch):
    """Whatever webhook is found is deleted before anything is done to it."""

    def find(request, webhook_id, find=webhooks._find):
        endpoint = find(request, webhook_id)
        endpoints.delete(endpoint)
        return endpoint

    monkeypatch.setattr(webhooks, "_find", find)


@pytest.mark.parametrize("name", ["enable", "disable", "rotate", "test", "replay_failed"])
def test_what_is_deleted_meanwhile_is_not_found(page, endpoint, deleted_meanwhile, name):
    answer = page.post(f"/webhooks/{endpoint.pk}/act/", {"act": name, "since": "2020-01-01"})
    assert answer.status_code == (302 if name == "replay_failed" else 404)
    assert page.get(f"/webhooks/{endpoint.pk}/").status_code == 404


def test_nor_is_it_changed(page, endpoint, deleted_meanwhile):
    assert page.post(f"/webhooks/{endpoint.pk}/change/", NEW).status_code == 404


def test_somebody_elses_delivery_is_not_reached_through_ones_own_webhook(page, endpoint):
    failed = make_failed(make_endpoint(User.objects.create_user("other")))
    path = f"/webhooks/{endpoint.pk}/deliveries/{failed.pk}/"
    assert page.get(path).status_code == 404
    assert page.post(f"{path}replay/").status_code == 404
