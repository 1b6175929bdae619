"""Do any two moves ever wait for one another?

A move that waits for its job holds no image, and a claim, which holds images without their job, waits for nothing.
"""

import random
import threading
from time import monotonic

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jobs import errors, queue
from jobs.models import ImageResult, Job, Worker
from jobs.queue import worker as moves
from jobs.reporting.audit import audit
from jobs.states import OnError
from tests.factories import failure, make_stores, make_worker, submit_visits, success
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

URLS = [f"http://i.test/{number}" for number in range(4)]
MOVES = {
    "record": lambda job, worker, claims: queue.record(worker, [success(claim) for claim in claims]),
    "release": lambda job, worker, claims: queue.release(worker, claims),
    "retry": lambda job, worker, claims: queue.retry(job.pk),
    "cancel": lambda job, worker, claims: queue.cancel(job.pk),
    "pause": lambda job, worker, claims: queue.pause(job.pk),
    "resume": lambda job, worker, claims: queue.resume(job.pk),
    "prioritize": lambda job, worker, claims: queue.prioritize(job.pk, 3),
}


@pytest.fixture(autouse=True)
def _no_rescue_to_wait_for(monkeypatch):
    """No engine runs here, and the workers of these tests hold no lock: an audit takes them for dead at once."""
    monkeypatch.setattr("jobs.reporting.audit.RESCUE_SECONDS", 0.0)


def a_job_in_the_midst(on_error):
    """One with images completed, failed, in flight, waiting and held."""
    make_stores("A", "B", "C")
    job = submit_visits(*[(store, URLS) for store in "ABC"], on_error=on_error)
    worker = make_worker()
    first, second, *claims = queue.claim(worker, limit=3)
    queue.record(worker, [success(first), failure(second, errors.NotAnImage())])
    return job, worker, claims


@pytest.mark.parametrize("on_error", OnError)
@pytest.mark.parametrize("move", MOVES)
def test_a_move_that_waits_for_its_job_holds_no_image(move, on_error, other):
    job, worker, claims = a_job_in_the_midst(on_error)
    if move == "resume":
        queue.pause(job.pk)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [job.pk])
    moving = Concurrent(lambda: MOVES[move](job, worker, claims))
    wait_for(blocked)
    other.execute("SELECT FROM jobs_imageresult WHERE job_id = %s FOR UPDATE NOWAIT", [job.pk])
    other.commit()
    assert moving.ended() is not None
    assert audit().findings[0].count == 0


@pytest.mark.parametrize("action", ["retry", "cancel", "pause", "resume", "prioritize"])
def test_an_action_says_that_its_job_is_busy_before_its_request_would_be_cut_off(action, other, monkeypatch):
    monkeypatch.setattr("jobs.queue.control.BUSY_SECONDS", 0.05)
    job, worker, claims = a_job_in_the_midst(OnError.CONTINUE)
    if action == "resume":
        queue.pause(job.pk)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [job.pk])
    with pytest.raises(queue.NotPossible, match=f"Job {job.pk} is busy with another action"):
        MOVES[action](job, worker, claims)


def test_so_do_all_entry_points_of_a_retry(other, monkeypatch, admin_client):
    monkeypatch.setattr("jobs.queue.control.BUSY_SECONDS", 0.05)
    job, _, _ = a_job_in_the_midst(OnError.CONTINUE)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [job.pk])
    answer = admin_client.post(f"/api/v1/jobs/{job.pk}/retry", {}, "application/json")
    assert (answer.status_code, answer.json()["type"]) == (409, "/docs/problems/#conflict")
    assert "is busy" in admin_client.post(f"/jobs/{job.pk}/retry/", {"what": "all"}, follow=True).text
    with pytest.raises(CommandError, match="is busy"):
        call_command("retry", str(job.pk))


def test_a_rescue_passes_over_jobs_that_somebody_is_at(other):
    job, _worker, claims = a_job_in_the_midst(OnError.CONTINUE)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [job.pk])
    assert Concurrent(queue.rescue).ended().released == 0
    other.commit()
    assert queue.rescue().released == len(claims)


def test_a_rescue_waits_a_little_for_a_job_that_engines_queue_up_for(other, monkeypatch):
    monkeypatch.setattr("jobs.queue.completion.SOON_SECONDS", 9)
    job, _worker, claims = a_job_in_the_midst(OnError.CONTINUE)
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR NO KEY UPDATE", [job.pk])
    rescuing = Concurrent(queue.rescue)
    wait_for(blocked)
    other.commit()
    assert rescuing.ended().released == len(claims)


def test_a_claim_and_a_promotion_pass_over_images_that_somebody_holds(other):
    job, worker, _ = a_job_in_the_midst(OnError.CONTINUE)
    other.execute("SELECT FROM jobs_imageresult WHERE job_id = %s FOR UPDATE", [job.pk])
    assert Concurrent(lambda: queue.claim(worker, limit=5)).ended() == []
    assert Concurrent(queue.promote).ended() == 0


def test_a_claim_waits_for_a_worker_and_holds_nothing(other):
    job, worker, _ = a_job_in_the_midst(OnError.CONTINUE)
    other.execute("SELECT FROM jobs_worker WHERE id = %s FOR UPDATE", [worker])
    claiming = Concurrent(lambda: queue.claim(worker, limit=5))
    wait_for(blocked)
    other.execute("SELECT FROM jobs_imageresult WHERE job_id = %s FOR UPDATE NOWAIT", [job.pk])
    other.execute("SELECT FROM jobs_job WHERE id = %s FOR UPDATE NOWAIT", [job.pk])
    other.commit()
    assert len(claiming.ended()) == 5


def deadlocks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_engines_and_people_at_the_same_jobs_never_deadlock(settings):
    settings.BACKOFF_BASE_SECONDS, settings.MAX_ATTEMPTS, settings.MAX_CRASHES = 0, 3, 1000
    make_stores(*"ABCDE")
    jobs = [submit_visits(*[(store, URLS) for store in "ABCDE" * 3], on_error=each).pk for each in [*OnError] * 2]
    before, end = deadlocks(), monotonic() + 60
    found: list[Exception] = []
    done = dict.fromkeys([*MOVES, "claim", "rescue"], 0)

    def goes_on():
        """Until each has been done a few times among the others, however slow the machine is."""
        return min(done.values()) < 3 and monotonic() < end

    def outcome(claim, chance):
        bad = [errors.NotAnImage(), errors.ReadTimeout()]
        return success(claim) if chance.random() < 0.6 else failure(claim, chance.choice(bad))

    def engine(seed):
        chance, worker, claims = random.Random(seed), make_worker(), []
        while goes_on():
            try:
                claims += queue.claim(worker, limit=12)
                chance.shuffle(claims)
                half = len(claims) // 2
                queue.record(worker, [outcome(claim, chance) for claim in claims[:half]])
                del claims[:half]
                queue.promote()
                if chance.random() < 0.2:
                    queue.release(worker, claims)
                    claims.clear()
                    done["release"] += 1
                if chance.random() < 0.1:
                    queue.rescue()
                    done["rescue"] += 1
                done["record"] += 1
                done["claim"] += 1
            except moves.WorkerGone:
                worker, claims = make_worker(), []

    def person(seed):
        chance = random.Random(seed)
        while goes_on():
            move = chance.choice(["retry", "retry", "cancel", "pause", "resume", "prioritize"])
            try:
                if move == "prioritize":
                    queue.prioritize(chance.choice(jobs), chance.randint(-9, 9))
                else:
                    getattr(queue, move)(chance.choice(jobs))
                done[move] += 1
            except queue.NotPossible:
                pass

    def run(work, seed):
        try:
            work(seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work, seed)) for seed, work in enumerate([engine, person] * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert found == []
    assert deadlocks() == before
    assert min(done.values()) >= 3, done
    queue.rescue()
    Worker.objects.all().delete()
    assert audit().is_clean
    for job_id in jobs:
        job = Job.objects.get(pk=job_id)
        if job.on_error == OnError.STOP_STORE:
            stores = ImageResult.objects.filter(job=job).unfinished().filter(held=False)
            names = list(stores.values_list("visit__store_id", flat=True))
            assert len(names) == len(set(names))
