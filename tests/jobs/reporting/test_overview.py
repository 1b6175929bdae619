"""The state of the whole service in one object."""

import pytest

from jobs import errors, queue
from jobs.reporting.overview import HostFailures, overview
from tests.factories import failure, make_worker, submit_job, success

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


def test_it_takes_six_queries(django_assert_num_queries):
    make_worker()
    with django_assert_num_queries(6):
        overview()
