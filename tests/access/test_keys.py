"""What does using a key cost and leave behind, and when does it end?"""

from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from access.models import ApiKey, Scope
from tests.access.conftest import WithHeaders, bearer, make_key

pytestmark = pytest.mark.django_db


def test_a_key_is_a_prefix_and_256_random_bits_of_which_the_hash_is_kept(person):
    key, text = make_key(person)
    start, prefix, secret = text.split("_")

    assert (start, prefix, len(bytes.fromhex(secret))) == ("rp", key.prefix, 32)
    assert key.secret_sha256 == sha256(secret.encode()).hexdigest()


def test_no_two_keys_share_anything(person):
    texts = [make_key(person)[1] for _ in range(20)]

    assert len({text.split("_")[1] for text in texts}) == len({text.split("_")[2] for text in texts}) == 20


@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (0, 401), (-1, 401)])
def test_a_key_ends_at_its_time_by_the_databases_clock(person, seconds, status):
    text = make_key(person, days=1)[1]
    ApiKey.objects.update(expires_at=Now() + timedelta(seconds=seconds))

    assert WithHeaders(**bearer(text)).visits().status_code == status


def test_days_are_counted_from_now(person):
    key, _ = make_key(person, days=30)
    key.refresh_from_db()
    assert key.expires_at is not None
    assert abs(key.expires_at - key.created_at - timedelta(days=30)) < timedelta(seconds=1)


def test_the_last_use_is_written_down_once_a_minute(by_key):
    assert ApiKey.objects.get().last_used_at is None
    by_key.visits()
    first = ApiKey.objects.get().last_used_at
    by_key.visits()
    assert ApiKey.objects.get().last_used_at == first is not None

    ApiKey.objects.update(last_used_at=Now() - timedelta(seconds=61))
    by_key.visits()
    assert ApiKey.objects.get().last_used_at > first


def test_a_key_in_use_costs_one_query(settings, by_key, django_assert_num_queries):
    settings.API_OPEN = True
    by_key.visits()
    with CaptureQueriesContext(connection) as without:
        WithHeaders().visits()
    with django_assert_num_queries(len(without) + 1):
        by_key.visits()


def test_a_refused_key_is_not_used(person):
    text = make_key(person)[1]
    ApiKey.objects.revoke()
    WithHeaders(**bearer(text)).visits()
    assert ApiKey.objects.get().last_used_at is None


def test_revoking_twice_keeps_the_first_time(person):
    make_key(person)
    assert ApiKey.objects.revoke() == 1
    first = ApiKey.objects.get().revoked_at
    assert ApiKey.objects.all().revoke() == 0
    assert ApiKey.objects.get().revoked_at == first


def test_what_is_no_key_asks_the_database_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert ApiKey.objects.find("rp_") is None
        assert ApiKey.objects.find("rp_" + "0" * 12 + "_" + "0" * 63) is None
        assert ApiKey.objects.find("\x00") is None


def test_the_keys_text_shows_neither_secret_nor_hash(person):
    key, text = make_key(person, Scope.READ)
    assert text.split("_")[2] not in f"{key} {key!r}"
    assert key.secret_sha256 not in f"{key} {key!r}"
