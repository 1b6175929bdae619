"""Is a job's `callback_url` stored with the job, told of it alone, and its secret shown once?"""

import base64
import json

import pytest

from jobs.models import Job
from tests.api.payloads import submission, visit
from tests.api.v1.conftest import assert_problem
from tests.factories import make_stores
from tests.webhooks.conftest import finish, told
from tests.webhooks.deliveries import URL, make_endpoint
from webhooks.models import Delivery, Endpoint
from webhooks.models.endpoint import MOST_ENDPOINTS

pytestmark = pytest.mark.django_db
SECRET = f"whsec_{base64.b64encode(bytes(range(24))).decode()}"


@pytest.fixture
def api(as_user, person):
    make_stores("T-1")
    return as_user(person)


def with_callback(**more):
    return {**submission(visit("T-1")), "callback_url": URL, **more}


def test_the_answer_shows_the_secret_of_the_jobs_own_webhook(api, person):
    answer = api.post("jobs", with_callback())
    assert answer.status_code == 201
    made = Endpoint.objects.get()
    assert answer.json()["callback"] == {"id": made.pk, "secret": made.secret}
    assert (made.owner, made.job_id, made.url, made.events) == (person, answer.json()["id"], URL, ["job.ended"])
    assert "callback" not in api.get(f"jobs/{made.job_id}").json()


def test_it_is_listed_by_its_job_and_not_among_those_that_were_set_up(api, person):
    job = api.post("jobs", with_callback()).json()
    make_endpoint(person)
    assert [row["id"] for row in api.get("webhooks", {"job": job["id"]}).json()["results"]] == [job["callback"]["id"]]
    (lasting,) = api.get("webhooks").json()["results"]
    assert lasting["job"] is None


def test_it_does_not_count_among_the_users_webhooks(api, person):
    for _ in range(MOST_ENDPOINTS):
        make_endpoint(person)
    assert api.post("jobs", with_callback()).status_code == 201


def test_a_submission_without_one_makes_no_webhook(api):
    assert "callback" not in api.post("jobs", submission(visit("T-1"))).json()
    assert not Endpoint.objects.exists()


def test_it_is_told_of_its_job_alone(api):
    first = api.post("jobs", with_callback(callback_events=["job.started", "job.ended"])).json()
    second = api.post("jobs", submission(visit("T-1"))).json()
    finish(Job.objects.get(pk=second["id"]))
    endpoint = Endpoint.objects.get()
    assert sorted(told(endpoint)) == ["job.ended", "job.started"]
    assert set(Delivery.objects.values_list("event__job_id", flat=True)) == {first["id"]}


def test_a_job_that_ends_when_it_is_stored_tells_its_callback(api):
    job = api.post("jobs", {**submission(visit("gone")), "callback_url": URL}).json()
    assert job["state"] == "ended"
    assert told(Endpoint.objects.get()) == ["job.ended"]


def test_ones_own_secret_signs_and_is_not_repeated(api):
    answer = api.post("jobs", with_callback(callback_secret=SECRET)).json()
    assert Endpoint.objects.get().secret == SECRET
    assert answer["callback"] == {"id": Endpoint.objects.get().pk, "secret": None}


def test_a_replay_by_its_key_makes_no_second_webhook_and_shows_no_secret(api):
    headers = {"Idempotency_Key": "route-7"}
    first = api.post("jobs", with_callback(), **headers).json()
    again = api.post("jobs", with_callback(), **headers)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["callback"] == {"id": first["callback"]["id"], "secret": None}
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"callback_url": None}, "callback_url"),
        ({"callback_url": "http://192.168.0.7/"}, "callback_url"),
        ({"callback_url": "gopher://a.example/"}, "callback_url"),
        ({"callback_events": []}, "callback_events"),
        ({"callback_events": ["stores.imported"]}, "callback_events"),
        ({"callback_secret": "hunter2"}, "callback_secret"),
        ({"callback_secret": SECRET + "\n"}, "callback_secret"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_stored_and_by_a_dry_run(api, change, at):
    body = with_callback(**change)
    problem = assert_problem(api.post("jobs", {**body, "priority": "high"}), 400, "invalid-submission")
    assert [error["pointer"] for error in problem["errors"]] == [f"#/{at}", "#/priority"]
    assert not Job.objects.exists()
    found = api.post("jobs:validate", body).json()
    assert found["accepted"] is False
    assert [error["pointer"] for error in found["errors"]] == [f"#/{at}"]
    assert api.post("jobs:validate", with_callback()).json()["accepted"] is True


def test_events_and_a_secret_need_an_address(api):
    body = {**submission(visit("T-1")), "callback_events": ["job.ended"], "callback_secret": SECRET}
    problem = assert_problem(api.post("jobs", body), 400, "invalid-submission")
    assert [error["pointer"] for error in problem["errors"]] == ["#/callback_secret", "#/callback_events"]


@pytest.mark.parametrize("bytes_", [24, 25, 26, 63, 64])
def test_a_secret_of_24_to_64_bytes_is_taken(api, bytes_):
    secret = f"whsec_{base64.b64encode(b'x' * bytes_).decode()}"
    assert api.post("jobs", with_callback(callback_secret=secret)).status_code == 201


@pytest.mark.parametrize("bytes_", [23, 65, 66])
def test_a_shorter_or_longer_secret_is_not(api, bytes_):
    secret = f"whsec_{base64.b64encode(b'x' * bytes_).decode()}"
    assert_problem(api.post("jobs", with_callback(callback_secret=secret)), 400, "invalid-submission")


def test_the_assignments_own_path_ignores_it(api):
    answer = api.client.post("/api/submit/", json.dumps(with_callback(callback_secret=7)), "application/json")
    assert (answer.status_code, set(answer.json())) == (201, {"job_id"})
    assert not Endpoint.objects.exists()


def test_without_credentials_it_is_nobodys_as_the_job_is(v1):
    make_stores("T-1")
    job = v1.post("jobs", with_callback()).json()
    endpoint = Endpoint.objects.get(job_id=job["id"])
    assert endpoint.owner is None
    assert v1.get(f"webhooks/{endpoint.pk}").status_code == 200


def test_a_submission_that_is_undone_leaves_no_webhook(api, monkeypatch):
    def fail(*_):
        raise RuntimeError("undone")

    monkeypatch.setattr("jobs.submission.submit.queue.announce_on_commit", fail)
    assert api.post("jobs", with_callback()).status_code == 500
    assert not Job.objects.exists()
    assert not Endpoint.objects.exists()
