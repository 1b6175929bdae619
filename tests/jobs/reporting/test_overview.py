"""The state of the whole service in one object."""

from datetime import timedelta
from time import monotonic

import pytest
from django.db.models.functions import Now

from jobs import errors, queue
from jobs.models import ImageResult
from jobs.reporting.overview import HostFailures, overview
from jobs.states import OnError
from tests.factories import defer, failure, make_worker, submit_job, success

pytestmark = pytest.mark.django_db


def test_an_idle_service_says_so():
    seen = overview()
    assert (seen.ready, seen.waiting, seen.running, seen.slots, seen.oldest_seconds) == (0, 0, 0, 0, None)
    assert (seen.fetch_p50_ms, seen.hosts, seen.images_per_second) == (None, [], 0)
    assert len(seen.throughput.intervals) == 60


def test_it_counts_what_waits_and_what_is_in_flight(settings):
    settings.BACKOFF_BASE_SECONDS = 60
    submit_job(6)
    held = submit_job(3)
    queue.pause(held.pk)
    worker = make_worker()
    claims = queue.claim(worker, limit=3)
    queue.record(worker, [failure(claims[0], errors.ReadTimeout())])
    seen = overview()
    assert (seen.ready, seen.waiting, seen.running) == (3, 1, 2)
    assert (seen.slots, [each.pk for each in seen.workers]) == (4, [worker])
    assert 0 < seen.oldest_seconds < 60


def waited(job, seconds):
    ImageResult.objects.filter(job=job).update(ready_since=Now() - timedelta(seconds=seconds))


def test_the_oldest_ready_image_is_that_which_waits_longest_whatever_its_rank():
    # The rank of a job's later images lies in the future, that of an important one in the past.
    patient, important = submit_job(100, priority=-9), submit_job(3, priority=9)
    begun = monotonic()
    waited(patient, 600)
    waited(important, 50)
    assert 600 <= overview().oldest_seconds <= 600 + monotonic() - begun
    queue.cancel(patient.pk)
    assert 50 <= overview().oldest_seconds <= 50 + monotonic() - begun


def test_what_is_not_ready_does_not_count_as_the_oldest():
    held, deferred, fresh = submit_job(2), submit_job(2), submit_job(2)
    for job in (held, deferred):
        waited(job, 3600)
    queue.pause(held.pk)
    defer(deferred, "photos.test:443")
    assert overview().oldest_seconds < 60
    queue.cancel(fresh.pk)
    assert overview().oldest_seconds is None


@pytest.mark.parametrize("again", ["resumed", "retried", "tried again", "next of its store"])
def test_an_image_that_becomes_ready_again_waits_from_then_on(again, settings):
    settings.BACKOFF_BASE_SECONDS = 0
    settings.MAX_ATTEMPTS = 1 if again == "retried" else 3
    job = submit_job(2, on_error=OnError.STOP_STORE) if again == "next of its store" else submit_job(1)
    waited(job, 3600)
    worker = make_worker()
    if again == "resumed":
        queue.pause(job.pk)
        queue.resume(job.pk)
    elif again == "next of its store":
        queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    else:
        queue.record(worker, [failure(claim, errors.ReadTimeout()) for claim in queue.claim(worker, limit=1)])
        if again == "retried":
            queue.retry(job.pk)
        else:
            ImageResult.objects.waiting().update(run_after=Now())
            queue.promote()
    seen = overview()
    assert seen.ready == 1
    assert seen.oldest_seconds < 60


def test_it_says_how_long_a_fetch_takes_and_which_hosts_fail():
    submit_job(["http://a.test/1", "http://a.test/2", "http://b.test/3", "http://c.test/4"])
    worker = make_worker()
    one, two, three, four = queue.claim(worker, limit=4)
    found = [success(one), failure(two, errors.NotAnImage()), failure(three, errors.HTTPStatus(404)), success(four)]
    for number, outcome in enumerate(found):
        outcome.evidence.fetch_ms = 100 * number
    queue.record(worker, found)
    seen = overview()
    assert (seen.fetches, seen.fetch_p50_ms, seen.fetch_p95_ms) == (4, 150, pytest.approx(285))
    assert seen.hosts == [HostFailures("a.test", 1, 2, "not_an_image"), HostFailures("b.test", 1, 1, "http_404")]
    assert sum(each.completed for each in seen.throughput.intervals) == 2
    assert sum(each.failed for each in seen.throughput.intervals) == 2
    # Four images in the minute before, and up to a quarter of one more.
    assert 4 / 75 <= seen.images_per_second <= 4 / 60


def test_it_takes_seven_queries(django_assert_num_queries):
    make_worker()
    with django_assert_num_queries(7):
        overview()
