"""Actions on jobs over the API."""

import pytest
from django.contrib.auth.models import User

from access.models import Scope
from jobs.errors import HTTPStatus, NotAnImage, ReadTimeout
from jobs.models import Job, JobAction
from jobs.states import ImageState
from tests.api.payloads import work_off
from tests.api.v1.conftest import assert_problem
from tests.factories import allow, look, make_stores, states, submit_job, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_attempt(settings):
    settings.MAX_ATTEMPTS = 1


def test_cancel_keeps_what_was_found(v1):
    job = submit_job(2)
    response = v1.post(f"jobs/{job.pk}/cancel")

    assert response.status_code == 200
    assert response.json()["images"] == 2
    assert response.json()["job"] == v1.get(f"jobs/{job.pk}").json()
    assert response.json()["job"]["outcome"] == "canceled"
    assert_problem(v1.post(f"jobs/{job.pk}/cancel"), 409, "conflict")


def test_pause_and_resume(v1):
    job = submit_job(2)
    assert v1.post(f"jobs/{job.pk}/pause/").json()["job"]["state"] == "paused"
    resumed = v1.post(f"jobs/{job.pk}/resume", {})
    assert (resumed.json()["images"], resumed.json()["job"]["state"]) == (2, "queued")
    problem = assert_problem(v1.post(f"jobs/{job.pk}/resume"), 409, "conflict")
    assert problem["detail"] == f"Job {job.pk} is not paused."


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
def test_an_action_takes_no_keys(v1, action):
    job = submit_job()
    problem = assert_problem(v1.post(f"jobs/{job.pk}/{action}", {"force": True, "a/~b": 1}), 400, "invalid-submission")
    assert [error["pointer"] for error in problem["errors"]] == ["#/force", "#/a~1~0b"]
    assert look(job).state == "queued"


@pytest.mark.parametrize("priority", [-9, 9])
def test_a_priority_moves_the_job(v1, priority):
    job = submit_job(3)
    response = v1.patch(f"jobs/{job.pk}", {"priority": priority})
    assert response.json()["priority"] == priority
    assert JobAction.objects.get().verb == "prioritize"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"priority": 10}, ["#/priority"]),
        ({"priority": -10}, ["#/priority"]),
        ({"priority": True}, ["#/priority"]),
        ({"priority": "1"}, ["#/priority"]),
        ({}, ["#/priority"]),
        ({"prioritty": 1}, ["#/priority", "#/prioritty"]),
        ([], ["#"]),
        (7, ["#"]),
    ],
)
def test_every_fault_of_a_change_is_reported_at_once(v1, body, pointers):
    job = submit_job()
    problem = assert_problem(v1.patch(f"jobs/{job.pk}", body), 400, "invalid-submission")
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert Job.objects.get().priority == 0


def test_a_body_of_many_unknown_keys_is_not_listed_in_full(v1):
    job = submit_job()
    problem = v1.patch(f"jobs/{job.pk}", {f"{number}" * 30: 1 for number in range(1000)}).json()
    assert len(problem["errors"]) <= 100
    assert all(len(error["pointer"]) <= 66 for error in problem["errors"])


@pytest.fixture
def failed(db):
    make_stores("T-1", "T-2")
    job = submit_visits(
        ("T-1", ["http://a.test/1", "http://a.test/2", "http://b.test/3"]),
        ("T-2", ["http://b.test/4"]),
        ("unknown", ["http://a.test/5"]),
    )
    work_off(
        {
            "http://a.test/1": ReadTimeout(),
            "http://a.test/2": ReadTimeout(),
            "http://b.test/3": NotAnImage(),
            "http://b.test/4": HTTPStatus(404),
        }
    )
    return job


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ({}, (5, 2, 2, 1)),
        ({"code": "read_timeout"}, (2, 2, 0, 0)),
        ({"host": "b.test"}, (2, 0, 2, 0)),
        ({"store": "T-2"}, (1, 0, 1, 0)),
        ({"area": "A-1"}, (4, 2, 2, 0)),
        ({"area": ""}, (1, 0, 0, 1)),
        ({"host": ""}, (0, 0, 0, 0)),
        ({"code": "read_timeout", "host": "b.test"}, (0, 0, 0, 0)),
    ],
)
def test_a_preview_counts_and_changes_nothing(v1, failed, query, counts):
    preview = v1.get(f"jobs/{failed.pk}/retry", query).json()
    assert preview == dict(zip(("matching", "retryable", "permanent", "unknown_store"), counts, strict=True))
    assert states(failed) == [ImageState.FAILED] * 5


def test_a_retry_reopens_what_matches(v1, failed):
    answer = v1.post(f"jobs/{failed.pk}/retry", {"host": "a.test"}).json()
    assert (answer["reopened"], answer["still_unknown"]) == (2, 1)
    assert answer["job"]["state"] == "running"
    assert states(failed) == ["pending", "pending", "failed", "failed", "failed"]


def test_a_retry_of_the_retryable(v1, failed):
    assert v1.post(f"jobs/{failed.pk}/retry", {"only_retryable": True}).json()["reopened"] == 2
    assert states(failed)[:2] == ["pending"] * 2


def test_a_retry_without_filters_takes_all_but_unknown_stores(v1, failed):
    assert v1.post(f"jobs/{failed.pk}/retry", {}).json()["reopened"] == 4


@pytest.mark.parametrize(
    "body",
    [
        {"cod": "read_timeout"}, {"code": 1}, {"only_retryable": "yes"}, {"host": None}, {"code": "x" * 33},
        {"state": "failed"}, [], "all",
    ],
)  # fmt: skip
def test_a_misspelt_retry_reopens_nothing(v1, failed, body):
    assert_problem(v1.post(f"jobs/{failed.pk}/retry", body), 400, "invalid-submission")
    assert set(states(failed)) == {"failed"}


@pytest.mark.parametrize("query", ["cod=read_timeout", "state=failed", "code=a&code=b", "host=%00", "x", "limit=1"])
def test_a_misspelt_preview_is_refused(v1, failed, query):
    problem = assert_problem(v1.get(f"jobs/{failed.pk}/retry?{query}"), 400, "invalid-request")
    assert [list(error) for error in problem["errors"]] == [["parameter", "detail"]]


def test_the_filters_of_a_retry_are_not_read_from_the_query(v1, failed):
    assert_problem(v1.post(f"jobs/{failed.pk}/retry?code=read_timeout", {}), 400, "invalid-request")
    assert set(states(failed)) == {"failed"}


def test_every_action_is_in_the_history_with_its_user(as_user):
    user = allow(User.objects.create_user("person"), "prioritize_job")
    job = submit_job()
    Job.objects.update(owner=user)
    api = as_user(user)
    api.post(f"jobs/{job.pk}/pause")
    api.post(f"jobs/{job.pk}/resume")
    api.patch(f"jobs/{job.pk}", {"priority": 2})

    history = api.get(f"jobs/{job.pk}/actions").json()
    assert [(line["verb"], line["user"]) for line in history["results"]] == [
        ("pause", "person"), ("resume", "person"), ("prioritize", "person"),
    ]  # fmt: skip
    assert history["results"][2]["parameters"] == {"priority": 2}
    page = api.get(f"jobs/{job.pk}/actions", {"limit": 2}).json()
    assert len(page["results"]) == 2
    assert page["next_cursor"]


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "retry", None])
def test_a_key_acts_only_within_its_scope(with_key, person, action):
    job = submit_job()
    Job.objects.update(owner=person)

    def ask(api):
        if action is None:
            return api.patch(f"jobs/{job.pk}", {"priority": -1})
        return api.post(f"jobs/{job.pk}/{action}", {})

    problem = assert_problem(ask(with_key(person, Scope.READ, Scope.SUBMIT, Scope.STORES)), 403, "not-allowed")
    assert "lacks the scope manage" in problem["detail"]
    assert ask(with_key(person, Scope.MANAGE)).status_code in (200, 409)


def test_a_key_reads_and_submits_only_within_its_scope(with_key, person):
    from tests.api.payloads import submission

    reader, writer = with_key(person, Scope.READ), with_key(person, Scope.SUBMIT)
    assert writer.post("jobs", submission()).status_code == 201
    assert_problem(reader.post("jobs", submission()), 403, "not-allowed")
    assert reader.get("jobs").status_code == 200
    assert_problem(writer.get("jobs"), 403, "not-allowed")
    assert_problem(writer.get("visits"), 403, "not-allowed")


def test_a_session_acts_only_with_its_csrf_token(person):
    from django.test import Client

    from tests.api.v1.conftest import V1

    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    job = submit_job()
    Job.objects.update(owner=person)
    assert_problem(V1(client).post(f"jobs/{job.pk}/cancel"), 403, "not-allowed")
