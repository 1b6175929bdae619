"""Tokens for a username and a password: who gets them, and what does anything else get?"""

import base64
import hashlib
import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from access import tokens
from proofs.hostile_corpus import DUPLICATE_KEYS, NOT_JSON, NOT_UTF_8
from tests.access.conftest import WithHeaders, bearer
from tests.api.payloads import assert_refused
from tests.api.test_hostile_payloads import CONTENT_TYPES

pytestmark = pytest.mark.django_db


# A token's header is parsed before its signature is looked at.
NESTED = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=") + ".e30.x"


def ask(path: str, body: object, content_type: str = "application/json"):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.generic("POST", path, data, content_type=content_type)


def sign_in(username: object = "person", password: object = "correct horse"):
    return ask("/api/token/", {"username": username, "password": password})


def renew(refresh: object):
    return ask("/api/token/refresh/", {"refresh": refresh})


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_name_and_its_password_get_tokens_that_open_the_api(person, slash):
    answer = ask(f"/api/token{slash}", {"username": "person", "password": "correct horse"})

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert list(answer.json()) == ["access", "refresh"]
    assert WithHeaders(**bearer(answer.json()["access"])).visits().status_code == 200

    renewed = ask(f"/api/token/refresh{slash}", {"refresh": answer.json()["refresh"]})
    assert list(renewed.json()) == ["access"]
    assert WithHeaders(**bearer(renewed.json()["access"])).visits().status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("person", "wrong"), ("person", ""), ("nobody", "correct horse"), ("", ""), ("PERSON", "correct horse"),
        ("gone", "correct horse"), ("machine", ""), ("person", "x" * 4097), ("x" * 151, "correct horse"),
        ("é" * 150, "\x7f"),
    ],
)  # fmt: skip
def test_anything_else_gets_one_and_the_same_401(person, username, password):
    User.objects.create_user("gone", password="correct horse", is_active=False)
    User.objects.create_user("machine")

    response = sign_in(username, password)

    assert assert_refused(response, 401) == "No active user has this name and password."
    assert response["WWW-Authenticate"] == 'Bearer realm="Retail Pulse"'


def test_the_longest_password_is_one(person):
    person.set_password("x" * 4096)
    person.save()
    assert sign_in(password="x" * 4096).status_code == 200

    person.set_password("x" * 4097)
    person.save()
    assert_refused(sign_in(password="x" * 4097), 401)


@pytest.mark.parametrize("path", ["/api/token/", "/api/token/refresh/"])
@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, 1, "x", {"username": "person"}, {"password": "x", "refresh": None},
        {"username": 1, "password": "x"},
        {"username": "person", "password": None}, {"username": ["person"], "password": "x"},
        {"refresh": 1}, {"refresh": {}},
        {"username": {"a": 1}, "password": True, "refresh": []},
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_400(path, body):
    assert_refused(ask(path, body), 400)


@pytest.mark.parametrize("path", ["/api/token/", "/api/token/refresh/"])
@pytest.mark.parametrize("body", [*NOT_JSON.values(), *NOT_UTF_8.values(), *DUPLICATE_KEYS.values()])
def test_no_hostile_body_gets_past_the_parser(path, body):
    assert_refused(ask(path, body), 400)


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800", r"a\u0000b"])
@pytest.mark.parametrize("name", ["username", "password", "refresh"])
def test_nul_and_half_surrogate_pairs_are_400(person, text, name):
    body = f'{{"username": "person", "password": "x", "refresh": "x", "{name}": "{text}"}}'
    body = body.replace(f'"{name}": "person", ', "").replace(f'"{name}": "x", ', "")
    for path in ("/api/token/", "/api/token/refresh/"):
        assert_refused(ask(path, body.encode()), 400)


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_what_is_not_declared_json_is_refused(content_type):
    response = ask("/api/token/", {"username": "person", "password": "x"}, content_type=content_type)
    assert response.status_code in (400, 415)
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_405(method):
    response = Client().generic(method, "/api/token/", b"{}", content_type="application/json")
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "refresh", ["", "x", "a.b.c", "..", "é", "x" * 100_000, "eyJhbGciOiJub25lIn0.e30.", "\x7f", "a.b", "🐎", NESTED]
)
def test_what_is_no_refresh_token_is_401(person, refresh):
    assert "refresh token" in assert_refused(renew(refresh), 401)


def test_an_access_token_refreshes_nothing(person):
    assert_refused(renew(tokens.issue(person).access), 401)


def change_password(user: User) -> None:
    user.set_password("another")
    user.save()


@pytest.mark.parametrize(
    "end",
    [
        change_password,
        lambda user: User.objects.update(is_active=False),
        lambda user: user.delete(),
    ],
)
def test_a_refresh_token_ends_with_its_user_and_their_password(person, end):
    refresh = tokens.issue(person).refresh
    assert renew(refresh).status_code == 200
    end(person)
    assert_refused(renew(refresh), 401)


def test_a_token_holds_nothing_of_the_password_that_could_be_looked_up(person):
    payload = tokens.issue(person).access.split(".")[1]
    text = base64.urlsafe_b64decode(payload + "==").decode()
    assert person.password not in text
    for algorithm in ("md5", "sha1", "sha256"):
        for spelling in (person.password, "correct horse"):
            assert hashlib.new(algorithm, spelling.encode()).hexdigest() not in text.lower()
