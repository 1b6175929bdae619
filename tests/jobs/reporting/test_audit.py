"""Does an audit find every way to break a promise, and nothing if none is broken?"""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection

from jobs import queue
from jobs.engine.heartbeat import Heartbeat
from jobs.errors import HTTPStatus, NotAnImage
from jobs.models import FailedAttempt, ImageResult, Job, Worker
from jobs.queue.ready_rows import host_of_url
from jobs.reporting import audit, audit_checks
from jobs.states import OnError
from tests.factories import defer, failure, make_stores, make_worker, submit_job, submit_visits, success
from tests.jobs.reporting.auditing import broken, forge

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heartbeat():
    heartbeat = Heartbeat(slots=8)
    yield heartbeat
    heartbeat.close()


def finish_one_job():
    """A job with one completed and one failed image; returns their ids."""
    submit_job(2)
    worker = make_worker()
    first, second = queue.claim(worker, limit=2)
    queue.record(worker, [success(first), failure(second, NotAnImage())])
    return first.image_id, second.image_id


def test_an_empty_database_is_clean():
    assert broken() == {}


def test_every_step_of_an_image_is_clean(heartbeat, settings):
    settings.MAX_ATTEMPTS = 2
    submit_visits(("nowhere", ["http://images.test/x.jpg"]), ("T-1", ["http://images.test/1.jpg"] * 4))
    submit_job(3, on_error=OnError.STOP_STORE)
    assert broken() == {}
    claims = queue.claim(heartbeat.worker_id, limit=4)
    assert broken() == {}
    queue.record(
        heartbeat.worker_id,
        [success(claims[0]), failure(claims[1], NotAnImage()), failure(claims[2], HTTPStatus(503))],
    )
    assert broken() == {}
    queue.release(heartbeat.worker_id, claims[3:])
    assert broken() == {}


def test_every_action_of_people_is_clean():
    job = submit_job(4)
    worker = make_worker()
    claims = queue.claim(worker, limit=2)
    for ask in (queue.pause, queue.resume, queue.pause, queue.cancel):
        ask(job.pk)
        assert "asked" not in broken()
        assert "held" not in broken()
        assert "conservation" not in broken()
    queue.record(worker, [failure(claims[0], HTTPStatus(503))])
    queue.release(worker, claims[1:])
    assert broken() == {}
    queue.retry(job.pk)
    assert broken() == {}


def test_a_retried_job_is_clean():
    finish_one_job()
    queue.retry(Job.objects.get().pk)
    assert broken() == {}
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [success(claim)])
    assert broken() == {}


@pytest.mark.parametrize(
    ("url", "lane"),
    [
        ("https://Photos.test/1", "photos.test:443"),
        ("http://photos.test:8080/1", "photos.test:8080"),
        ("http://photos.test./1", "photos.test:80"),
        ("http://[2001:DB8::0001]/1", "[2001:db8::1]:80"),
        ("https://b\u00fccher.test/1", "xn--bcher-kva.test:443"),
        ("https://user@10.0.0.1/1", "10.0.0.1:443"),
    ],
)
def test_an_image_that_waits_for_its_own_host_is_clean(url, lane):
    job = submit_job([url])
    assert host_of_url(url) == lane
    defer(job, lane)
    assert broken() == {}
    ImageResult.objects.update(waits_for=f"*{job.pk}")
    assert broken() == {}


@pytest.mark.parametrize(
    "change",
    [
        "waits_for = 'other.test:443'", "waits_for = 'images.test'", "waits_for = '*0'", "waits_for = 'images.test:x'",
        "waits_for = 'images.test:80', run_after = now()", "waits_for = 'images.test:80', state = 'running',"
        " claimed_by = 1, claimed_at = now()",
    ],
)  # fmt: skip
def test_an_image_that_waits_for_what_is_not_its_host_is_found(forged, change):
    submit_job(1)
    forged(f"UPDATE jobs_imageresult SET {change}")
    assert broken()["waits"] == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE jobs_job SET total = total + 1, status = 'ongoing', finished_at = NULL, store_errors = '[]'",
         "conservation"),
        ("UPDATE jobs_job SET completed = 0, failed = 2", "conservation"),
        ("DELETE FROM jobs_imageresult WHERE state = 'completed'", "conservation"),
        ("UPDATE jobs_job SET canceled = 1", "conservation"),
        ("UPDATE jobs_job SET status = 'completed'", "status"),
        ("UPDATE jobs_job SET finished_at = NULL", "status"),
        ("UPDATE jobs_job SET store_errors = '[]'", "status"),
        ("UPDATE jobs_imageresult SET perimeter = perimeter + 1 WHERE state = 'completed'", "outcome"),
        ("UPDATE jobs_imageresult SET perimeter = NULL WHERE state = 'completed'", "outcome"),
        ("UPDATE jobs_imageresult SET perimeter = 4, width = 1, height = 1 WHERE state = 'failed'", "outcome"),
        ("UPDATE jobs_imageresult SET error_code = '' WHERE state = 'failed'", "outcome"),
        ("UPDATE jobs_imageresult SET error_code = 'truncated' WHERE state = 'completed'", "outcome"),
        ("UPDATE jobs_imageresult SET finished_at = NULL WHERE state = 'completed'", "outcome"),
        ("UPDATE jobs_imageresult SET attempts = 2 WHERE state = 'completed'", "written_once"),
        ("UPDATE jobs_imageresult SET attempts = 0 WHERE state = 'failed'", "written_once"),
        ("UPDATE jobs_imageresult SET crashes = 1 WHERE state = 'completed'", "written_once"),
        ("UPDATE jobs_failedattempt SET claim_no = 2", "written_once"),
        ("UPDATE jobs_failedattempt SET image_id = (SELECT id FROM jobs_imageresult WHERE state = 'completed')",
         "written_once"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_found(forged, change, code):
    finish_one_job()
    forged(change)
    assert code in broken()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE jobs_imageresult SET claimed_by = NULL WHERE state = 'running'",
        "UPDATE jobs_imageresult SET held = true WHERE state = 'running'",
        "UPDATE jobs_imageresult SET run_after = now() WHERE state = 'running'",
        "UPDATE jobs_imageresult SET claimed_by = 7 WHERE state = 'pending'",
    ],
)
def test_a_claim_that_contradicts_itself_is_found(forged, heartbeat, change):
    submit_job(2)
    queue.claim(heartbeat.worker_id, limit=1)
    forged(change)
    assert "running" in broken()


def test_an_image_that_nothing_will_release_is_found(forged):
    submit_job(2, on_error=OnError.STOP_STORE)
    assert broken() == {}
    forged("UPDATE jobs_imageresult SET held = true")
    assert broken() == {"held": 2}


def test_another_store_of_the_job_does_not_release_it(forged):
    make_stores("T-1", "T-2")
    submit_visits(("T-1", ["http://images.test/1.jpg"] * 2), ("T-2", ["http://images.test/2.jpg"]))
    forged("UPDATE jobs_imageresult SET held = true WHERE id < (SELECT max(id) FROM jobs_imageresult)")
    assert broken() == {"held": 2}


def test_a_missing_trigger_is_found():
    try:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE jobs_imageresult DISABLE TRIGGER jobs_imageresult_stays_final")
        assert broken() == {"final": 1}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE jobs_imageresult ENABLE TRIGGER jobs_imageresult_stays_final")


def test_a_database_that_is_not_durable_is_found():
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        try:
            assert broken() == {"durable": 1}
        finally:
            cursor.execute("RESET synchronous_commit")


def test_a_claim_of_a_worker_without_its_lock_is_found():
    submit_job(3)
    queue.claim(make_worker(), limit=2)
    assert broken() == {"dead_claims": 2}


def test_under_lease_only_the_lock_says_nothing(settings):
    settings.LEASE_ONLY = True
    submit_job(1)
    queue.claim(make_worker(), limit=1)
    assert broken() == {}


def test_a_claim_of_a_silent_worker_is_found(heartbeat, settings):
    submit_job(1)
    queue.claim(heartbeat.worker_id, limit=1)
    assert broken() == {}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_worker SET beat_at = beat_at - make_interval(secs => %s)", [settings.LEASE_SECONDS])
    assert broken() == {"dead_claims": 1}


def test_a_claim_of_a_worker_without_a_row_is_found(heartbeat):
    submit_job(1)
    queue.claim(heartbeat.worker_id, limit=1)
    Worker.objects.all().delete()
    assert broken() == {"dead_claims": 1}


def test_without_a_row_a_worker_is_dead_under_lease_only_too(heartbeat, settings):
    settings.LEASE_ONLY = True
    submit_job(1)
    queue.claim(heartbeat.worker_id, limit=1)
    Worker.objects.all().delete()
    assert broken() == {"dead_claims": 1}


def test_a_second_outcome_of_a_retried_image_is_found(forged):
    finish_one_job()
    queue.retry(Job.objects.get().pk)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [success(claim)])
    assert broken() == {}
    forged("UPDATE jobs_failedattempt SET claim_no = 2")
    assert broken() == {"written_once": 1}


def test_every_check_sees_the_same_instant(monkeypatch):
    """A job that is submitted between two checks is in none of them."""
    asked = audit._run_check

    def submit_and_ask(cursor, check, *tables):
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(submit_and_forget).result()
        return asked(cursor, check, *tables)

    monkeypatch.setattr(audit, "_run_check", submit_and_ask)
    monkeypatch.setattr(audit, "CHECKS", (ONE_JOB, ONE_JOB))
    monkeypatch.setattr(audit, "further_checks", [])
    submit_job(1)
    assert broken() == {}
    assert Job.objects.count() == 3


def test_all_slices_together_find_what_one_does(monkeypatch):
    jobs = [submit_job(3) for _ in range(5)]
    forge("UPDATE jobs_job SET total = 7 WHERE id = ANY(%s)", [jobs[1].pk, jobs[4].pk])
    whole = audit.audit()
    snapshots = []
    snapshot = audit._snapshot
    monkeypatch.setattr(audit, "_snapshot", lambda: snapshots.append(1) or snapshot())
    monkeypatch.setattr(audit, "SLICE_IMAGES", 7)
    assert audit.audit() == whole
    assert (whole.jobs, whole.images, {each.check.code: each.count for each in whole.findings if each.count}) == (
        5, 15, {"conservation": 2},
    )  # fmt: skip
    # Of two jobs, then of one where the next has seven images itself; and of the server, and of dead workers.
    assert len(snapshots) == 6
    monkeypatch.setattr(audit, "SLICE_JOBS", 1)
    assert audit.audit() == whole


def test_jobs_that_are_submitted_during_an_audit_are_left_out(monkeypatch):
    submit_job(1)
    slices = audit._slices

    def submit_after_each():
        for each in slices():
            yield each
            submit_job(1)

    monkeypatch.setattr(audit, "_slices", submit_after_each)
    assert audit.audit().jobs == 1


ONE_JOB = audit_checks.Check("one_job", "There is one job", "SELECT max(id), 'a job' FROM jobs_job HAVING count(*) > 1")


def submit_and_forget():
    try:
        submit_job(1)
    finally:
        connection.close()


def test_a_dead_claim_that_is_rescued_in_time_is_not_a_finding(monkeypatch):
    submit_job(1)
    queue.claim(make_worker(), limit=1)
    monkeypatch.setattr(audit.time, "sleep", lambda seconds: queue.rescue())
    assert broken() == {}


def test_a_claim_that_died_after_the_first_check_is_left_to_its_rescue(monkeypatch):
    submit_job(2)
    queue.claim(make_worker(), limit=1)

    def rescue_and_die_again(seconds):
        queue.rescue()
        queue.claim(make_worker(), limit=1)

    monkeypatch.setattr(audit.time, "sleep", rescue_and_die_again)
    assert broken() == {}


def test_an_audit_changes_nothing():
    finish_one_job()
    before = list(ImageResult.objects.order_by("id").values()), list(FailedAttempt.objects.values())
    audit.audit()
    assert (list(ImageResult.objects.order_by("id").values()), list(FailedAttempt.objects.values())) == before


def run_command():
    output = io.StringIO()
    call_command("audit", stdout=output)
    return output.getvalue()


def test_the_command_says_what_it_checked():
    finish_one_job()
    said = run_command()
    assert said.startswith("1 job with 2 images\n")
    assert all(f"kept    {check.code} " in said for check in [*audit.CHECKS, *audit.further_checks, audit.DEAD_CLAIMS])


def test_the_command_names_the_first_cases_and_ends_with_an_error(capsys):
    submit_job(8)
    queue.claim(make_worker(), limit=7)
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", stdout=output)
    assert ended.value.code == 1
    said = output.getvalue()
    assert "broken  dead_claims" in said
    first = ImageResult.objects.running().order_by("id").first()
    assert f"image {first.pk} is held by worker {first.claimed_by}, which is dead" in said
    assert said.count("which is dead") == audit.SHOWN
    assert "and 2 more" in said


@pytest.mark.parametrize("asked", ["paused_at = now()", "canceled_at = now()"])
def test_an_image_of_a_paused_or_canceled_job_that_could_be_claimed_is_found(asked):
    submit_job(2)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE jobs_job SET {asked}")
    assert broken() == {"asked": 2}


# --- deleted jobs
