"""A stale worker changes nothing."""

import pytest
from django.db import IntegrityError, InternalError, transaction

from jobs import errors, queue
from jobs.models import FailedAttempt, ImageResult, Job
from tests.factories import failure, make_worker, states, submit_job, success

pytestmark = pytest.mark.django_db


def claim_one(worker):
    (claim,) = queue.claim(worker, limit=1)
    return claim


def test_a_stale_worker_cannot_write_after_its_claim_was_rescued():
    job = submit_job(1)
    worker = make_worker()
    stale = claim_one(worker)
    queue.rescue()
    recorded = queue.record(worker, [success(stale)])
    assert (recorded.written, recorded.fenced) == (0, [stale])
    assert states(job) == ["pending"]


def test_a_stale_worker_cannot_overwrite_the_next_worker():
    job = submit_job(1)
    first = make_worker()
    stale = claim_one(first)
    queue.rescue()
    second = make_worker()
    fresh = claim_one(second)
    assert fresh.claim_no == stale.claim_no + 1
    assert queue.record(first, [success(stale, width=1, height=1)]).written == 0
    assert queue.record(second, [success(fresh)]).written == 1
    assert ImageResult.objects.get(job=job).perimeter == 2 * (640 + 480)


def test_a_worker_cannot_write_what_another_one_holds():
    job = submit_job(1)
    claim = claim_one(make_worker())
    assert queue.record(make_worker(), [success(claim)]).fenced == [claim]
    assert states(job) == ["running"]


def test_a_stale_claim_number_of_the_same_worker_is_refused():
    submit_job(1)
    worker = make_worker()
    stale = claim_one(worker)
    queue.release(worker, [stale])
    fresh = claim_one(worker)
    assert queue.record(worker, [success(stale)]).written == 0
    assert queue.record(worker, [success(fresh)]).written == 1


def test_a_stale_release_does_not_take_the_image_from_the_next_worker():
    job = submit_job(1)
    worker = make_worker()
    stale = claim_one(worker)
    queue.release(worker, [stale])
    claim_one(worker)
    assert queue.release(worker, [stale]).images == 0
    assert states(job) == ["running"]


def test_a_batch_recorded_twice_counts_once():
    job = submit_job(2)
    worker = make_worker()
    good, bad = queue.claim(worker, limit=2)
    batch = [success(good), failure(bad, errors.NotAnImage())]
    assert queue.record(worker, batch).written == 2
    assert queue.record(worker, batch).written == 0
    job.refresh_from_db()
    assert (job.completed, job.failed, job.status) == (1, 1, "failed")
    assert FailedAttempt.objects.count() == 1


@pytest.mark.parametrize("change", [{"state": "pending"}, {"perimeter": 2}, {"finished_at": None}, {"generation": 1}])
def test_the_database_refuses_to_change_a_completed_row(change):
    submit_job(1)
    worker = make_worker()
    queue.record(worker, [success(claim_one(worker))])
    with pytest.raises((IntegrityError, InternalError), match="is final"), transaction.atomic():
        ImageResult.objects.update(**change)


def test_the_database_refuses_to_reopen_a_failed_row_without_a_new_generation():
    submit_job(1)
    worker = make_worker()
    queue.record(worker, [failure(claim_one(worker), errors.NotAnImage())])
    with pytest.raises(IntegrityError, match="is final"), transaction.atomic():
        ImageResult.objects.update(state="pending", error_code="", error_message="", finished_at=None)


def test_the_database_refuses_counters_above_the_total():
    job = submit_job(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(completed=1, failed=1)


def test_the_database_refuses_a_perimeter_that_is_not_of_the_image():
    submit_job(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImageResult.objects.update(
            state="completed", width=10, height=20, perimeter=61, finished_at=queue.database_now()
        )
