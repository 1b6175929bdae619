"""A person pauses a job, and lets it go on."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from jobs import errors, queue
from jobs.models import ImageResult, Job
from jobs.states import OnError
from tests.factories import failure, look, make_worker, ready, submit_job, success
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db


def test_nothing_of_a_paused_job_is_claimed():
    job = submit_job(2)
    assert queue.pause(job.pk) == 2
    assert queue.claim(make_worker(), limit=2) == []
    assert look(job).state == "paused"


def test_what_is_in_hand_finishes():
    job = submit_job(2)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.pause(job.pk)
    queue.record(worker, [success(claims[0])])
    assert (look(job).state, look(job).completed, ready()) == ("paused", 1, 0)


@pytest.mark.parametrize("way", ["recorded", "released", "rescued", "promoted"])
def test_what_comes_back_is_held(way):
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.pause(job.pk)
    if way == "released":
        queue.release(worker, claims)
    elif way == "rescued":
        queue.rescue()
    else:
        queue.record(worker, [failure(claims[0], errors.ReadTimeout())])
        ImageResult.objects.update(run_after=Now())
        assert queue.promote() == 1 if way == "promoted" else True
    assert ready() == 0
    assert queue.resume(job.pk) == 1
    queue.promote()
    assert ready() == 1


def test_a_resumed_job_goes_on_and_completes():
    job = submit_job(2)
    queue.pause(job.pk)
    assert queue.resume(job.pk) == 2
    assert look(job).state == "queued"
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=2)])
    assert look(job).outcome == "completed"


def test_the_time_of_a_pause_does_not_count_as_waiting():
    job = submit_job(2)
    ranks = list(ImageResult.objects.order_by("id").values_list("rank", flat=True))
    queue.pause(job.pk)
    Job.objects.update(paused_at=F("paused_at") - timedelta(hours=1))
    queue.resume(job.pk)
    later = list(ImageResult.objects.order_by("id").values_list("rank", flat=True))
    # Its own few milliseconds on top of the hour.
    assert [round(rank - before, -1) for rank, before in zip(later, ranks, strict=True)] == [3600, 3600]


def test_under_stop_store_only_the_first_image_of_a_store_goes_on():
    job = submit_job(3, on_error=OnError.STOP_STORE)
    queue.pause(job.pk)
    assert queue.resume(job.pk) == 1
    assert ready() == 1


def test_under_stop_store_a_success_lets_nothing_go_while_the_job_is_paused():
    job = submit_job(3, on_error=OnError.STOP_STORE)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.pause(job.pk)
    queue.record(worker, [success(claims[0])])
    assert ready() == 0
    queue.resume(job.pk)
    assert ready() == 1


def test_under_stop_store_an_image_in_hand_still_comes_first():
    job = submit_job(2, on_error=OnError.STOP_STORE)
    queue.claim(make_worker(), limit=1)
    queue.pause(job.pk)
    assert queue.resume(job.pk) == 0


def test_a_retry_in_a_paused_job_waits_for_its_resumption():
    job = submit_job(2)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    queue.record(worker, [failure(claims[0], errors.NotAnImage())])
    queue.pause(job.pk)
    assert queue.retry(job.pk).reopened == 1
    assert (look(job).state, ready()) == ("paused", 0)
    assert queue.resume(job.pk) == 2


def test_pausing_twice_is_pausing_once():
    job = submit_job(1)
    queue.pause(job.pk)
    paused_at = look(job).paused_at
    assert queue.pause(job.pk) == 1
    assert look(job).paused_at == paused_at


def test_what_is_not_possible_is_said():
    job = submit_job(2)
    with pytest.raises(queue.NotPossible, match="is not paused"):
        queue.resume(job.pk)
    queue.claim(make_worker(), limit=1)
    queue.cancel(job.pk)
    for ask in (queue.pause, queue.resume):
        with pytest.raises(queue.NotPossible, match="is being canceled"):
            ask(job.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("paused_first", [True, False])
def test_what_is_recorded_at_the_same_moment_is_held(paused_first):
    job = submit_job(2)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)

    def record():
        return queue.record(worker, [failure(claims[0], errors.ReadTimeout())])

    def pause():
        return queue.pause(job.pk)

    first, second = (pause, record) if paused_first else (record, pause)
    with transaction.atomic():
        first()
        concurrent = Concurrent(second)
        wait_for(blocked)
    concurrent.ended()
    assert ImageResult.objects.filter(job=job, held=True).count() == 2
