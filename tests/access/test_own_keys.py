"""Who makes and ends their own API keys, how many, and how far do they reach?"""

import json
import threading

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from access import own_keys, people, tokens
from access.models import ApiKey, Scope
from tests.access.conftest import WithHeaders, bearer, make_key
from tests.api.payloads import submission
from tests.factories import allow

pytestmark = pytest.mark.django_db


@pytest.fixture
def v1(client, person):
    """Ask v1 as the person, by a token."""

    class V1:
        headers = bearer(tokens.issue(person).access)

        def ask(self, method, path="api-keys", data=None, headers=None):
            return client.generic(
                method, f"/api/v1/{path}", b"" if data is None else json.dumps(data),
                content_type="application/json", headers=headers or self.headers,
            )  # fmt: skip

    return V1()


NEW = {"name": "till", "scopes": ["read"], "days": 30}


def test_a_key_is_made_shown_once_listed_used_and_revoked(v1, person):
    made = v1.ask("POST", data=NEW)
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    text = made.json()["key"]
    assert WithHeaders(**bearer(text)).visits().status_code == 200
    (listed,) = v1.ask("GET").json()["results"]
    assert "key" not in listed
    assert listed["prefix"] == text.split("_")[1]
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("till", ["read"], None)
    assert listed["expires_at"] > listed["created_at"]

    assert v1.ask("DELETE", f"api-keys/{listed['prefix']}").status_code == 204
    assert WithHeaders(**bearer(text)).visits().status_code == 401
    first = v1.ask("GET").json()["results"][0]["revoked_at"]
    assert v1.ask("DELETE", f"api-keys/{listed['prefix']}").status_code == 204
    assert v1.ask("GET").json()["results"][0]["revoked_at"] == first is not None
    assert [each.change_message for each in LogEntry.objects.order_by("pk")] == [
        f"Made their API key till (rp_{listed['prefix']}_…).",
        f"Revoked their API key till (rp_{listed['prefix']}_…).",
    ]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_key_lists_makes_or_revokes_keys_whatever_its_scopes(v1, person, method):
    key, text = make_key(person)
    path = f"api-keys/{key.prefix}" if method == "DELETE" else "api-keys"
    answer = v1.ask(method, path, NEW if method == "POST" else None, headers=bearer(text))
    assert answer.status_code == 403
    assert "An API key neither lists, makes nor revokes API keys" in answer.json()["detail"]
    assert list(ApiKey.objects.values_list("pk", "revoked_at")) == [(key.pk, None)]


def test_nobody_without_credentials_does_even_where_the_api_is_open(client, settings):
    settings.API_OPEN = True
    assert client.get("/api/v1/api-keys").status_code == 401


def test_nobody_sees_or_ends_the_keys_of_others(v1):
    theirs = make_key(User.objects.create_superuser("root"))[0]
    assert v1.ask("GET").json()["results"] == []
    for prefix in (theirs.prefix, "0" * 12, "x" * 5000, "%00", "%"):
        assert v1.ask("DELETE", f"api-keys/{prefix}").status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"name": 1}, "#/name"),
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["write"]}, "#/scopes"),
        ({"scopes": ["read", "read"]}, "#/scopes"),
        ({"scopes": "read"}, "#/scopes"),
        ({"scopes": [["read"]]}, "#/scopes"),
        ({"scopes": ["stores"]}, "#/scopes"),
        ({"days": 0}, "#/days"),
        ({"days": 3651}, "#/days"),
        ({"days": "1"}, "#/days"),
        ({"user": "root"}, "#/user"),
    ],
)
def test_what_cannot_be_made_is_refused_with_its_place(v1, changed, pointer):
    answer = v1.ask("POST", data=NEW | changed)
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("changed", [{"name": "x" * 100}, {"days": 1}, {"days": 3650}, {"days": None}])
def test_the_last_values_that_are_allowed_are_taken(v1, changed):
    assert v1.ask("POST", data=NEW | changed).status_code == 201


def test_there_are_so_many_live_keys_and_no_more(person):
    made = [own_keys.make(person, "till", ["read"], 1)[0] for _ in range(own_keys.MOST_LIVE)]
    with pytest.raises(own_keys.KeyRefused, match="You have 50 keys"):
        own_keys.make(person, "one more", ["read"], None)
    own_keys.make(User.objects.create_user("other"), "theirs", ["read"], None)
    # One that has expired or is revoked makes room.
    ApiKey.objects.filter(pk=made[0].pk).update(expires_at=Now())
    own_keys.make(person, "another", ["read"], None)
    own_keys.revoke(person, made[1].prefix)
    own_keys.make(person, "another", ["read"], None)
    with pytest.raises(own_keys.KeyRefused):
        own_keys.make(person, "one more", ["read"], None)


@pytest.mark.django_db(transaction=True)
def test_several_at_once_do_not_pass_the_limit_together(person, monkeypatch):
    monkeypatch.setattr(own_keys, "MOST_LIVE", 3)
    refused = []

    def make():
        try:
            own_keys.make(person, "till", ["read"], None)
        except own_keys.KeyRefused as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ApiKey.objects.count(), len(refused)) == (3, 3)


def test_a_conflict_says_what_to_do(v1, monkeypatch):
    monkeypatch.setattr(own_keys, "MOST_LIVE", 0)
    answer = v1.ask("POST", data=NEW)
    assert answer.status_code == 409
    assert "revoke one first" in answer.json()["detail"]


def test_a_scope_that_would_open_nothing_is_not_offered(person):
    assert Scope.STORES not in own_keys.scopes_for(person)
    assert Scope.STORES in own_keys.scopes_for(allow(person, "change_store"))


def test_a_key_ends_where_its_users_permission_ends(person):
    keeper = allow(person, "change_store")
    _, text = own_keys.make(keeper, "till", ["stores"], None)
    client = WithHeaders().client

    def make_group(name):
        return client.post(
            "/api/v1/groups", {"name": name}, content_type="application/json", headers=bearer(text)
        ).status_code

    assert make_group("Mine") == 201
    keeper.user_permissions.clear()
    assert make_group("Other") == 403


def test_scopes_are_asked_as_ever(person):
    _, text = own_keys.make(person, "till", ["read"], None)
    assert WithHeaders(**bearer(text)).submit(submission()).status_code == 403


def test_who_was_deactivated_meanwhile_makes_no_key(person):
    people.deactivate(person)
    with pytest.raises(own_keys.KeyRefused, match="deactivated"):
        own_keys.make(person, "till", ["read"], None)


def test_the_list_comes_in_pages(v1, person):
    for _ in range(3):
        own_keys.make(person, "till", ["read"], None)
    first = v1.ask("GET", "api-keys?limit=2").json()
    second = v1.ask("GET", f"api-keys?limit=2&cursor={first['next_cursor']}").json()
    assert (len(first["results"]), len(second["results"]), second["next_cursor"]) == (2, 1, None)
