"""A person ends a job early: what is found stays, what is in flight finishes, the rest is not fetched."""

import pytest
from django.db import transaction

from jobs import errors, queue
from jobs.models import ImageResult, Job
from jobs.states import OnError
from tests.factories import failure, look, make_stores, make_worker, ready, states, submit_job, submit_visits, success
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db


def test_nothing_of_a_queued_job_is_fetched():
    job = submit_job(3)
    assert queue.cancel(job.pk) == 3
    job = look(job)
    assert (job.state, job.outcome, job.status) == ("ended", "canceled", "failed")
    assert (job.completed, job.failed, job.canceled) == (0, 3, 3)
    assert set(ImageResult.objects.values_list("error_code", flat=True)) == {"canceled"}
    assert ready() == 0
    assert "3 canceled" in job.store_errors[0]["error"]


def test_what_was_found_stays_and_what_is_in_hand_finishes():
    job = submit_job(4)
    worker = make_worker()
    first, second = queue.claim(worker, limit=2)
    queue.record(worker, [success(first)])
    assert queue.cancel(job.pk) == 2
    assert look(job).state == "canceling"
    queue.record(worker, [success(second)])
    job = look(job)
    assert (job.state, job.outcome) == ("ended", "canceled")
    assert states(job) == ["completed", "completed", "failed", "failed"]
    assert (job.completed, job.failed, job.canceled) == (2, 2, 2)


def test_an_image_in_hand_gets_no_further_attempt():
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.cancel(job.pk)
    recorded = queue.record(worker, [failure(claims[0], errors.ReadTimeout())])
    assert recorded.finished_jobs == [job.pk]
    job = look(job)
    assert (job.state, job.outcome, job.canceled) == ("ended", "canceled", 1)
    assert ImageResult.objects.get().error_code == "canceled"


def test_where_everything_was_in_hand_and_succeeds_the_job_completes():
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    assert queue.cancel(job.pk) == 0
    queue.record(worker, [success(claims[0])])
    assert look(job).outcome == "completed"


@pytest.mark.parametrize("way", ["released", "rescued"])
def test_what_a_worker_gives_back_is_not_tried_again(way):
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.cancel(job.pk)
    if way == "released":
        queue.release(worker, claims)
    else:
        queue.rescue()
    assert (look(job).outcome, ready()) == ("canceled", 0)


def test_waiting_and_held_images_are_canceled_too():
    job = submit_job(3, on_error=OnError.STOP_STORE)
    worker = make_worker()
    claims = queue.claim(worker, limit=3)
    queue.record(worker, [failure(claims[0], errors.ReadTimeout())])
    assert queue.cancel(job.pk) == 3
    assert look(job).outcome == "canceled"
    assert ImageResult.objects.waiting().count() == 0


def test_a_paused_job_can_be_canceled():
    job = submit_job(2)
    queue.pause(job.pk)
    assert queue.cancel(job.pk) == 2
    job.refresh_from_db()
    assert (job.paused_at, job.status) == (None, "failed")


def test_a_job_that_has_ended_cannot():
    job = submit_visits(("nowhere", ["http://n/1"]))
    with pytest.raises(queue.NotPossible, match=f"Job {job.pk} has ended; there is nothing to cancel"):
        queue.cancel(job.pk)


def test_a_second_cancel_changes_nothing():
    job = submit_job(2)
    queue.claim(make_worker(), limit=1)
    assert (queue.cancel(job.pk), queue.cancel(job.pk)) == (1, 0)
    assert (look(job).state, look(job).canceled) == ("canceling", 1)


def test_an_unknown_job_is_said_to_be_unknown():
    with pytest.raises(Job.DoesNotExist):
        queue.cancel(1)


def test_other_jobs_go_on():
    make_stores("other")
    other = submit_visits(("other", ["http://o/1"]))
    queue.cancel(submit_job(2).pk)
    assert states(other) == ["pending"]


def test_a_retry_takes_the_cancel_back():
    job = submit_job(2)
    queue.cancel(job.pk)
    assert queue.retry(job.pk).reopened == 2
    job = look(job)
    assert (job.state, job.canceled, job.failed, job.canceled_at) == ("queued", 0, 0, None)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=2)])
    assert look(job).outcome == "completed"


@pytest.mark.django_db(transaction=True)
def test_a_cancel_waits_for_what_is_being_recorded():
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    with transaction.atomic():
        queue.record(worker, [failure(claims[0], errors.ReadTimeout())])
        canceling = Concurrent(lambda: queue.cancel(job.pk))
        wait_for(blocked)
    assert canceling.ended() == 1
    assert (look(job).outcome, states(job)) == ("canceled", ["failed"])


@pytest.mark.django_db(transaction=True)
def test_what_is_recorded_during_a_cancel_stands_under_it():
    job = submit_job(2)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    with transaction.atomic():
        queue.cancel(job.pk)
        recording = Concurrent(lambda: queue.record(worker, [failure(claims[0], errors.ReadTimeout())]))
        wait_for(blocked)
    assert recording.ended().finished_jobs == [job.pk]
    assert (look(job).outcome, look(job).canceled, states(job)) == ("canceled", 2, ["failed", "failed"])
