"""Is an image that kills its process found without taking its neighbours along?"""

import sys

import pytest

from jobs import queue
from jobs.models import ImageResult
from jobs.queue.quarantine import batch_size
from tests.factories import make_worker, submit_job


@pytest.mark.parametrize(
    ("crashes", "seats", "together"),
    [
        (0, 64, sys.maxsize),
        (1, 64, sys.maxsize),
        (2, 64, 8),
        (3, 64, 1),
        (9, 64, 1),
        (2, 1024, 128),
        (4, 1024, 2),
        (5, 1024, 1),
        (2, 1, 1),
    ],
)
def test_the_batch_shrinks_with_the_crashes(crashes, seats, together):
    assert batch_size(crashes, seats) == together


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _sixteen_seats(settings):
    settings.WORKER_THREADS = 16


def crashed(job, *crashes):
    """Give the job's images, in order, these numbers of crashes."""
    for row, count in zip(job.images.order_by("id"), crashes, strict=False):
        ImageResult.objects.filter(pk=row.pk).update(crashes=count)


def claim_positions(job, worker, limit, in_flight=()):
    ids = list(job.images.order_by("id").values_list("id", flat=True))
    return [ids.index(claim.image_id) for claim in queue.claim(worker, limit, in_flight)]


def test_after_one_crash_images_are_claimed_as_ever():
    job = submit_job(4)
    crashed(job, 1, 1, 1, 1)
    assert claim_positions(job, make_worker(), 4) == [0, 1, 2, 3]


def test_after_two_an_eighth_of_the_seats_is_claimed_together():
    job = submit_job(4)
    crashed(job, 2, 2, 2, 2)
    assert claim_positions(job, make_worker(), 4) == [0, 1]


def test_after_three_each_is_claimed_alone():
    job = submit_job(4)
    crashed(job, 3, 3)
    worker = make_worker()
    assert claim_positions(job, worker, 4) == [0]
    assert claim_positions(job, worker, 4) == [1]
    assert claim_positions(job, worker, 4) == [2, 3]


def test_a_suspect_image_waits_until_few_enough_are_in_flight():
    job = submit_job(5)
    crashed(job, 0, 0, 2)
    worker = make_worker()
    first = queue.claim(worker, limit=2)
    assert claim_positions(job, worker, 4, in_flight=first) == []
    assert claim_positions(job, worker, 4, in_flight=first[:1]) == [2]


def test_a_suspect_image_in_flight_admits_no_more_than_its_batch():
    job = submit_job(4)
    crashed(job, 3)
    worker = make_worker()
    suspects = queue.claim(worker, limit=4)
    assert [claim.crashes for claim in suspects] == [3]
    assert queue.claim(worker, 4, in_flight=suspects) == []


def test_images_before_a_suspect_one_are_taken_up_to_its_batch():
    job = submit_job(5)
    crashed(job, 0, 0, 0, 2)
    assert claim_positions(job, make_worker(), 5) == [0, 1, 2]
