"""What becomes of images that their host refused, and of what processes say of paused hosts."""

from datetime import timedelta
from time import monotonic

import pytest
from django.db import transaction

from jobs import queue
from jobs.errors import HTTPStatus
from jobs.imaging.host import Blame, Pause
from jobs.imaging.types import Evidence, Outcome
from jobs.models import FailedAttempt, ImageResult, PausedHost
from jobs.queue.hosts import take_probes
from jobs.queue.rank import BEHIND_SECONDS, SECONDS_PER_PRIORITY
from tests.factories import make_worker, pause_host, submit_job

pytestmark = pytest.mark.django_db

HOST = "images.test:80"


def refuse(worker, *, is_paused):
    """Claim the only image, let its host refuse it, and return its row."""
    (claim,) = queue.claim(worker, limit=1) or queue.claim_waiting(worker, HOST, 1)
    queue.record(worker, [Outcome(claim, Evidence(), error=HTTPStatus(503), blame=Blame(HOST, is_paused))])
    return ImageResult.objects.get()


@pytest.mark.parametrize(("is_paused", "lane"), [(True, HOST), (False, "")])
def test_a_refused_image_waits_in_the_lane_of_a_paused_host_and_else_for_its_next_attempt(is_paused, lane):
    submit_job(1)
    row = refuse(make_worker(), is_paused=is_paused)
    assert (row.state, row.waits_for, row.run_after is None, row.attempts) == ("pending", lane, is_paused, 0)
    assert not FailedAttempt.objects.get().counted


def test_the_first_refusal_is_remembered_through_the_next_ones(settings):
    settings.BACKOFF_BASE_SECONDS = 0
    submit_job(1)
    worker = make_worker()
    first = refuse(worker, is_paused=True)
    assert abs((first.waits_since - queue.database_now()).total_seconds()) < 60
    assert refuse(worker, is_paused=True).waits_since == first.waits_since
    earlier = first.waits_since - timedelta(seconds=7)
    ImageResult.objects.update(waits_since=earlier)
    (claim,) = queue.claim_waiting(worker, HOST, 1)
    assert 7 <= claim.waited < 60


@pytest.mark.parametrize("priority", [0, 2, -1])
def test_a_refused_image_goes_behind_what_comes_within_a_minute(priority):
    job = submit_job(1, priority=priority)
    old = ImageResult.objects.get().rank
    now = queue.database_now().timestamp() - priority * SECONDS_PER_PRIORITY
    rank = refuse(make_worker(), is_paused=True).rank
    assert max(now, old) + BEHIND_SECONDS <= rank < max(now, old) + BEHIND_SECONDS + 30
    ImageResult.objects.update(rank=now + 5_000)
    assert refuse(make_worker(), is_paused=True).rank == pytest.approx(now + 5_000 + BEHIND_SECONDS)
    assert job.images.count() == 1


def test_the_longer_of_two_pauses_counts_and_the_earlier_beginning():
    now = monotonic()
    queue.share_pauses({HOST: Pause(now + 300, now - 50, "http_503", "First.", 3)})
    first = PausedHost.objects.get()
    queue.share_pauses({HOST: Pause(now + 20, now - 5, "http_429", "Second.", 1)})
    second = PausedHost.objects.get()
    assert (second.since, second.until, second.number) == (first.since, first.until, 3)
    assert (second.code, second.message) == ("http_429", "Second.")
    queue.share_pauses({HOST: Pause(now + 900, now - 500, "http_503", "x" * 600, 4)})
    third = PausedHost.objects.get()
    assert third.since < first.since < first.until < third.until
    assert (third.number, third.message) == (4, "x" * 500)


def test_pauses_are_read_as_they_were_shared():
    now = monotonic()
    names = [f"h{number}.example:80" for number in range(3)]
    queue.share_pauses({name: Pause(now + 30, now - 10, "http_503", "Why.", 2) for name in reversed(names)})
    pauses, last = queue.shared_pauses()
    assert (list(pauses), last) == (names, None)
    for pause in pauses.values():
        assert (pause.code, pause.message, pause.number) == ("http_503", "Why.", 2)
        assert pause.until == pytest.approx(now + 30, abs=5)
        assert pause.since == pytest.approx(now - 10, abs=5)


def test_only_a_host_whose_pause_is_over_is_probed():
    pause_host("over.example:443", seconds=-1)
    pause_host("paused.example:443", seconds=60)
    pause_host("unasked.example:443", seconds=-1)
    with transaction.atomic():
        assert take_probes(7, ["paused.example:443", "over.example:443"]) == ["over.example:443"]
    assert list(PausedHost.objects.order_by("name").values_list("probed_by", flat=True)) == [7, None, None]
