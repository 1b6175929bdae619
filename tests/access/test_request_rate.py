"""How many requests a minute, and whose?"""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from access import tokens
from tests.access.conftest import WithHeaders, bearer, make_key
from tests.api.conftest import API
from tests.api.payloads import assert_refused, submission

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_a_minute(settings, clock):
    settings.API_RATE_PER_MINUTE = 3


def test_the_limit_passes_and_one_more_is_429_until_the_minute_is_over(by_key, clock):
    clock[0] += 17
    assert [by_key.visits().status_code for _ in range(3)] == [200] * 3

    response = by_key.visits()
    assert "At most 3 requests a minute" in assert_refused(response, 429)
    assert response["Retry-After"] == "43"

    clock[0] += 42
    assert by_key.visits().status_code == 429
    assert by_key.visits()["Retry-After"] == "1"
    clock[0] += 1
    assert by_key.visits().status_code == 200


def test_a_refused_submission_stores_nothing_and_comes_through_later(by_key, clock):
    for _ in range(3):
        by_key.visits()
    assert_refused(by_key.submit(submission()), 429)
    clock[0] += 60
    assert by_key.submit(submission()).status_code == 201


def test_keys_and_tokens_of_one_user_count_together_and_apart_from_others(person):
    first, second = (WithHeaders(**bearer(make_key(person)[1])) for _ in range(2))
    other = WithHeaders(**bearer(tokens.issue(User.objects.create_user("other")).access))
    statuses = [api.visits().status_code for api in (first, second, first, other, second)]
    assert statuses == [200, 200, 200, 200, 429]


def strangers(address: str, **headers: str) -> int:
    return Client(REMOTE_ADDR=address, headers=headers).get("/api/visits").status_code


def test_strangers_count_by_their_address(settings):
    settings.API_OPEN = True
    assert [strangers("192.0.2.1") for _ in range(4)] == [200, 200, 200, 429]
    assert strangers("::ffff:192.0.2.1") == 429
    assert strangers("192.0.2.2") == 200


def test_strangers_with_ipv6_count_by_their_network(settings):
    settings.API_OPEN = True
    assert [strangers(f"2001:db8::{host}") for host in range(4)] == [200, 200, 200, 429]
    assert strangers("2001:db8:0:1::1") == 200


def test_no_header_gives_a_stranger_another_address(settings):
    settings.API_OPEN = True
    body = {"username": "a", "password": "b"}
    answers = [
        Client(headers={"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"}).post(
            "/api/token/", body, content_type="application/json"
        )
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_zero_is_no_limit(settings, by_key):
    settings.API_RATE_PER_MINUTE = 0
    assert {by_key.visits().status_code for _ in range(10)} == {200}


def test_the_token_endpoint_counts_too(person):
    for _ in range(3):
        Client().post("/api/token/", {}, content_type="application/json")
    response = Client().post("/api/token/", {}, content_type="application/json")
    assert_refused(response, 429)


def test_a_caller_without_access_is_refused_as_such_however_often():
    assert {API().visits().status_code for _ in range(5)} == {401}


def test_probes_are_not_counted():
    assert {Client().get("/livez").status_code for _ in range(5)} == {200}


def test_without_its_cache_the_service_goes_on(settings, by_key, monkeypatch, caplog):
    def away(*_, **__):
        raise ConnectionError("the cache is away")

    monkeypatch.setattr(cache, "add", away)
    assert {by_key.visits().status_code for _ in range(5)} == {200}
    assert "cache not available" in caplog.text
