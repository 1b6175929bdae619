"""A person moves a job in the queue."""

import pytest

from jobs import errors, queue
from jobs.models import ImageResult
from tests.factories import failure, look, make_stores, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


def order():
    return list(ImageResult.objects.order_by("rank", "id").values_list("job_id", flat=True))


def test_a_step_is_an_hour():
    first = submit_job(1)
    make_stores("other")
    second = submit_visits(("other", ["http://o/1"]))
    before = ImageResult.objects.get(job=second).rank
    assert queue.prioritize(second.pk, 2) == 1
    assert ImageResult.objects.get(job=second).rank == before - 7200
    assert order() == [second.pk, first.pk]
    assert look(second).priority == 2
    queue.prioritize(second.pk, -1)
    assert order() == [first.pk, second.pk]


def test_the_same_priority_moves_nothing():
    job = submit_job(1, priority=3)
    assert queue.prioritize(job.pk, 3) == 0


def test_an_image_in_hand_comes_back_to_its_new_place():
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    before = ImageResult.objects.get(job=job).rank
    queue.prioritize(job.pk, 1)
    queue.release(worker, claims)
    assert ImageResult.objects.get(job=job).rank == before - 3600


def test_a_retry_keeps_the_priority():
    job = submit_job(1, priority=2)
    worker = make_worker()
    queue.record(worker, [failure(claim, errors.NotAnImage()) for claim in queue.claim(worker, limit=1)])
    other = submit_job(1)
    queue.retry(job.pk)
    assert order() == [job.pk, other.pk]


def test_a_job_that_has_ended_has_no_place():
    job = submit_job(1)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    with pytest.raises(queue.NotPossible, match="has ended"):
        queue.prioritize(job.pk, 1)
