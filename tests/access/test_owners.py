"""Does anything tell somebody else's job from one that does not exist?"""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import ProtectedError
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.access.conftest import WithHeaders, bearer, make_key
from tests.api.payloads import submission, visit, work_off
from tests.factories import KNOWN_STORE, allow, make_stores

pytestmark = pytest.mark.django_db


def submit(api: WithHeaders) -> int:
    make_stores(KNOWN_STORE)
    job_id: int = api.submit(submission(visit(KNOWN_STORE))).json()["job_id"]
    return job_id


@pytest.fixture
def foreign(db) -> int:
    """The id of a finished job of somebody else's."""
    other = User.objects.create_user("other")
    job_id = submit(WithHeaders(**bearer(make_key(other)[1])))
    work_off()
    return job_id


@pytest.fixture
def browser(person) -> WithHeaders:
    client = Client()
    client.force_login(person)
    return WithHeaders(client)


@pytest.mark.parametrize("callers", ["by_key", "by_token", "browser", "stranger"])
@pytest.mark.parametrize("parameters", [{}, {"view": "summary"}, {"view": "images"}, {"view": "x"}, {"limit": "x"}])
def test_a_foreign_job_answers_exactly_like_a_missing_one(request, settings, foreign, callers, parameters):
    settings.API_OPEN = True
    api = WithHeaders() if callers == "stranger" else request.getfixturevalue(callers)
    api.visits()  # what is written once a minute is written
    with CaptureQueriesContext(connection) as for_foreign:
        one = api.status(foreign, **parameters)
    with CaptureQueriesContext(connection) as for_missing:
        other = api.status(foreign + 10**6, **parameters)

    assert (one.status_code, one.content) == (other.status_code, other.content) == (400, b"{}")
    assert without_id(one) == without_id(other)
    assert len(for_foreign) == len(for_missing)


def without_id(response):
    """The headers but for the request's id, which every answer has, and of its own, and the count of requests."""
    headers = dict(response.headers)
    assert headers.pop("X-Request-Id")
    assert headers.pop("RateLimit")
    return headers


def test_visits_of_others_are_not_found(settings, foreign, by_key):
    settings.API_OPEN = True
    for api in (by_key, WithHeaders()):
        assert api.visits().json() == {"results": []}
        assert api.visits(storeid=KNOWN_STORE).json() == {"results": []}


def test_everybody_finds_their_own(settings, by_key, by_token, browser):
    for api in (by_key, by_token):
        job_id = submit(api)
        work_off()
        for reader in (by_key, by_token, browser):
            assert reader.status(job_id).json()["status"] == "completed"
            assert reader.visits().json()["results"]


@pytest.mark.parametrize(("permission", "status"), [("view_job", 200), ("change_job", 200), ("view_visit", 400)])
def test_staff_who_may_view_jobs_see_every_one_with_a_key_too(foreign, person, permission, status):
    User.objects.filter(pk=person.pk).update(is_staff=True)
    allow(person, permission)
    assert WithHeaders(**bearer(make_key(person)[1])).status(foreign).status_code == status


def test_a_key_used_by_another_does_not_find_what_was_submitted_under_the_same_idempotency_key(by_key, foreign):
    other = WithHeaders(**bearer(make_key(User.objects.create_user("third"))[1]))
    ids = [api.submit(submission(), idempotency_key="k").json()["job_id"] for api in (by_key, other)]
    assert ids[0] != ids[1]


def test_jobs_of_strangers_are_not_those_of_users(settings, by_key):
    settings.API_OPEN = True
    job_id = submit(WithHeaders())
    assert Job.objects.get(pk=job_id).owner is None
    assert by_key.status(job_id).status_code == 400


def test_a_user_who_has_submitted_jobs_cannot_be_deleted(person, by_key):
    job_id = submit(by_key)
    with pytest.raises(ProtectedError):
        person.delete()
    assert Job.objects.get(pk=job_id).owner == person
