"""The page of one's own account: who one is here, and one's API keys."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from access import own_keys
from access.models import ApiKey, Team
from access.roles import RoleName, give_role
from dashboard.pages import account
from tests.access.conftest import bearer, make_key
from tests.dashboard.conftest import HOSTILE

pytestmark = pytest.mark.django_db
FORM = {"name": "till", "scopes": ["read"], "days": "30"}


def test_it_says_who_one_is(page, anna):
    text = page.get("/jobs/").text
    assert 'href="/account/"' in text
    answer = page.get("/account/")
    assert (answer.context["standing"], list(answer.context["teams"])) == ("none", [])
    give_role(anna, RoleName.VIEWER)
    Team.objects.create(name=f"North {HOSTILE}").members.add(anna)
    text = page.get("/account/").text
    assert "viewer" in text
    assert "North &lt;script&gt;" in text
    assert "6,000 requests a minute, 1,000,000 unfinished images" in text


def test_a_key_is_shown_once_with_a_request_that_works(page, client):
    answer = page.post("/account/", FORM)
    text = answer.context["text"]
    assert f"curl -H 'Authorization: Bearer {text}' http://testserver/api/v1/jobs" in answer.text
    assert "no-store" in answer["Cache-Control"]
    assert client.get("/api/v1/jobs", headers=bearer(text)).status_code == 200
    again = page.get("/account/").text
    assert text.split("_")[2] not in again
    assert f"rp_{text.split('_')[1]}_…" in again


def test_the_request_shown_is_one_that_the_key_may_make(page):
    assert "jobs:validate" in page.post("/account/", FORM | {"scopes": ["submit"]}).text
    assert "/api/v1/" not in page.post("/account/", FORM | {"scopes": ["manage"]}).text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["stores"]}, "scopes"),
        ({"scopes": ["all"]}, "scopes"),
        ({"days": "0"}, "days"),
        ({"days": "3651"}, "days"),
        ({"days": "-1"}, "days"),
        ({"days": "1.5"}, "days"),
        ({"days": "²"}, "days"),
        ({"days": "9" * 5_000}, "days"),
    ],
)
def test_a_wrong_form_is_shown_again_with_the_reason(page, changed, field):
    answer = page.post("/account/", FORM | changed)
    assert answer.status_code == 400
    assert answer.context["refusal"].field == field
    assert 'role="alert"' in answer.text
    assert not ApiKey.objects.exists()


def test_without_days_a_key_never_expires(page):
    page.post("/account/", FORM | {"days": ""})
    assert ApiKey.objects.get().expires_at is None


def test_one_more_than_the_most_is_refused_in_words(page, monkeypatch):
    monkeypatch.setattr(own_keys, "MOST_LIVE", 1)
    assert page.post("/account/", FORM).status_code == 200
    answer = page.post("/account/", FORM)
    assert (answer.status_code, "revoke one first" in answer.text) == (400, True)


def test_a_key_is_revoked_after_a_question(page, anna):
    key, _ = make_key(anna)
    path = f"/account/keys/{key.prefix}/revoke/"
    assert "It was never used." in page.get(path).text
    assert ApiKey.objects.get().revoked_at is None
    answer = page.post(path, follow=True)
    assert "is revoked." in answer.text
    assert (answer.context["keys"], list(answer.context["ended"])) == ([], [key])


def test_nobody_revokes_a_key_of_somebody_elses(page):
    key, _ = make_key(User.objects.create_superuser("root"))
    for prefix in (key.prefix, "0" * 12, "%00", "x" * 5_000):
        path = f"/account/keys/{prefix}/revoke/"
        assert (page.get(path).status_code, page.post(path).status_code) == (404, 404)
    assert ApiKey.objects.get().revoked_at is None


def test_keys_that_have_ended_are_apart_and_few(page, anna, monkeypatch):
    monkeypatch.setattr(account, "ENDED", 2)
    live, expired, *revoked = (make_key(anna, days=1)[0] for _ in range(4))
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    ApiKey.objects.filter(pk__in=[key.pk for key in revoked]).revoke()
    context = page.get("/account/").context
    assert context["keys"] == [live]
    assert list(context["ended"]) == revoked[::-1]


def test_more_keys_than_a_page_holds_come_in_pages(page, anna, monkeypatch):
    # The command makes any number.
    monkeypatch.setattr(account, "ROWS", 2)
    keys = [make_key(anna)[0] for _ in range(3)]
    first = page.get("/account/").context
    assert (first["keys"], first["next"]) == (keys[:0:-1], keys[1].pk)
    second = page.get("/account/", {"before": first["next"]}).context
    assert (second["keys"], second["next"]) == ([keys[0]], None)
    for odd in ("x", "-1", "9" * 30, "²", "\0"):
        assert page.get("/account/", {"before": odd}).status_code in (200, 400)


def test_markup_in_a_keys_name_is_text(page):
    assert HOSTILE not in page.post("/account/", FORM | {"name": HOSTILE}).text
