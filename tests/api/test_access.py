"""Who may use the API, and what is everybody else answered?"""

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from jobs.models import Job
from tests.api.conftest import API
from tests.api.payloads import assert_nothing_stored, assert_refused, submission
from tests.factories import submit_job

pytestmark = pytest.mark.django_db

FORWARDED = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"]
ENDPOINTS = [("post", "/api/submit"), ("get", "/api/status?jobid=1"), ("get", "/api/visits")]


@pytest.fixture
def closed(settings):
    settings.API_OPEN = False


@pytest.fixture
def person() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("person"))
    return client


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a_closed_api_answers_401_to_strangers(closed, method, path):
    response = getattr(Client(), method)(path, submission(), content_type="application/json")

    assert "Sign in" in assert_refused(response, 401)
    assert response["WWW-Authenticate"] == 'Bearer realm="Retail Pulse"'
    assert_nothing_stored()


def test_a_closed_api_serves_signed_in_users(closed, person):
    job_id = API(person).submit(submission()).json()["job_id"]

    assert API(person).status(job_id).status_code == 200
    assert API(person).visits().status_code == 200


def test_a_person_who_may_no_longer_sign_in_is_a_stranger(closed, person):
    User.objects.update(is_active=False)

    assert_refused(API(person).visits(), 401)


def test_an_open_api_serves_strangers(api):
    job_id = api.submit(submission()).json()["job_id"]

    assert api.status(job_id).status_code == 200
    assert Job.objects.get().owner is None


@pytest.mark.parametrize("header", FORWARDED)
@pytest.mark.parametrize("value", ["203.0.113.9", ""])
def test_an_open_api_refuses_strangers_who_came_through_a_proxy(header, value):
    response = Client().post("/api/submit", submission(), content_type="application/json", headers={header: value})

    sentence = assert_refused(response, 401)
    assert "proxy" in sentence
    assert header in sentence
    assert_nothing_stored()


@pytest.mark.parametrize("header", FORWARDED)
def test_signed_in_users_may_come_through_a_proxy(closed, person, header):
    assert person.get("/api/visits", headers={header: "x"}).status_code == 200


@pytest.mark.parametrize(
    "cookie", ["0123456789abcdefghijklmnopqrstuv", "x", "", '"00000000\\000"', "' OR 1=1 --", "é" * 32, "a" * 4000]
)
def test_a_forged_session_is_anonymous(api, cookie):
    api.client.cookies["sessionid"] = "x"
    api.client.cookies["sessionid"]._coded_value = cookie

    assert api.submit(submission()).status_code == 201
    assert api.visits().status_code == 200


def test_an_expired_session_is_anonymous(api, person):
    Session.objects.update(expire_date=timezone.now())

    assert API(person).submit(submission()).status_code == 201
    assert Job.objects.get().owner is None


def test_an_anonymous_session_does_not_open_a_closed_api(closed, api):
    api.client.cookies["sessionid"] = "0123456789abcdefghijklmnopqrstuv"

    assert_refused(api.visits(), 401)


@pytest.mark.parametrize("api_open", [True, False])
def test_a_session_without_csrf_token_may_read_but_not_submit(settings, api_open):
    settings.API_OPEN = api_open
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("person"))

    assert "CSRF" in assert_refused(API(client).submit(submission()), 403)
    assert_nothing_stored()
    assert API(client).visits().status_code == 200


def test_a_session_with_csrf_token_may_submit():
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("person"))
    token = "a" * 32
    client.cookies["csrftoken"] = token

    assert API(client).submit(submission(), x_csrftoken=token).status_code == 201


def test_strangers_need_no_csrf_token():
    assert API(Client(enforce_csrf_checks=True)).submit(submission()).status_code == 201


def test_a_closed_api_reveals_nothing_about_jobs_to_strangers(closed, api):
    job = submit_job()

    assert api.status(job.pk).content == api.status(job.pk + 1).content
