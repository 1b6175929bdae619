"""Which images try a paused host again, and when its pause ends."""

import pytest

from jobs import queue
from jobs.errors import HTTPStatus
from jobs.models import ImageResult, PausedHost
from jobs.queue import Lanes, choice
from tests.factories import defer, make_worker, pause_host, submit_job
from tests.jobs.queue.lane_world import HOST, limits, urls

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker():
    return make_worker()


def test_a_probe_is_one_image_the_first_one_then_any_then_one_of_the_newest_job(worker):
    defer(submit_job(urls(10)), HOST)
    newest = submit_job(urls(3))
    defer(newest, HOST)
    ImageResult.objects.filter(job=newest).update(rank=1e12)
    pause_host(HOST, seconds=-1)
    ids = list(ImageResult.objects.order_by("id").values_list("id", flat=True))
    mine = Lanes(limits())
    mine.limits.learn_pauses(*queue.shared_pauses())
    (claim,) = queue.claim(worker, 8, lanes=mine)
    assert claim.image_id == ids[0]
    assert PausedHost.objects.get().probed_by == worker
    mine.limits.finished(HOST, claim.image_id, HTTPStatus(503), fetch_seconds=0, model_seconds=0)
    queue.share_pauses(mine.limits.changed_pauses())
    mine.limits.shared(mine.limits.changed_pauses())
    host = PausedHost.objects.get()
    assert (host.number, host.probed_by) == (2, None)
    PausedHost.objects.update(until=host.since)
    mine.limits.learn_pauses(*queue.shared_pauses())
    (claim,) = queue.claim(worker, 8, lanes=mine)
    assert claim.image_id in ids[1:]
    mine.limits.released(HOST, claim.image_id)
    PausedHost.objects.update(number=3)
    mine.limits.learn_pauses(*queue.shared_pauses())
    (claim,) = queue.claim(worker, 8, lanes=mine)
    assert claim.job_id == newest.pk


def test_an_image_that_is_locked_at_this_moment_still_waits_for_its_host(worker, monkeypatch):
    defer(submit_job(urls(1)), HOST)
    pause_host(HOST, seconds=-1)
    mine = Lanes(limits())
    mine.limits.learn_pauses(*queue.shared_pauses())
    monkeypatch.setattr(choice, "look_into", lambda *_, **__: [])  # as SKIP LOCKED has it
    assert queue.claim(worker, 8, lanes=mine) == []
    assert mine.limits.pause_number(HOST) == 1


def test_no_other_worker_probes_while_the_first_one_lives(worker):
    defer(submit_job(urls(10)), HOST)
    pause_host(HOST, seconds=-1)
    claims = []
    for each in (worker, make_worker()):
        mine = Lanes(limits())
        mine.limits.learn_pauses(*queue.shared_pauses())
        claims.append(len(queue.claim(each, 8, lanes=mine)))
    assert claims == [1, 0]
    PausedHost.objects.update(probed_by=10**9)  # a worker that is gone
    mine = Lanes(limits())
    mine.limits.learn_pauses(*queue.shared_pauses())
    assert len(queue.claim(make_worker(), 8, lanes=mine)) == 1


def test_a_pause_for_which_nothing_waits_ends(worker):
    pause_host(HOST, seconds=-1)
    mine = Lanes(limits())
    mine.limits.learn_pauses(*queue.shared_pauses())
    assert queue.claim(worker, 8, lanes=mine) == []
    queue.share_pauses(mine.limits.changed_pauses())
    assert not PausedHost.objects.exists()
