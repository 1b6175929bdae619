"""How much may one user have in the queue?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from jobs.models import IdempotencyKey, ImageResult, Job
from tests.api.conftest import API
from tests.api.payloads import assert_refused, submission, visit, work_off
from tests.factories import KNOWN_STORE, make_stores

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_most_five(settings):
    settings.MAX_PENDING_IMAGES = 5
    make_stores(KNOWN_STORE)


def images(number: int) -> dict:
    return submission(visit(KNOWN_STORE, *[f"http://images.test/{n}" for n in range(number)]))


def test_the_limit_passes_and_one_more_is_429(api):
    assert api.submit(images(3)).status_code == 201
    assert api.submit(images(2)).status_code == 201

    response = api.submit(images(1))
    sentence = assert_refused(response, 429)
    assert "5 of your images are still pending and this job has 1, but at most 5" in sentence
    assert response["Retry-After"] == "60"
    assert Job.objects.count() == 2


def test_final_images_no_longer_count(api):
    api.submit(images(5))
    assert api.submit(images(5)).status_code == 429
    work_off()
    assert api.submit(images(5)).status_code == 201


def test_the_finished_half_of_a_job_no_longer_counts(api):
    api.submit(images(4))
    ImageResult.objects.filter(pk__in=ImageResult.objects.values("pk")[2:]).update(held=True)
    work_off()
    assert api.submit(images(4)).status_code == 429
    assert api.submit(images(3)).status_code == 201


def test_images_of_unknown_stores_do_not_count(api):
    api.submit(images(5))
    assert api.submit(submission(visit("nowhere"))).status_code == 201
    mixed = submission(visit("nowhere"), visit(KNOWN_STORE))
    assert "this job has 1," in assert_refused(api.submit(mixed), 429)


def test_a_job_without_pending_images_passes_even_above_the_limit(api, settings):
    api.submit(images(5))
    settings.MAX_PENDING_IMAGES = 4
    assert api.submit(submission(visit("nowhere"))).status_code == 201


def test_anonymous_clients_count_as_one_and_separately_from_each_user(api):
    def person(name: str) -> API:
        client = Client()
        client.force_login(User.objects.create_user(name))
        return API(client)

    assert api.submit(images(5)).status_code == 201
    assert API().submit(images(1)).status_code == 429
    first, second = person("first"), person("second")
    assert first.submit(images(5)).status_code == 201
    assert first.submit(images(1)).status_code == 429
    assert second.submit(images(5)).status_code == 201


def test_a_replayed_submission_is_answered_even_at_the_limit(api):
    first = api.submit(images(5), idempotency_key="k")
    again = api.submit(images(5), idempotency_key="k")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert_refused(api.submit(images(4), idempotency_key="k"), 422)
    assert_refused(api.submit(images(5), idempotency_key="l"), 429)


def test_a_refused_submission_does_not_use_up_its_idempotency_key(api):
    api.submit(images(5))
    assert api.submit(images(1), idempotency_key="k").status_code == 429
    work_off()
    assert api.submit(images(1), idempotency_key="k").status_code == 201


def test_checking_the_limit_costs_one_query_whatever_is_pending(api, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    api.submit(images(1))
    with CaptureQueriesContext(connection) as queries:
        api.submit(images(1))
    sums = [query["sql"] for query in queries.captured_queries if "SUM(" in query["sql"]]
    assert len(sums) == 1
    assert "ImageResult" not in sums[0]


def test_an_expired_key_replays_nothing_at_the_limit_either(api):
    api.submit(images(5), idempotency_key="k")
    IdempotencyKey.objects.update(created_at=F("created_at") - timedelta(hours=24))
    assert api.submit(images(5), idempotency_key="k").status_code == 429
