"""What does the status endpoint answer, and to whom?"""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from jobs import queue
from jobs.errors import HTTPStatus, NotAnImage
from jobs.models import Job
from tests.api.conftest import API
from tests.api.payloads import assert_refused, work_off
from tests.factories import make_stores, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


def without_request_id(response):
    return {name: value for name, value in response.headers.items() if name not in ("X-Request-Id", "RateLimit")}


def test_a_job_is_ongoing_until_its_last_image(api):
    job = submit_job(2)
    assert api.status(job.pk).status_code == 200
    assert api.status(job.pk).json() == {"status": "ongoing", "job_id": job.pk}

    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    assert api.status(job.pk).json() == {"status": "ongoing", "job_id": job.pk}

    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    assert api.status(job.pk).json() == {"status": "completed", "job_id": job.pk}


def test_a_failed_job_names_each_failed_store_once_in_order_of_appearance(api):
    make_stores("Z", "A", "M")
    job = submit_visits(
        ("Z", ["http://a/1", "http://a/gone"]),
        ("M", ["http://a/2"]),
        ("A", ["http://a/text"]),
        ("Z", ["http://a/text"]),
        ("ghost", ["http://a/3"]),
    )
    work_off({"http://a/gone": HTTPStatus(404), "http://a/text": NotAnImage()})

    answer = api.status(job.pk).json()
    assert list(answer) == ["status", "job_id", "error"]
    assert (answer["status"], answer["job_id"]) == ("failed", job.pk)
    assert [list(entry) for entry in answer["error"]] == [["store_id", "error"]] * 3
    assert [entry["store_id"] for entry in answer["error"]] == ["Z", "A", "ghost"]
    first = answer["error"][0]["error"]
    assert "2 of 3 images" in first
    assert "http://a/gone" in first
    assert "http_404" in first


@pytest.mark.parametrize("path", ["status", "status/"])
def test_the_trailing_slash_is_optional(api, path):
    job = submit_job()

    assert api.get(path, jobid=job.pk).json() == {"status": "ongoing", "job_id": job.pk}


@pytest.mark.parametrize(
    "job_id",
    [
        "", " ", "abc", "1.5", "1.0", "-1", "+1", "0", "00", "01", "1e3", "0x1", "1_000", "1,000", " 1", "1 ", "1\n",
        "1\0", "\0", "\uff11", "\u0663", "\u00b2", "null", "None", "true", "[1]", "{}", "1;DROP TABLE jobs_job", "%00",
        "'", "é", str(2**31), str(2**63 - 1), str(2**63), str(2**64), "9" * 20, "9" * 5000,
    ],
)  # fmt: skip
def test_an_unknown_or_malformed_jobid_is_400_with_an_empty_object(api, job_id):
    response = api.status(job_id)

    assert response.status_code == 400
    assert response.json() == {}
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["", "?jobid", "?jobid=", "?job_id=1", "?JOBID=1", "?jobid=%00", "?jobid=%ff", "?&&"])
def test_a_missing_jobid_is_400_with_an_empty_object(api, query):
    response = api.client.get(f"/api/status{query}")

    assert response.status_code == 400
    assert response.json() == {}


def test_a_malformed_jobid_is_refused_before_an_unknown_view(api):
    assert api.status("x", view="everything").json() == {}


def test_somebody_elses_job_answers_like_a_missing_one(api, client, django_assert_num_queries):
    owner, stranger = (User.objects.create_user(name) for name in ("owner", "stranger"))
    job = submit_job()
    Job.objects.filter(pk=job.pk).update(owner=owner)

    client.force_login(owner)
    assert API(client).status(job.pk).json() == {"status": "ongoing", "job_id": job.pk}
    client.force_login(stranger)
    for view in ({}, {"view": "summary"}, {"view": "images"}):
        for caller in (API(client), api):
            response = caller.status(job.pk, **view)
            assert (response.status_code, response.json()) == (400, {})
            missing = caller.status(job.pk + 1, **view)
            assert without_request_id(response) == without_request_id(missing)


def test_an_anonymous_job_is_shown_to_staff_but_not_to_other_users(admin_client, client):
    job = submit_job()
    client.force_login(User.objects.create_user("person"))

    assert API(client).status(job.pk).status_code == 400
    assert API(admin_client).status(job.pk).status_code == 200


def test_the_plain_answer_is_one_query_on_the_jobs_row(api, django_assert_num_queries):
    job = submit_visits(("ghost", [f"http://a/{number}" for number in range(500)]))

    with django_assert_num_queries(1):
        assert api.status(job.pk).json()["status"] == "failed"


def test_the_summary_counts_and_always_sums(api):
    make_stores("A", "B")
    job = submit_visits(("A", ["http://a/1", "http://a/gone"]), ("B", ["http://a/2", "http://a/3"]))
    worker = make_worker()
    queue.claim(worker, limit=1)

    answer = api.status(job.pk, view="summary").json()
    assert list(answer) == [
        "status", "job_id", "error", "counts", "progress", "created_at", "finished_at",
    ]  # fmt: skip
    assert answer["counts"] == {"total": 4, "pending": 3, "running": 1, "completed": 0, "failed": 0}
    assert (answer["status"], answer["progress"], answer["error"]) == ("ongoing", 0.0, [])
    assert answer["created_at"].endswith("Z")
    assert answer["finished_at"] is None


def test_the_summary_names_failed_stores_while_the_job_is_ongoing(api):
    make_stores("A")
    job = submit_visits(("ghost", ["http://a/1"]), ("A", ["http://a/2"]))

    answer = api.status(job.pk, view="summary").json()
    assert answer["status"] == "ongoing"
    assert [entry["store_id"] for entry in answer["error"]] == ["ghost"]
    assert answer["progress"] == 0.5
    assert answer["counts"] == {"total": 2, "pending": 1, "running": 0, "completed": 0, "failed": 1}


def test_the_summary_of_a_finished_job(api):
    job = submit_job(3)
    work_off()

    answer = api.status(job.pk, view="summary").json()
    assert list(answer) == ["status", "job_id", "counts", "progress", "created_at", "finished_at"]
    assert answer["counts"] == {"total": 3, "pending": 0, "running": 0, "completed": 3, "failed": 0}
    assert answer["progress"] == 1.0
    assert answer["finished_at"] >= answer["created_at"]


def test_a_job_that_ends_between_the_two_reads_does_not_contradict_itself(api, monkeypatch):
    job = submit_job()
    counts = Job.counts

    def ends_meanwhile(self):
        if self.status == "ongoing":
            work_off()
        return counts(self)

    monkeypatch.setattr(Job, "counts", ends_meanwhile)
    answer = api.status(job.pk, view="summary").json()

    assert (answer["status"], answer["counts"]["completed"]) == ("completed", 1)
    assert "error" not in answer
    assert answer["finished_at"] is not None


def test_the_summary_is_a_handful_of_queries_whatever_the_jobs_size(api, django_assert_max_num_queries):
    make_stores("A")
    ghosts = [(f"ghost {number}", [f"http://a/{number}"]) for number in range(200)]
    job = submit_visits(*ghosts, ("A", ["http://a/x"]))

    with django_assert_max_num_queries(5):
        assert len(api.status(job.pk, view="summary").json()["error"]) == 200


@pytest.mark.parametrize("view", ["", "full", "Summary", "summary ", "\0", "images,summary"])
def test_an_unknown_view_is_refused(api, view):
    job = submit_job()

    assert_refused(api.status(job.pk, view=view), 400)


def test_head_answers_without_a_body(api):
    job = submit_job()
    response = api.client.head(f"/api/status?jobid={job.pk}")

    assert (response.status_code, response.content) == (200, b"")


def test_a_session_costs_two_more_queries(django_assert_num_queries):
    client = Client()
    user = User.objects.create_user("person")
    client.force_login(user)
    job = submit_job()
    Job.objects.filter(pk=job.pk).update(owner=user)
    connection.queries_log.clear()

    with django_assert_num_queries(3):
        assert API(client).status(job.pk).status_code == 200
