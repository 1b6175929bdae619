"""Who is told that a job has moved: after the commit, never within it, and not for every image."""

import os
import threading
from collections import Counter
from itertools import pairwise
from time import monotonic, sleep

import psycopg
import pytest
from django.db import DataError, OperationalError, connection, transaction

from jobs import actions, queue
from jobs.engine import moved_jobs, pace
from jobs.engine.base import wake_up
from jobs.engine.heartbeat import CHANNEL
from jobs.engine.moved_jobs import MovedJobs
from jobs.engine.slots import Slots
from jobs.models import ImageResult, Job
from jobs.reporting.notifications import Listener
from retail_pulse.db.notify import notify
from tests.factories import submit_job
from tests.jobs.engine.test_contract import finished
from tests.jobs.engine.test_threads import Gate, gate, urls  # noqa: F401 - a fixture
from tests.waiting import wait_for

ENGINES = ["jobs.engine.threads.ThreadEngine", "jobs.engine.inline.InlineEngine"]

pytestmark = pytest.mark.django_db(transaction=True)

# Found before PostgreSQL's own in this schema: it keeps the channel, and whether nothing else was in the transaction.
SHADOW = """
    CREATE SCHEMA shadow;
    CREATE TABLE shadow.notified (channel text, text text, is_alone boolean);
    CREATE FUNCTION shadow.pg_notify(channel text, text text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        is_alone boolean := pg_current_xact_id_if_assigned() IS NULL
            AND transaction_timestamp() = statement_timestamp()
            AND current_setting('synchronous_commit') = 'off';
    BEGIN
        INSERT INTO shadow.notified VALUES (channel, text, is_alone);
        PERFORM pg_catalog.pg_notify(channel, text);
    END $$;
"""


@pytest.fixture
def notified(transactional_db):
    """The notifications sent so far as (channel, text, whether it had a transaction of its own)."""
    database = connection.settings_dict["NAME"]
    execute(SHADOW)
    execute(f'ALTER DATABASE "{database}" SET search_path = shadow, pg_catalog, public')
    connection.close()
    connection.close_pool()
    yield lambda: execute("SELECT * FROM shadow.notified")
    execute(f'ALTER DATABASE "{database}" RESET search_path')
    execute("DROP SCHEMA shadow CASCADE")
    connection.close()
    connection.close_pool()


def execute(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("path", ENGINES)
def test_no_transaction_that_writes_notifies(notified, start_engine, images, path):
    start_engine(path)
    job = submit_job([*urls(images, 3), f"{images.url}/nothing.jpg"])
    assert finished(job).status == "failed"
    assert actions.retry(job.pk, None).reopened == 1
    assert finished(job).status == "failed"
    wait_for(lambda: {text for channel, text, _ in notified() if channel == queue.JOBS_CHANNEL} >= {str(job.pk)})
    assert {channel for channel, *_ in notified()} >= {queue.JOBS_CHANNEL}
    assert all(is_alone for *_, is_alone in notified()), notified()


@pytest.mark.parametrize(
    "ask", [queue.cancel, queue.pause, lambda pk: queue.prioritize(pk, 2)], ids=["cancel", "pause", "prioritize"]
)
def test_what_people_ask_is_announced_after_the_commit(notified, ask):
    job = submit_job(1)
    assert [text for channel, text, _ in notified() if channel == queue.JOBS_CHANNEL] == [str(job.pk)]
    with transaction.atomic():
        ask(job.pk)
        assert len(notified()) == 2
    assert [text for channel, text, _ in notified() if channel == queue.JOBS_CHANNEL] == [str(job.pk)] * 2
    assert all(is_alone for *_, is_alone in notified())


def test_what_is_rolled_back_is_not_announced(notified):
    job = submit_job(1)
    with transaction.atomic():
        queue.pause(job.pk)
        transaction.set_rollback(True)
    assert len(notified()) == 2


def test_to_notify_within_a_transaction_is_refused():
    with transaction.atomic(), pytest.raises(RuntimeError, match="within a transaction"):
        notify(queue.JOBS_CHANNEL, ["1"])


def test_a_job_of_many_images_is_announced_a_few_times(notified, start_engine, images):
    start_engine(ENGINES[0])
    job = submit_job(urls(images, 200))
    assert finished(job).status == "completed"
    seconds = (Job.objects.get(pk=job.pk).finished_at - job.created_at).total_seconds()
    wait_for(lambda: len(announced := [each for each in notified() if each[0] == queue.JOBS_CHANNEL]) > 1 and announced)
    announced = [each for each in notified() if each[0] == queue.JOBS_CHANNEL]
    # That of the submission, that of the last outcomes, and what there is time for in between.
    assert len(announced) <= 3 + seconds / moved_jobs.ANNOUNCE_SECONDS


def test_announcements_are_joined_and_the_last_ones_do_not_wait(monkeypatch):
    now = 100.0
    monkeypatch.setattr(moved_jobs, "monotonic", lambda: now)
    moved = MovedJobs()
    moved.add([7, 8])
    moved.add([7])
    assert moved.take() == {7, 8}
    moved.add([9])
    assert moved.take() == set()
    now += moved_jobs.ANNOUNCE_SECONDS
    assert moved.take() == {9}
    moved.add([10])
    assert moved.take_all() == {10}


def test_as_many_jobs_as_ever_moved_are_heard_of():
    ids = range(10**18, 10**18 + 1_000)
    listener = Listener()
    with listener.watch(ids[0]) as first, listener.watch(ids[-1]) as last:
        assert all(watcher.wait(30) for watcher in (first, last))  # it listens
        queue.announce(ids)
        assert all(watcher.wait(30) for watcher in (first, last))
    listener.close()
    wait_for(lambda: listener._thread is None)


def announced(notified):
    """How often each job was."""
    texts = [text for channel, text, _ in notified() if channel == queue.JOBS_CHANNEL]
    return Counter(int(job_id) for text in texts for job_id in text.split(","))


def test_an_engine_announces_what_it_could_not_announce_before_it_leaves(notified, start_engine, images, monkeypatch):
    monkeypatch.setattr(moved_jobs, "ANNOUNCE_SECONDS", 3_600.0)
    engine = start_engine(ENGINES[0])
    first, last = submit_job(urls(images, 1)), submit_job(urls(images, 1))
    assert finished(first).status == finished(last).status == "completed"
    engine.stop()
    # Each was when it was submitted, and when its image was final.
    assert announced(notified) == {first.pk: 2, last.pk: 2}


def test_an_announcement_that_cannot_be_sent_costs_nothing_else(start_engine, images, monkeypatch):
    monkeypatch.setattr("jobs.engine.heartbeat.announcement", lambda ids: ("SELECT 1 / 0", None))
    engine = start_engine(ENGINES[0])
    assert finished(submit_job(urls(images, 2))).status == "completed"
    worker = engine._epoch.worker_id
    assert finished(submit_job(urls(images, 2))).status == "completed"
    assert engine._epoch.worker_id == worker


@pytest.mark.parametrize(("place", "seconds"), [(0, 0.06), (1, None), (2, None), (3, 0.0), (4, 0.03)])
def test_of_many_workers_three_look_one_after_the_other(place, seconds):
    found = pace.until_look(2, place, 5)
    assert found is None if seconds is None else found == pytest.approx(seconds)


def test_every_worker_that_is_alone_looks_at_once():
    assert {pace.until_look(number, 0, workers) for number in (0, 7) for workers in (0, 1)} == {0}


def test_workers_share_the_housekeeping_but_none_forgets_it():
    assert [pace.between_housekeepings(workers) for workers in (1, 4, 6, 100)] == [0.5, 2.0, 3.0, 3.0]


@pytest.mark.parametrize(("workers", "period"), [(1, 0.5), (4, 2.0), (20, 3.0)])
def test_workers_keep_house_one_after_the_other(monkeypatch, workers, period):
    monkeypatch.setattr(pace, "time", lambda: 1_000_000.1)
    turns = sorted(pace.until_housekeeping(place, workers) for place in range(workers))
    assert turns[-1] <= 1.1 * period
    gaps = [later - sooner for sooner, later in pairwise(turns)]
    assert gaps == pytest.approx([period / workers] * (workers - 1))


def test_a_turn_that_is_just_over_does_not_come_again(monkeypatch):
    for moment in (999_999.999, 1_000_000.0, 1_000_000.001):
        monkeypatch.setattr(pace, "time", lambda moment=moment: moment)
        assert 1.9 < pace.until_housekeeping(0, 4) < 2.1


def test_a_turn_comes_at_once_and_then_sooner_or_later(monkeypatch):
    now = 100.0
    monkeypatch.setattr(pace, "monotonic", lambda: now)
    turn = pace.Turn()
    assert turn.has_come
    turn.put_off(2.0)
    now += 0.99
    assert not turn.has_come
    now += 2.02
    assert turn.has_come


def test_more_than_the_first_worker_can_take_reaches_all_without_a_poll(start_engine, images, gate, monkeypatch):  # noqa: F811
    monkeypatch.setattr(pace, "HOUSEKEEPING_SECONDS", 0.05)
    monkeypatch.setattr(pace, "POLL_SECONDS", 3_600.0)
    monkeypatch.setattr(pace, "LOOKERS", 1)
    engines = [start_engine(ENGINES[0]) for _ in range(2)]
    wait_for(lambda: all(engine._epoch and engine._epoch._housekeeping.living == 2 for engine in engines))
    job = submit_job(urls(images, 12))
    wait_for(lambda: ImageResult.objects.running().count() == 12)
    gate.opened.set()
    assert finished(job).status == "completed"


@pytest.fixture
def two_engines(start_engine, images, gate, monkeypatch):  # noqa: F811
    """That never poll; the first one looks, and has learned that the images' host can take as much as it can."""
    monkeypatch.setattr(pace, "HOUSEKEEPING_SECONDS", 0.05)
    monkeypatch.setattr(pace, "POLL_SECONDS", 3_600.0)
    monkeypatch.setattr(pace, "LOOKERS", 1)
    engines = [start_engine(ENGINES[0]) for _ in range(2)]
    wait_for(lambda: all(engine._epoch and engine._epoch._housekeeping.living == 2 for engine in engines))
    gate.opened.set()
    assert finished(submit_job(urls(images, 200))).status == "completed"
    gate.opened.clear()
    # What has just been looked for is looked for once more.
    wait_for(lambda: all(engine._epoch._poll.at > monotonic() + 60 for engine in engines))
    yield sorted(engines, key=lambda engine: (engine._epoch._housekeeping.place + os.getpid()) % 2)
    gate.opened.set()


def running():
    return ImageResult.objects.running().count()


def test_a_worker_without_room_leaves_a_job_to_the_others_without_a_poll(two_engines, images, monkeypatch):
    monkeypatch.setattr("jobs.engine.epoch.wake_listeners", lambda **_: None)
    submit_job(urls(images, 12))
    wait_for(lambda: two_engines[0].in_flight == 12)
    submit_job(urls(images, 1))
    wait_for(lambda: running() == 13)


def test_a_wake_up_that_comes_during_a_look_counts_for_the_next_one(two_engines, images, monkeypatch):
    looks, goes_on, glance = threading.Event(), threading.Event(), queue.glance

    def slow_glance():
        found = glance()
        looks.set()
        goes_on.wait(60)
        return found

    monkeypatch.setattr(queue, "glance", slow_glance)
    wake_up()
    assert looks.wait(60)
    submit_job(urls(images, 13))
    wait_for(lambda: two_engines[0]._epoch._tells_all)
    goes_on.set()
    wait_for(lambda: running() == 13)


@pytest.mark.parametrize("text", ["x", "9" * 5_000, "-1"])
def test_what_another_version_wakes_with_wakes_all_and_ends_nothing(two_engines, images, text):
    workers = [engine._epoch.worker_id for engine in two_engines]
    notify(CHANNEL, [text])
    submit_job(urls(images, 12))
    wait_for(lambda: running() == 12)
    assert [engine._epoch.worker_id for engine in two_engines] == workers


def test_what_a_lost_epoch_has_not_announced_the_next_one_does(notified, start_engine, images, monkeypatch):
    monkeypatch.setattr(moved_jobs, "ANNOUNCE_SECONDS", 3_600.0)
    engine = start_engine(ENGINES[0])
    first, last = submit_job(urls(images, 1)), submit_job(urls(images, 1))
    assert finished(first).status == finished(last).status == "completed"
    worker = engine._epoch.worker_id
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database()"
    )
    wait_for(lambda: engine._epoch and engine._epoch.worker_id > worker)
    engine.stop()
    # Each was when it was submitted, and when its image was final.
    assert announced(notified) == {first.pk: 2, last.pk: 2}


def test_there_is_housekeeping_while_claims_are_slower_than_the_slots(start_engine, images, monkeypatch):
    claim, due, take, turns = queue.claim, queue.due, Slots.take, []

    def slow_claim(*arguments, **options):
        sleep(0.3)
        return claim(*arguments, **options)

    def counted_due():
        turns.append(ImageResult.objects.ready().count())
        return due()

    def take_and_wait(slots, work, claims):
        """As on a busy machine, where the slots are done before the claimer has its next turn."""
        take(slots, work, claims)
        wait_for(lambda: slots.room == slots.size)

    monkeypatch.setattr(Slots, "take", take_and_wait)
    monkeypatch.setattr(queue, "claim", slow_claim)
    monkeypatch.setattr(queue, "due", counted_due)
    job = submit_job(urls(images, 80))
    start_engine(ENGINES[0])
    assert finished(job).status == "completed"
    assert len({ready for ready in turns if 0 < ready < 80}) >= 2


def test_housekeeping_that_fails_is_not_tried_again_at_once(start_engine, monkeypatch):
    tries = []

    def fail():
        tries.append(monotonic())
        raise OperationalError from psycopg.errors.DiskFull()

    monkeypatch.setattr(queue, "due", fail)
    engine = start_engine(ENGINES[0])
    engine.wait_for_first_look(30)
    wait_for(lambda: len(tries) >= 3)
    engine.stop()
    assert min(after - before for before, after in pairwise(tries)) > 0.4


def test_what_a_leaving_worker_hands_back_is_taken_up_without_a_poll(start_engine, images, gate, settings, monkeypatch):  # noqa: F811
    settings.SHUTDOWN_SECONDS = 0
    monkeypatch.setattr(pace, "POLL_SECONDS", 3_600.0)
    first = start_engine(ENGINES[0])
    job = submit_job(urls(images, 5))
    wait_for(lambda: Gate.inside == 5)
    second = start_engine(ENGINES[0])
    second.wait_for_first_look(10)
    stopping = threading.Thread(target=first.stop)
    stopping.start()
    wait_for(lambda: ImageResult.objects.running().filter(claimed_by=second._epoch.worker_id).count() == 5)
    gate.opened.set()
    stopping.join()
    assert finished(job).status == "completed"


def test_to_wake_nobody_costs_no_claim(start_engine, images, monkeypatch):
    def refuse(**_):
        raise DataError

    monkeypatch.setattr("jobs.engine.epoch.wake_listeners", refuse)
    monkeypatch.setattr(pace, "LOOKERS", 0)
    monkeypatch.setattr(pace, "until_look", lambda *_: 0.0)
    engine = start_engine(ENGINES[0])
    engine.wait_for_first_look(10)
    worker = engine._epoch.worker_id
    assert finished(submit_job(urls(images, 30))).status == "completed"
    assert engine._epoch.worker_id == worker
    assert set(ImageResult.objects.values_list("crashes", "claim_no")) == {(0, 1)}
