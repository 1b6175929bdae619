"""Paused hosts over the API: who may see them, what describes them, and how one is tried again."""

import pytest
from django.contrib.auth.models import User

from access.models import Scope
from jobs import queue
from jobs.errors import HTTPStatus
from jobs.imaging.host import Blame
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult, PausedHost
from jobs.reporting.throughput import FEWEST_IMAGES
from tests.api.v1.conftest import assert_problem
from tests.factories import defer, make_staff, make_worker, pause_host, submit_job, success

pytestmark = pytest.mark.django_db

HOST = "photos.test:443"


@pytest.fixture
def chief() -> User:
    return make_staff("change_pausedhost")


@pytest.fixture
def staff(as_user, chief):
    return as_user(chief)


def test_each_paused_host_shows_why_until_when_and_how_many_images_wait(staff):
    paused = pause_host(HOST)
    defer(submit_job(3), HOST, 2)
    answer = staff.get("hosts")
    assert answer.status_code == 200
    (host,) = answer.json()["results"]
    since, until = (moment.isoformat().replace("+00:00", "Z") for moment in (paused.since, paused.until))
    assert host == {
        "host": HOST,
        "code": "http_503",
        "message": "The server answered 503 instead of 200.",
        "since": since,
        "until": until,
        "pauses": 1,
        "waiting_images": 2,
    }


def test_where_no_host_is_paused_the_list_is_empty(staff):
    assert staff.get("hosts/").json() == {"results": [], "next_cursor": None}


def test_the_list_is_paginated(staff, django_assert_num_queries):
    for number in range(5):
        pause_host(f"{number}.test:443")
    query, seen = {"limit": 2}, []
    while True:
        answer = staff.get("hosts", query).json()
        seen += [host["host"] for host in answer["results"]]
        if (cursor := answer["next_cursor"]) is None:
            break
        query = {"limit": 2, "cursor": cursor}
    assert seen == [f"{number}.test:443" for number in range(5)]
    # Two of them are the session and its user, two what the user and their groups are permitted.
    with django_assert_num_queries(6):
        staff.get("hosts")


@pytest.mark.parametrize("path", ["hosts", f"hosts/{HOST}/resume"])
def test_only_staff_may_use_it(v1, as_user, person, path):
    pause_host(HOST)
    ask = v1.get if path == "hosts" else v1.post
    assert_problem(ask(path), 401, "not-signed-in")
    ask = as_user(person).get if path == "hosts" else as_user(person).post
    assert_problem(ask(path), 403, "not-allowed")
    assert PausedHost.objects.exists()


def test_a_key_of_the_staff_reads_with_read_and_resumes_with_manage(with_key, chief):
    pause_host(HOST)
    reader, manager = with_key(chief, Scope.READ), with_key(chief, Scope.MANAGE)
    assert reader.get("hosts").status_code == 200
    assert_problem(reader.post(f"hosts/{HOST}/resume"), 403, "not-allowed")
    assert_problem(manager.get("hosts"), 403, "not-allowed")
    assert manager.post(f"hosts/{HOST}/resume").status_code == 200


@pytest.mark.parametrize("path", ["photos.test:443", "photos.test%3A443", "[2001:db8::1]:443"])
def test_a_host_is_tried_again_at_once_and_only_once(staff, path):
    name = path.replace("%3A", ":")
    pause_host(name)
    defer(submit_job(2), name)
    answer = staff.post(f"hosts/{path}/resume/", {})
    assert (answer.status_code, answer.json()) == (200, {"host": name, "waiting_images": 2})
    assert not PausedHost.objects.exists()
    problem = assert_problem(staff.post(f"hosts/{path}/resume"), 404, "not-found")
    assert problem["detail"] == "There is no paused host with this name that you may see."


@pytest.mark.parametrize("path", ["nowhere.test:443", "%00", "x" * 3000, "photos.test", "%F0%9F%99%82:443"])
def test_a_host_that_is_not_paused_is_not_found(staff, path):
    pause_host(HOST)
    assert_problem(staff.post(f"hosts/{path}/resume"), 404, "not-found")
    assert PausedHost.objects.count() == 1


def test_a_resume_takes_no_keys(staff):
    pause_host(HOST)
    assert_problem(staff.post(f"hosts/{HOST}/resume", {"for": "ever"}), 400, "invalid-submission")
    assert PausedHost.objects.exists()


def test_a_resume_is_written_to_the_log(staff, caplog):
    pause_host(HOST)
    with caplog.at_level("INFO", logger="jobs.actions"):
        staff.post(f"hosts/{HOST}/resume")
    (record,) = caplog.records
    assert (record.message, record.host, record.by) == ("host resumed", HOST, "chief")


def test_a_jobs_answer_names_the_hosts_it_waits_for_to_its_owner(as_user, person):
    paused = pause_host(HOST)
    pause_host("other.test:443")
    defer(submit_job(1), "other.test:443")
    job = submit_job(3, owner=person)
    defer(job, HOST, 2)
    answer = as_user(person).get(f"jobs/{job.pk}").json()
    assert answer["waiting_for"] == [
        {
            "host": HOST,
            "code": "http_503",
            "message": "The server answered 503 instead of 200.",
            "since": paused.since.isoformat().replace("+00:00", "Z"),
            "until": paused.until.isoformat().replace("+00:00", "Z"),
            "images": 2,
        }
    ]
    assert (answer["all_waiting"], answer["state"]) == (False, "queued")


def test_where_all_of_a_job_waits_its_end_is_not_guessed(v1):
    job = submit_job(FEWEST_IMAGES + 2)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=FEWEST_IMAGES)])
    before = v1.get(f"jobs/{job.pk}")
    assert before.json()["estimate"] is not None
    pause_host(HOST)
    defer(job, HOST)
    (listed,) = v1.get("jobs").json()["results"]
    for answer in (listed, v1.get(f"jobs/{job.pk}").json()):
        assert (answer["estimate"], answer["all_waiting"], answer["state"]) == (None, True, "running")
    assert v1.get(f"jobs/{job.pk}")["ETag"] != before["ETag"]


def test_an_image_says_which_host_it_waits_for(v1):
    job = submit_job(3)
    defer(job, HOST, 1)
    defer(job, f"*{job.pk}", 1)
    assert [image["waits_for"] for image in v1.get(f"jobs/{job.pk}/images").json()["results"]] == [HOST, None, None]


def test_an_attempt_that_cost_nothing_says_so(v1):
    job = submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    refused = Outcome(claim, Evidence(), error=HTTPStatus(503), blame=Blame(HOST, is_paused=True))
    queue.record(worker, [refused])
    image = ImageResult.objects.get()
    answer = v1.get(f"jobs/{job.pk}/images/{image.pk}").json()
    assert (answer["attempts"], answer["waits_for"]) == (0, HOST)
    assert [attempt["counted"] for attempt in answer["failed_attempts"]] == [False]


def test_the_assignments_answer_knows_nothing_of_hosts(v1):
    pause_host(HOST)
    job = submit_job(1)
    defer(job, HOST)
    assert v1.client.get("/api/status", {"jobid": job.pk}).content == b'{"status":"ongoing","job_id":%d}' % job.pk
    answer = v1.client.get("/api/status", {"jobid": job.pk, "view": "images"}).json()
    assert "waits_for" not in answer["images"][0]
