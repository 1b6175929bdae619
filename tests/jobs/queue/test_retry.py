"""A person's retry: the only way out of a final state."""

import pytest

from jobs import errors, queue
from jobs.models import FailedAttempt, ImageFilter, ImageResult, Job
from jobs.states import OnError
from stores.models import Store
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


def finish(job, *results):
    worker = make_worker()
    claims = queue.claim(worker, limit=len(results))
    outcomes = [
        success(claim) if result is True else failure(claim, result)
        for claim, result in zip(claims, results, strict=True)
    ]
    queue.record(worker, outcomes)
    job.refresh_from_db()


def test_failed_images_are_reopened_and_completed_ones_stay():
    job = submit_job(3)
    finish(job, True, errors.NotAnImage(), errors.HTTPStatus(404))
    assert queue.retry(job.pk) == queue.Retried(reopened=2, still_unknown=0)
    job.refresh_from_db()
    assert (job.status, job.failed, job.completed, job.finished_at, job.store_errors) == ("ongoing", 0, 1, None, [])
    assert states(job) == ["completed", "pending", "pending"]
    assert list(ImageResult.objects.order_by("id").values_list("generation", flat=True)) == [0, 1, 1]


def test_a_retried_job_can_complete_and_keeps_the_evidence_of_its_failures():
    job = submit_job(1)
    finish(job, errors.NotAnImage())
    queue.retry(job.pk)
    finish(job, True)
    assert job.status == "completed"
    assert FailedAttempt.objects.count() == 1


def test_one_code_alone_can_be_retried():
    job = submit_job(2)
    finish(job, errors.NotAnImage(), errors.HTTPStatus(404))
    assert queue.retry(job.pk, ImageFilter(code="http_404")).reopened == 1
    assert states(job) == ["failed", "pending"]


def test_the_claim_number_is_never_lowered():
    job = submit_job(1)
    finish(job, errors.NotAnImage())
    queue.retry(job.pk)
    (claim,) = queue.claim(make_worker(), limit=1)
    assert (claim.claim_no, claim.attempt) == (2, 1)


def test_a_store_that_is_still_unknown_stays_failed():
    job = submit_visits(("nowhere", ["http://n/1"]))
    assert queue.retry(job.pk) == queue.Retried(reopened=0, still_unknown=1)
    assert Job.objects.get(pk=job.pk).status == "failed"


def test_a_store_that_is_known_by_now_is_fetched():
    job = submit_visits(("new", ["http://n/1"]), (KNOWN_STORE, ["http://k/1"]))
    finish(job, True)
    make_stores("new")
    assert queue.retry(job.pk) == queue.Retried(reopened=1, still_unknown=0)
    finish(job, True)
    assert job.status == "completed"


def test_an_image_whose_store_has_left_the_master_since_is_fetched_all_the_same():
    job = submit_job(1)
    finish(job, errors.HTTPStatus(404))
    Store.objects.all().delete()
    assert queue.retry(job.pk) == queue.Retried(reopened=1, still_unknown=0)


def test_nothing_to_retry_changes_nothing():
    job = submit_job(1)
    finish(job, True)
    assert queue.retry(job.pk).reopened == 0
    assert Job.objects.get(pk=job.pk).status == "completed"


def test_a_retry_queues_behind_newer_jobs():
    old = submit_job(3)
    finish(old, *[errors.NotAnImage()] * 3)
    newer = submit_job(1)
    queue.retry(old.pk)
    (claim,) = queue.claim(make_worker(), limit=1)
    assert claim.job_id == newer.pk


def test_under_stop_store_a_retry_goes_one_after_the_other_again():
    job = submit_job(3, on_error=OnError.STOP_STORE)
    finish(job, errors.NotAnImage())
    assert queue.retry(job.pk).reopened == 3
    assert ready() == 1
    for _ in range(3):
        finish(job, True)
    assert job.status == "completed"


def test_a_job_that_does_not_exist_is_said_so():
    with pytest.raises(Job.DoesNotExist):
        queue.retry(10**9)


def test_a_retry_of_a_job_still_ongoing_reopens_what_failed_so_far():
    job = submit_job(2)
    finish(job, errors.NotAnImage())
    assert queue.retry(job.pk).reopened == 1
    finish(job, True, True)
    assert job.status == "completed"
