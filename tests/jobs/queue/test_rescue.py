"""The claims of the dead go back; those of the living stay."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from jobs import queue
from jobs.engine.heartbeat import Heartbeat
from jobs.models import ImageResult, Worker
from retail_pulse.db.timeouts import TimeoutConnection
from tests.factories import make_worker, states, submit_job
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heartbeat():
    heartbeat = Heartbeat(slots=4)
    yield heartbeat
    heartbeat.leave()


def silence(worker_id):
    Worker.objects.filter(pk=worker_id).update(beat_at=Now() - timedelta(hours=1))


def test_a_worker_whose_keeper_is_gone_is_dead_at_once():
    job = submit_job(1)
    dying = Heartbeat(slots=1)
    queue.claim(dying.worker_id, limit=1)
    dying.close()
    # The server notices the closed connection, and frees the lock, in its own time.
    rescued = wait_for(lambda: (found := queue.rescue()).workers and found)
    assert (rescued.workers, rescued.released) == ([dying.worker_id], 1)
    row = ImageResult.objects.get(job=job)
    assert (row.state, row.crashes, row.attempts, row.claim_no) == ("pending", 1, 0, 1)


def test_a_living_worker_keeps_its_claims(heartbeat):
    job = submit_job(1)
    queue.claim(heartbeat.worker_id, limit=1)
    assert queue.rescue().workers == []
    assert states(job) == ["running"]


def test_a_frozen_worker_is_dead_when_its_lease_is_over(heartbeat):
    queue_job = submit_job(1)
    queue.claim(heartbeat.worker_id, limit=1)
    silence(heartbeat.worker_id)
    assert queue.rescue().workers == [heartbeat.worker_id]
    assert states(queue_job) == ["pending"]


def test_a_frozen_worker_learns_at_its_next_beat_that_it_was_declared_dead(settings):
    settings.LEASE_SECONDS = 0.06
    heartbeat = Heartbeat(slots=1)
    Worker.objects.all().delete()
    with pytest.raises(queue.WorkerGone):
        heartbeat.wait(0.1)  # longer than the time between two beats
    heartbeat.close()


def test_a_heartbeat_renews_the_lease(settings):
    settings.LEASE_SECONDS = 0.6
    heartbeat = Heartbeat(slots=1)
    born = Worker.objects.get(pk=heartbeat.worker_id).beat_at
    while Worker.objects.get(pk=heartbeat.worker_id).beat_at == born:
        heartbeat.wait(0.01)
    heartbeat.leave()
    assert not Worker.objects.exists()


def test_under_lease_only_the_lock_says_nothing(settings):
    settings.LEASE_ONLY = True
    worker = make_worker()  # without a lock
    assert queue.rescue().workers == []
    silence(worker)
    assert queue.rescue().workers == [worker]


def test_claims_of_a_worker_without_a_row_are_rescued_too():
    job = submit_job(1)
    queue.claim(make_worker(), limit=1)
    Worker.objects.all().delete()
    assert queue.rescue().released == 1
    assert states(job) == ["pending"]


@pytest.mark.parametrize(("crashes", "state"), [(8, "pending"), (9, "failed")])
def test_an_image_that_kills_its_process_ends_as_a_crash_loop(crashes, state, settings):
    settings.MAX_CRASHES = 10
    job = submit_job(1)
    ImageResult.objects.update(crashes=crashes)
    queue.claim(make_worker(), limit=1)
    queue.rescue()
    row = ImageResult.objects.get(job=job)
    assert (row.state, row.error_code) == (state, "crash_loop" if state == "failed" else "")
    job.refresh_from_db()
    assert job.status == ("failed" if state == "failed" else "ongoing")


def test_a_rescue_in_the_midst_of_attempts_does_not_use_them_up(settings):
    submit_job(1)
    for _ in range(settings.MAX_ATTEMPTS + 1):
        queue.claim(make_worker(), limit=1)
        queue.rescue()
    assert ImageResult.objects.filter(state="pending", attempts=0, claim_no=F("crashes")).count() == 1


def test_a_wake_up_is_heard(heartbeat):
    from jobs.engine.heartbeat import wake_listeners

    wake_listeners()
    assert heartbeat.wait(30)


def test_silence_is_no_wake_up(heartbeat):
    assert not heartbeat.wait(0.01)


def test_the_heartbeat_does_not_wait_for_a_silent_database_for_ever(heartbeat):
    assert isinstance(heartbeat._connection, TimeoutConnection)


@pytest.mark.parametrize("give_back", ["release", "rescue"])
def test_an_image_given_back_is_ready_since_then(give_back):
    job = submit_job(1)
    worker = make_worker()
    claims = queue.claim(worker, limit=1)
    ImageResult.objects.update(ready_since=Now() - timedelta(hours=1))
    if give_back == "release":
        queue.release(worker, claims)
    else:
        Worker.objects.all().delete()
        queue.rescue()
    assert states(job) == ["pending"]
    assert ImageResult.objects.filter(ready_since__gt=Now() - timedelta(minutes=1)).count() == 1
