"""Does a repeated submission with the same key create one job?"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.db.models import F
from django.test import Client

from jobs.models import IdempotencyKey, ImageResult, Job, idempotency_key
from tests.api.conftest import API
from tests.api.payloads import assert_refused, submission, visit

TWINS = 200


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_the_same_key_and_body_replay_the_first_answer(self, api):
        first = api.submit(submission(), idempotency_key="k")
        again = api.submit(submission(), idempotency_key="k")

        assert first.status_code == again.status_code == 201
        assert first.json() == again.json()
        assert "Idempotent-Replayed" not in first
        assert again["Idempotent-Replayed"] == "true"
        assert Job.objects.count() == ImageResult.objects.count() == 1

    def test_a_query_that_changes_nothing_is_no_other_submission(self, api):
        first = api.submit(submission(), idempotency_key="k")
        again = api.submit(submission(), path="/api/submit/?attempt=2", idempotency_key="k")

        assert (again.json(), again.headers.get("Idempotent-Replayed")) == (first.json(), "true")

    def test_without_a_key_every_submission_is_a_job(self, api):
        assert api.submit(submission()).json() != api.submit(submission()).json()

    def test_another_key_is_another_job(self, api):
        api.submit(submission(), idempotency_key="k")
        api.submit(submission(), idempotency_key="K")

        assert Job.objects.count() == 2

    def test_another_body_under_the_same_key_is_422(self, api):
        api.submit(submission(), idempotency_key="k")

        assert "Idempotency-Key" in assert_refused(api.submit(submission(visit("T-2")), idempotency_key="k"), 422)
        assert Job.objects.count() == 1

    def test_the_same_submission_in_other_bytes_is_another_body(self, api):
        api.submit(submission(), idempotency_key="k")
        spaced = json.dumps(submission(), indent=1).encode()

        assert_refused(api.submit(spaced, idempotency_key="k"), 422)

    def test_a_refused_body_does_not_use_up_its_key(self, api):
        assert_refused(api.submit(submission(visit("")), idempotency_key="k"), 400)

        assert api.submit(submission(), idempotency_key="k").status_code == 201

    @pytest.mark.parametrize("key", ["x", "!~", "x" * 255, '"quoted"', "a,b"])
    def test_visible_ascii_is_a_valid_key(self, api, key):
        assert api.submit(submission(), idempotency_key=key).status_code == 201
        assert api.submit(submission(), idempotency_key=key)["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize("key", ["", "x" * 256, "a b", " ", "a\tb", "a\n", "\x7f", "é", "\x00"])
    def test_anything_else_is_refused(self, api, key):
        assert "Idempotency-Key" in assert_refused(api.submit(submission(), idempotency_key=key), 400)
        assert not Job.objects.exists()

    def test_a_key_expires_after_24_hours(self, api):
        first = api.submit(submission(), idempotency_key="k").json()

        def age(hours, minutes):
            IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=hours, minutes=minutes))

        age(23, 59)
        assert api.submit(submission(), idempotency_key="k").json() == first
        age(0, 1)
        assert api.submit(submission(), idempotency_key="k").json() != first

    def test_each_submission_deletes_some_expired_keys_whoever_had_them(self, api, monkeypatch):
        monkeypatch.setattr(idempotency_key, "MOST_PRUNED", 3)
        for number in range(5):
            api.submit(submission(), idempotency_key=f"old-{number}")
        IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=24))
        api.submit(submission(), idempotency_key="kept")

        def keys():
            return sorted(IdempotencyKey.objects.values_list("key", flat=True))

        assert keys() == ["kept", "old-3", "old-4"]
        api.submit(submission())
        assert len(keys()) == 3
        api.submit(submission(), idempotency_key="kept")
        assert len(keys()) == 3, "a replay stores nothing, and deletes nothing"
        api.submit(submission(), idempotency_key="next")
        assert keys() == ["kept", "next"]
        assert Job.objects.count() == 8, "the jobs themselves stay"

    def test_a_key_belongs_to_its_owner(self, api, admin_client):
        person = Client()
        person.force_login(User.objects.create_user("person"))

        answers = [caller.submit(submission(), idempotency_key="k") for caller in (api, API(admin_client), API(person))]
        assert [answer.status_code for answer in answers] == [201] * 3
        assert len({answer.json()["job_id"] for answer in answers}) == 3
        again = API(person).submit(submission(), idempotency_key="k")
        assert again.json() == answers[2].json()


@pytest.mark.django_db(transaction=True)
def test_a_submission_does_not_wait_for_expired_keys_that_another_one_is_deleting(api):
    api.submit(submission(), idempotency_key="old")
    IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=24))

    def submit():
        try:
            return API(Client()).submit(submission(), idempotency_key="new").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        IdempotencyKey.objects.prune()
        assert threads.submit(submit).result(timeout=20) == 201


@pytest.mark.django_db(transaction=True)
def test_two_hundred_duplicates_at_once_make_one_job(monkeypatch):
    # A web server has as many threads as connections; here, most of the two hundred wait for one.
    monkeypatch.setattr(connection.pool, "timeout", 60)
    start = Barrier(TWINS)
    body = submission(visit("T-1", *(f"http://a/{number}" for number in range(10))))

    def submit(_):
        try:
            start.wait()
            return API(Client()).submit(body, idempotency_key="twin")
        finally:
            # Otherwise each thread keeps its connection out of the pool that the others wait for.
            connections.close_all()

    with ThreadPoolExecutor(TWINS) as threads:
        answers = list(threads.map(submit, range(TWINS)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer for answer in answers) == TWINS - 1
    assert Job.objects.count() == 1
    assert ImageResult.objects.count() == 10
