"""What becomes of an image, its job and its store when an outcome is written."""

from datetime import timedelta

import pytest
from django.db.models import F

from jobs import errors, queue
from jobs.imaging.types import Evidence, Outcome
from jobs.models import FailedAttempt, ImageResult
from jobs.states import OnError
from tests.factories import (
    KNOWN_STORE,
    failure,
    make_stores,
    make_worker,
    ready,
    states,
    submit_job,
    submit_visits,
    success,
)

pytestmark = pytest.mark.django_db


def run(job, *results):
    """Claim and record one image after the other; a result is True or an error."""
    worker = make_worker()
    for result in results:
        (claim,) = queue.claim(worker, limit=1)
        assert claim.job_id == job.pk
        queue.record(worker, [success(claim) if result is True else failure(claim, result)])
    job.refresh_from_db()


def test_a_job_completes_when_every_image_has():
    job = submit_job(2)
    run(job, True)
    assert (job.status, job.finished_at) == ("ongoing", None)
    run(job, True)
    assert job.status == "completed"
    assert job.finished_at is not None


def test_a_job_fails_when_one_image_has_and_the_others_are_processed_all_the_same():
    job = submit_job(3)
    run(job, True, errors.NotAnImage(), True)
    assert job.status == "failed"
    assert states(job) == ["completed", "failed", "completed"]


def test_the_measurement_is_stored():
    job = submit_job(1)
    run(job, True)
    row = ImageResult.objects.get(job=job)
    assert (row.width, row.height, row.perimeter, row.format, row.bytes) == (640, 480, 2240, "JPEG", 1000)


def test_a_retryable_failure_waits_and_leaves_evidence(settings):
    settings.BACKOFF_BASE_SECONDS, settings.MAX_ATTEMPTS = 50, 3
    job = submit_job(1)
    run(job, errors.ReadTimeout())
    row = ImageResult.objects.get(job=job)
    assert (row.state, row.attempts, row.error_code) == ("pending", 1, "")
    assert row.run_after is not None
    evidence = FailedAttempt.objects.get()
    assert (evidence.image_id, evidence.code, evidence.claim_no) == (row.pk, "read_timeout", 1)


def test_a_failed_attempt_keeps_all_that_was_seen():
    submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    seen = Evidence(
        404, "x" * 100, "carrier-grade NAT", ["http://i.test/"], bytes=7, fetch_ms=1, measure_ms=2, gpu_ms=4
    )
    queue.record(worker, [Outcome(claim, seen, error=errors.HTTPStatus(404))])
    row = FailedAttempt.objects.get()
    assert (row.http_status, row.content_type, row.address_class) == (404, "x" * 100, "carrier-grade NAT")
    assert (row.redirects, row.bytes, row.elapsed_ms) == (["http://i.test/"], 7, 7)


def test_a_sentence_of_any_length_is_stored():
    job = submit_job(1)
    run(job, errors.NotAnImage("x" * 600))
    assert ImageResult.objects.get(job=job).error_message == FailedAttempt.objects.get().message == "x" * 500


def test_what_was_put_off_waits_and_counts_as_no_attempt(settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_job(1)
    worker = make_worker()
    for _ in range(3):
        (claim,) = queue.claim(worker, limit=1)
        assert claim.attempt == 1
        before = queue.database_now()
        queue.record(worker, [Outcome(claim, Evidence())])
        after = queue.database_now()
        row = ImageResult.objects.get(job=job)
        assert (row.state, row.attempts, row.crashes, row.claimed_by, row.error_code) == ("pending", 0, 0, None, "")
        assert timedelta(seconds=0.5) <= row.run_after - before
        assert row.run_after - after < timedelta(seconds=5)
        ImageResult.objects.update(run_after=queue.database_now())
        queue.promote()
    assert not FailedAttempt.objects.exists()
    run(job, True)
    assert (job.status, ImageResult.objects.get(job=job).attempts) == ("completed", 1)


def test_retry_after_is_waited_for(settings):
    settings.BACKOFF_BASE_SECONDS, settings.BACKOFF_MAX_SECONDS = 0, 60
    job = submit_job(1)
    before = queue.database_now()
    run(job, errors.HTTPStatus(429, retry_after=30))
    wait = (ImageResult.objects.get(job=job).run_after - before).total_seconds()
    assert 30 <= wait < 35


def test_the_last_attempt_is_final(settings):
    settings.BACKOFF_BASE_SECONDS, settings.MAX_ATTEMPTS = 0, 2
    job = submit_job(1)
    run(job, errors.ReadTimeout())
    assert job.status == "ongoing"
    queue.promote()
    run(job, errors.ReadTimeout())
    assert (job.status, ImageResult.objects.get(job=job).attempts) == ("failed", 2)


def test_a_permanent_failure_is_never_tried_again(settings):
    settings.MAX_ATTEMPTS = 3
    job = submit_job(1)
    run(job, errors.NotAnImage())
    assert (job.status, ImageResult.objects.get(job=job).attempts) == ("failed", 1)


def test_promotion_leaves_alone_what_is_not_due(settings):
    settings.BACKOFF_BASE_SECONDS = 0
    job = submit_job(2)
    run(job, errors.ReadTimeout(), errors.HTTPStatus(503, retry_after=50))
    assert queue.promote() == 1
    assert ready() == 1


def test_a_release_counts_as_neither_attempt_nor_crash():
    job = submit_job(1)
    worker = make_worker()
    assert queue.release(worker, queue.claim(worker, limit=1)).images == 1
    row = ImageResult.objects.get(job=job)
    assert (row.state, row.attempts, row.crashes, row.claim_no, row.claimed_by) == ("pending", 0, 0, 1, None)


def test_the_errors_name_each_failed_store_once_in_order_of_appearance():
    make_stores("B", "A", "C")
    job = submit_visits(
        ("B", ["http://b/1", "http://b/2"]), ("A", ["http://a/1"]), ("C", ["http://c/1"]), ("B", ["http://b/3"])
    )
    run(job, errors.HTTPStatus(404), True, errors.NotAnImage(), True, errors.HTTPStatus(404))
    assert [entry["store_id"] for entry in job.store_errors] == ["B", "A"]
    assert (
        "2 of 3 images failed (2 http_404), the first at http://b/1: The server answered 404"
        in job.store_errors[0]["error"]
    )
    assert "1 of 1 image failed (1 not_an_image)" in job.store_errors[1]["error"]


def test_a_wholly_unknown_store_is_said_plainly():
    job = submit_visits(("nowhere", ["http://n/1", "http://n/2"]), (KNOWN_STORE, ["http://k/1"]))
    run(job, True)
    (entry,) = job.store_errors
    assert entry["store_id"] == "nowhere"
    assert "not in the store master" in entry["error"]
    assert "http://n/1" in entry["error"]


def test_a_job_of_unknown_stores_alone_is_failed_at_once():
    job = submit_visits(("nowhere", ["http://n/1"]))
    assert (job.status, job.failed, states(job)) == ("failed", 1, ["failed"])
    assert job.store_errors[0]["store_id"] == "nowhere"


def test_stop_store_takes_a_stores_images_one_after_the_other():
    job = submit_job(3, on_error=OnError.STOP_STORE)
    assert ready() == 1
    run(job, True)
    assert ready() == 1
    run(job, True, True)
    assert job.status == "completed"


def test_stop_store_skips_the_rest_of_that_store_alone():
    make_stores("A", "B")
    job = submit_visits(
        ("A", ["http://a/1", "http://a/2"]), ("B", ["http://b/1"]), ("A", ["http://a/3"]), on_error=OnError.STOP_STORE
    )
    run(job, errors.NotAnImage(), True)
    assert states(job) == ["failed", "failed", "completed", "failed"]
    assert list(ImageResult.objects.failed().order_by("id").values_list("error_code", flat=True)) == [
        "not_an_image", "skipped", "skipped",
    ]  # fmt: skip
    assert (job.status, job.completed, job.failed) == ("failed", 1, 3)


def test_stop_store_goes_on_with_the_same_image_while_it_may_be_retried(settings):
    settings.BACKOFF_BASE_SECONDS = 0
    job = submit_job(2, on_error=OnError.STOP_STORE)
    run(job, errors.ReadTimeout())
    queue.promote()
    run(job, True, True)
    assert job.status == "completed"


def test_the_counts_always_sum_to_the_total():
    job = submit_visits((KNOWN_STORE, [f"http://k/{n}" for n in range(5)]), ("nowhere", ["http://n/1"]))
    worker = make_worker()
    claims = queue.claim(worker, limit=3)
    queue.record(worker, [success(claims[0]), failure(claims[1], errors.NotAnImage())])
    counts = job.counts()
    assert (counts.total, counts.pending, counts.running, counts.completed, counts.failed) == (6, 2, 1, 1, 2)


def test_recording_a_batch_takes_a_fixed_number_of_queries(django_assert_max_num_queries):
    submit_job(50)
    worker = make_worker()
    claims = queue.claim(worker, limit=50)
    with django_assert_max_num_queries(10):
        queue.record(worker, [success(claim) for claim in claims])


def test_no_column_is_left_behind_by_a_recorded_outcome():
    """Every field that an outcome sets in memory is among those written."""
    submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [success(claim)])
    row = ImageResult.objects.annotate(rule=2 * (F("height") + F("width"))).get()
    assert row.perimeter == row.rule
    assert row.finished_at is not None
    assert row.attempts == 1


def test_the_job_is_locked_before_its_counters_are_read(django_assert_max_num_queries):
    """In the UPDATE itself, several jobs would be locked in whatever order the planner reads them."""
    submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    with django_assert_max_num_queries(10) as captured:
        queue.record(worker, [success(claims[0])])
    kinds = [each["sql"] for each in captured if '"jobs_job"' in each["sql"]]
    locks = [place for place, sql in enumerate(kinds) if sql.startswith("SELECT") and sql.endswith("FOR NO KEY UPDATE")]
    updates = [place for place, sql in enumerate(kinds) if 'UPDATE "jobs_job"' in sql]
    assert locks
    assert updates
    assert locks[0] < updates[0]


def test_a_job_has_started_with_its_first_outcome_and_not_again_with_the_next(settings):
    settings.BACKOFF_BASE_SECONDS = 0
    job = submit_job(3)
    assert job.started_at is None
    run(job, errors.ReadTimeout())
    started = job.started_at
    assert started is not None
    run(job, True)
    assert job.started_at == started
