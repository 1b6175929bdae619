"""What may be done to a job, by whom, and which buttons are shown: staff as the admin has them, owners, priorities."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs import errors, queue
from jobs.models import Job, JobAction
from tests.access.conftest import bearer, make_key
from tests.api.payloads import submission
from tests.factories import allow, failure, look, make_staff, make_worker, submit_job

pytestmark = pytest.mark.django_db

JSON = "application/json"
BUTTONS = ['value="pause"', 'value="cancel"', 'value="prioritize"', "/retry/"]


@pytest.fixture
def job(person) -> Job:
    """Of a person's: one image pending, one failed."""
    job = submit_job(["http://a.test/1", "http://a.test/2"], owner=person)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [failure(claim, errors.NotAnImage())])
    return look(job)


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def by_session(user: User, path: str, body: Any, method: str = "POST") -> Any:
    return sign_in(user).generic(method, path, json.dumps(body), content_type=JSON)


def by_key(user: User, path: str, body: Any, method: str = "POST") -> Any:
    return Client().generic(method, path, json.dumps(body), content_type=JSON, headers=bearer(make_key(user)[1]))


@pytest.mark.parametrize("send", [by_session, by_key])
@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "retry"])
def test_staff_who_may_only_view_a_job_are_told_which_permission_they_lack(job, action, send):
    answer = send(make_staff("view_job"), f"/api/v1/jobs/{job.pk}/{action}", {})
    assert (answer.status_code, answer.json()["type"]) == (403, "/docs/problems/#not-allowed")
    assert "permission to change jobs" in answer.json()["detail"]
    assert look(job).revision == job.revision
    assert not JobAction.objects.exists()


def test_staff_with_the_permission_cancel_and_the_history_says_who(job):
    assert by_session(make_staff("change_job"), f"/api/v1/jobs/{job.pk}/cancel", {}).status_code == 200
    assert [(line.verb, line.user_name) for line in JobAction.objects.all()] == [("cancel", "chief")]


@pytest.mark.parametrize(("permission", "buttons"), [("view_job", []), ("change_job", BUTTONS)])
def test_only_those_who_may_press_a_button_are_shown_it(job, permission, buttons):
    client = sign_in(make_staff(permission))
    text = client.get(f"/jobs/{job.pk}/").text
    assert [button for button in BUTTONS if button in text] == buttons
    assert ("Count them" in client.get("/jobs/").text) == bool(buttons)
    image = job.images.order_by("pk")[0]
    assert ("Retry images" in client.get(f"/jobs/{job.pk}/images/{image.pk}/").text) == bool(buttons)
    # A page without its button is refused too.
    assert (client.get(f"/jobs/{job.pk}/retry/").status_code == 200) == bool(buttons)


def test_an_action_on_all_jobs_reaches_those_that_the_person_may_change(job):
    chief = make_staff("view_job")
    own = submit_job(owner=chief)
    client = sign_in(chief)
    assert "1 job</strong>" in client.post("/jobs/act/", {"act": "pause"}).text
    client.post("/jobs/act/", {"act": "pause", "confirmed": "yes"})
    assert [job.pk for job in Job.objects.filter(paused_at__isnull=False)] == [own.pk]


@pytest.mark.parametrize(
    ("path", "fields", "verb"),
    [
        ("{}/act/", {"act": "pause"}, "pause"),
        ("{}/act/", {"act": "cancel", "confirmed": "yes"}, "cancel"),
        ("{}/act/", {"act": "prioritize", "priority": "-1"}, "prioritize"),
        ("{}/retry/", {"what": "all"}, "retry"),
        ("act/", {"act": "pause", "confirmed": "yes"}, "pause"),
        ("act/", {"act": "retry", "confirmed": "yes"}, "retry"),
    ],
)
def test_every_action_on_the_dashboard_leaves_a_line_with_its_person(job, person, path, fields, verb):
    client = sign_in(person)
    client.post(f"/jobs/{path.format(job.pk)}", fields)
    line = JobAction.objects.get()
    assert (line.job_id, line.verb, line.user, line.user_name) == (job.pk, verb, person, "person")
    assert f"<strong>{verb.capitalize()}</strong> by person" in client.get(f"/jobs/{job.pk}/").text


@pytest.mark.parametrize("send", [by_session, by_key])
@pytest.mark.parametrize(("priority", "is_free"), [(-9, True), (0, True), (1, False), (9, False)])
def test_a_priority_above_the_default_needs_its_permission(job, person, priority, is_free, send):
    body = submission(priority=priority)
    for user in (person, make_staff("change_job")):
        submitted = send(user, "/api/v1/jobs", body)
        moved = send(user, f"/api/v1/jobs/{job.pk}", {"priority": priority}, "PATCH")
        checked = send(user, "/api/v1/jobs:validate", body).json()
        assert (submitted.status_code, moved.status_code) == ((201, 200) if is_free else (403, 403))
        assert checked["accepted"] == is_free
        if not is_free:
            assert submitted.json()["type"] == "/docs/problems/#not-allowed"
            assert "permission to prioritize jobs" in submitted.json()["detail"]
            assert checked["errors"][0]["pointer"] == "#/priority"
    assert not Job.objects.filter(priority__gt=0).exists()
    allowed = allow(person, "prioritize_job")
    assert send(allowed, "/api/v1/jobs", body).status_code == 201
    assert send(allowed, f"/api/v1/jobs/{job.pk}", {"priority": priority}, "PATCH").status_code == 200


def test_the_dashboard_offers_and_takes_no_priority_that_is_not_permitted(job, person):
    client = sign_in(person)
    assert "<option>1</option>" not in client.get(f"/jobs/{job.pk}/").text
    assert client.post(f"/jobs/{job.pk}/act/", {"act": "prioritize", "priority": "1"}).status_code == 403
    client = sign_in(allow(person, "prioritize_job"))
    assert "<option>9</option>" in client.get(f"/jobs/{job.pk}/").text
    client.post(f"/jobs/{job.pk}/act/", {"act": "prioritize", "priority": "9"})
    assert look(job).priority == 9


def test_on_an_open_api_callers_without_credentials_may_set_any_priority(settings):
    settings.API_OPEN = True
    answer = Client().post("/api/v1/jobs", submission(priority=9), JSON)
    assert (answer.status_code, answer.json()["priority"]) == (201, 9)
