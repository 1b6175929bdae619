"""Submitting, listing and reading jobs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from jobs import actions, queue
from jobs.models import Job
from jobs.states import OnError
from tests.api.payloads import submission, visit, work_off
from tests.api.v1.conftest import V1, assert_problem
from tests.factories import make_staff, make_stores, make_worker, submit_job, submit_visits, success

LINKS = ("images", "failures", "throughput", "areas", "actions", "retry", "export", "events", "store-errors")
pytestmark = pytest.mark.django_db


def ids(response):
    assert response.status_code == 200, response.content
    return [job["id"] for job in response.json()["results"]]


def test_a_submission_is_answered_with_the_job_and_its_location(v1):
    make_stores("T-1")
    response = v1.post("jobs", submission(visit("T-1", "http://a/1", "http://a/2"), on_error="stop_store", priority=3))

    job = Job.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"/api/v1/jobs/{job.pk}"
    assert response.json() == v1.get(f"jobs/{job.pk}").json()
    assert response.json() == {
        "id": job.pk,
        "state": "queued",
        "outcome": None,
        "counts": {"total": 2, "pending": 2, "running": 0, "completed": 0, "failed": 0, "canceled": 0},
        "progress": 0.0,
        "estimate": None,
        "waiting_for": [],
        "all_waiting": False,
        "priority": 3,
        "on_error": "stop_store",
        "owner": None,
        "created_at": job.created_at.isoformat().replace("+00:00", "Z"),
        "started_at": None,
        "paused_at": None,
        "finished_at": None,
        "request_id": response["X-Request-Id"],
        "client_reference": None,
        "metadata": {},
        "links": {
            "self": f"/api/v1/jobs/{job.pk}",
            **{name: f"/api/v1/jobs/{job.pk}/{name}" for name in LINKS},
        },
        "store_errors": [],
        "store_errors_total": 0,
    }
    assert (job.priority, job.on_error) == (3, OnError.STOP_STORE)


@pytest.mark.parametrize("path", ["jobs", "jobs/"])
def test_a_submission_needs_no_redirect(v1, path):
    assert v1.post(path, submission()).status_code == 201


def test_unknown_keys_of_a_submission_are_ignored(v1):
    assert v1.post("jobs", submission(hint=1)).status_code == 201


@pytest.mark.parametrize("priority", [-9, 0, 9])
def test_every_priority_is_accepted(v1, priority):
    assert v1.post("jobs", submission(priority=priority)).json()["priority"] == priority


@pytest.mark.parametrize("priority", [-10, 10, "1", 1.0, True, None, [], 10**30])
def test_every_fault_of_a_submission_is_reported_at_once(v1, priority):
    body = submission({"store_id": "", "image_url": ["http://a", "\n"]}, count=7, priority=priority)
    problem = assert_problem(v1.post("jobs", body), 400, "invalid-submission")

    assert {error["pointer"] for error in problem["errors"]} == {
        "#/count", "#/visits/0/store_id", "#/visits/0/image_url/1", "#/visits/0/visit_time", "#/priority",
    }  # fmt: skip
    assert all(error["detail"].endswith(".") for error in problem["errors"])
    assert not Job.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff", b'{"a":1,"a":2}', b'{"count":NaN}'])
def test_what_is_not_a_json_object_is_a_problem(v1, body):
    assert_problem(v1.post("jobs", body), 400, "invalid-submission")


def test_the_same_key_and_body_get_the_same_job(v1):
    first = v1.post("jobs", submission(), idempotency_key="k")
    again = v1.post("jobs", submission(), idempotency_key="k")

    assert "Idempotent-Replayed" not in first
    assert (again.status_code, again["Idempotent-Replayed"], again["Location"]) == (201, "true", first["Location"])
    assert_problem(v1.post("jobs", submission(hint=1), idempotency_key="k"), 422, "idempotency-key-reused")
    assert_problem(v1.post("jobs", submission(), idempotency_key="é"), 400, "invalid-submission")
    assert Job.objects.count() == 1


def test_too_much_in_the_queue_is_refused_with_a_retry_after(v1, settings):
    settings.MAX_PENDING_IMAGES = 1
    make_stores("T-1")
    response = v1.post("jobs", submission(visit("T-1", "http://a/1", "http://a/2")))

    assert_problem(response, 429, "too-many-pending")
    assert int(response["Retry-After"]) > 0


def test_the_counts_always_sum_and_canceled_images_are_not_failed(v1):
    job = submit_visits(("T-1", [f"http://a/{number}" for number in range(4)]), ("unknown", ["http://a/x"]))
    worker = make_worker()
    queue.claim(worker, limit=1)
    counts = v1.get(f"jobs/{job.pk}").json()["counts"]
    assert counts == {"total": 5, "pending": 3, "running": 1, "completed": 0, "failed": 1, "canceled": 0}

    actions.cancel(job.pk, None)
    answer = v1.get(f"jobs/{job.pk}").json()
    assert answer["counts"] == {"total": 5, "pending": 0, "running": 1, "completed": 0, "failed": 1, "canceled": 3}
    assert (answer["state"], answer["outcome"]) == ("canceling", None)


def test_an_ended_job_shows_its_outcome_and_its_failed_stores(v1):
    job = submit_visits(("T-1", ["http://a/1"]), ("unknown", ["http://a/x"]))
    work_off()
    answer = v1.get(f"jobs/{job.pk}").json()

    assert (answer["state"], answer["outcome"], answer["progress"]) == ("ended", "failed", 1.0)
    assert [error["store_id"] for error in answer["store_errors"]] == ["unknown"]


def test_an_estimate_is_given_where_enough_was_seen(v1):
    job = submit_job(50)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=25)])
    estimate = v1.get(f"jobs/{job.pk}").json()["estimate"]

    assert estimate["images_per_second"] > 0
    # Of the end it says as much as past jobs allow: there are none.
    assert estimate["earliest"] > job.created_at.isoformat()[:19]
    assert (estimate["latest"], estimate["most_seconds"], estimate["covers"], estimate["past_jobs"]) == (
        None,
        None,
        None,
        0,
    )
    assert estimate["least_seconds"] > 0
    assert v1.get("jobs").json()["results"][0]["estimate"] is not None


@pytest.mark.parametrize("job_id", ["0", "-1", "01", "x", "1.0", "9" * 19, "9" * 5000, "%00", "é", "1e3"])
def test_a_missing_job_is_404(v1, job_id):
    assert_problem(v1.get(f"jobs/{job_id}"), 404, "not-found")


def test_somebody_elses_job_answers_exactly_like_a_missing_one(as_user, person):
    other = User.objects.create_user("other")
    job = submit_job()
    Job.objects.update(owner=other)
    api = as_user(person)
    for path in ("", "/images", "/images/1", "/failures", "/throughput", "/actions", "/retry"):
        theirs, missing = api.get(f"jobs/{job.pk}{path}"), api.get(f"jobs/987654{path}")
        problem = assert_problem(theirs, 404, "not-found")
        detail = missing.json()["detail"].replace("987654", str(job.pk))
        assert problem == {**missing.json(), "detail": detail, "request_id": theirs["X-Request-Id"]}
    for path in ("cancel", "pause", "resume", "retry"):
        body = {} if path == "retry" else None
        assert_problem(api.post(f"jobs/{job.pk}/{path}", body), 404, "not-found")
    assert_problem(api.patch(f"jobs/{job.pk}", {"priority": 1}), 404, "not-found")
    assert as_user(other).get(f"jobs/{job.pk}").json()["owner"] == "other"


def test_the_list_has_the_newest_first_and_pages_by_key(v1):
    jobs = [submit_job().pk for _ in range(5)]
    first = v1.get("jobs", {"limit": 2})
    late = submit_job().pk
    second = v1.get("jobs", {"limit": 2, "cursor": first.json()["next_cursor"]})
    third = v1.get("jobs", {"limit": 2, "cursor": second.json()["next_cursor"]})

    assert [*ids(first), *ids(second), *ids(third)] == jobs[::-1]
    assert third.json()["next_cursor"] is None
    assert ids(v1.get("jobs"))[0] == late


def test_the_list_shows_what_one_may_see(v1, as_user, person):
    nobodys, persons = submit_job().pk, submit_job().pk
    Job.objects.filter(pk=persons).update(owner=person)
    staff = make_staff("view_job")

    assert ids(v1.get("jobs")) == [nobodys]
    assert ids(as_user(person).get("jobs")) == [persons]
    assert ids(as_user(staff).get("jobs")) == [persons, nobodys]
    assert ids(as_user(staff).get("jobs", {"owner": "person"})) == [persons]
    assert ids(as_user(person).get("jobs", {"owner": "boss"})) == []


def test_the_list_is_narrowed_by_state_outcome_and_store(v1):
    failed = submit_visits(("unknown", ["http://a/1"])).pk
    done = submit_job().pk
    work_off()
    canceled = submit_job().pk
    actions.cancel(canceled, None)
    paused = submit_job().pk
    actions.pause(paused, None)
    queued = submit_job().pk

    assert ids(v1.get("jobs", {"state": "ended"})) == [canceled, done, failed]
    assert ids(v1.get("jobs", {"state": "paused"})) == [paused]
    assert ids(v1.get("jobs", {"state": "queued"})) == [queued]
    assert ids(v1.get("jobs", {"outcome": "failed"})) == [failed]
    assert ids(v1.get("jobs", {"outcome": "completed"})) == [done]
    assert ids(v1.get("jobs", {"outcome": "canceled"})) == [canceled]
    assert ids(v1.get("jobs", {"store": "unknown"})) == [failed]
    assert ids(v1.get("jobs", {"store": ""})) == []


def test_a_job_of_unknown_stores_does_not_end_before_it_was_created(v1):
    job = submit_visits(("unknown", ["http://good.test/1.jpg"]))
    answer = v1.get(f"jobs/{job.pk}").json()
    assert answer["created_at"] == answer["finished_at"]


def test_the_list_is_narrowed_by_time_inclusively(v1):
    job = submit_job()
    day = timezone.now() - timedelta(days=3)
    Job.objects.update(created_at=day)
    exact, date = day.isoformat().replace("+00:00", "Z"), day.date().isoformat()
    later = (day + timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")

    assert ids(v1.get("jobs", {"created_from": exact, "created_to": exact})) == [job.pk]
    assert ids(v1.get("jobs", {"created_from": date, "created_to": date})) == [job.pk]
    assert ids(v1.get("jobs", {"created_from": later})) == []
    Job.objects.update(created_at=day + timedelta(microseconds=1))
    assert ids(v1.get("jobs", {"created_to": exact})) == []
    assert ids(v1.get("jobs", {"created_to": "2020-01-01"})) == []


def test_the_etag_changes_with_the_job_and_not_with_the_clock(v1):
    job = submit_job(2)
    first = v1.get(f"jobs/{job.pk}")
    etag = first["ETag"]
    assert etag.startswith('W/"')
    assert v1.get(f"jobs/{job.pk}")["ETag"] == etag

    for known in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        same = v1.get(f"jobs/{job.pk}", if_none_match=known)
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    assert v1.get(f"jobs/{job.pk}", if_none_match='"x"').status_code == 200

    work_off()
    assert v1.get(f"jobs/{job.pk}", if_none_match=etag).status_code == 200


def test_the_etag_ignores_the_estimate(v1):
    job = submit_job(50)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=25)])
    first, second = v1.get(f"jobs/{job.pk}"), v1.get(f"jobs/{job.pk}")

    assert first.json()["estimate"] != second.json()["estimate"]
    assert first["ETag"] == second["ETag"]


def test_head_answers_like_get_without_a_body(v1):
    job = submit_job()
    response = v1.client.head(f"/api/v1/jobs/{job.pk}")
    assert (response.status_code, response.content, response["ETag"]) == (
        200, b"", v1.get(f"jobs/{job.pk}")["ETag"],
    )  # fmt: skip
    known = v1.client.head(f"/api/v1/jobs/{job.pk}", headers={"If-None-Match": response["ETag"]})
    assert known.status_code == 304


def test_the_assignments_answer_is_unchanged(v1):
    job = submit_job()
    response = v1.client.get("/api/status", {"jobid": job.pk})
    assert response.content == b'{"status":"ongoing","job_id":%d}' % job.pk
    assert "ETag" not in response


def test_a_list_costs_the_same_for_few_jobs_and_many(v1, django_assert_num_queries):
    for count in (2, 20):
        for _ in range(count):
            submit_job()
        queue.claim(make_worker(), limit=1)
        everything = Job.objects.count()
        with django_assert_num_queries(3):
            assert len(ids(v1.get("jobs"))) == everything


def test_a_job_costs_three_queries(django_assert_max_num_queries, v1):
    job = submit_job(50)
    queue.claim(make_worker(), limit=1)
    with django_assert_max_num_queries(3):
        assert v1.get(f"jobs/{job.pk}").json()["state"] == "running"


def test_no_credentials_open_nothing_where_the_api_is_closed(settings):
    settings.API_OPEN = False
    response = V1().get("jobs")
    assert_problem(response, 401, "not-signed-in")
    assert response["WWW-Authenticate"] == 'Bearer realm="Retail Pulse"'
