"""Do shifts decide who claims, and do Celery's own commands mean what operators expect?"""

import contextlib
import select
import threading
import time

import pytest

from jobs.engine import publisher
from jobs.engine.celery import CeleryEngine
from jobs.engine.celery_app import QUEUE, TASK
from retail_pulse import request_ids
from tests.factories import states, submit_job
from tests.jobs.engine.celery.engines import CELERY, on_redis, one
from tests.jobs.engine.test_contract import finished
from tests.jobs.engine.test_threads import Gate
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_without_a_message_nothing_is_claimed(quiet_publisher, broker, engine, images):
    job = one(images)
    wait_for(lambda: quiet_publisher.count(1) >= 2)
    assert (states(job), engine.shifts) == (["pending"], {})
    broker.send(1)
    assert finished(job).status == "completed"
    wait_for(lambda: engine.shifts == {"nothing_ready": 1})


def test_stale_and_doubled_messages_cost_a_look_each(broker, engine, images):
    broker.send(20)
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts["nothing_ready"] >= 20)
    wait_for(lambda: broker.waiting() == 0)


def test_what_is_nobodys_shift_is_discarded(broker, engine, images, caplog):
    # Once it answers, its event loop runs.
    assert engine.app.control.inspect(timeout=10, limit=1).ping()
    broker.send(1, task=TASK)
    broker.send(1, task=TASK, id=["not", "hashable"])
    broker.send(1, task=TASK, id="late", eta="never")
    broker.send(1, task="another.task", id="other")
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts and not broker.waiting())
    assert {"foreign message discarded"} <= {record.getMessage() for record in caplog.records}
    assert "broker not available" not in {record.getMessage() for record in caplog.records}


@on_redis
def test_what_is_no_message_ends_no_worker(broker, engine, images, monkeypatch):
    # It would be started again; Celery's own command would end.
    ended = []
    monkeypatch.setattr("jobs.engine.consumer.WorkController.stop", lambda *arguments, **options: ended.append(options))
    for garbage in (b"garbage", b"[]", b"5"):
        broker.server.ask(b"LPUSH " + QUEUE.encode() + b" " + garbage)
    wait_for(lambda: not broker.waiting() and engine.broker == "up")
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts)
    assert ended == []


@on_redis
def test_a_message_carries_the_id_of_the_request_that_brought_work(broker):
    announcer = CeleryEngine()
    try:
        with request_ids.using("the-request"):
            submit_job(1)
            announcer.wake_up()
        wait_for(broker.waiting)
        assert broker.take()["request_id"] == "the-request"
    finally:
        announcer.stop()


@on_redis
def test_the_end_wakes_the_consumer_of_celerys_own_command(broker):
    engine = CeleryEngine()
    engine.start_without_consumer()
    assert select.select([engine.alarm], [], [], 0)[0] == []
    engine.stop()
    assert select.select([engine.alarm], [], [], 0)[0] == [engine.alarm]


@on_redis
def test_what_is_left_after_a_shift_is_for_the_next(broker, engine, images, settings):
    settings.SHIFT_SECONDS, settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS = 0.05, 0.05, 0.05
    job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(300)])
    assert finished(job).status == "completed"
    assert engine.shifts["time_over"] > 1


@on_redis
def test_ready_images_without_a_message_are_found(broker, engine, images, monkeypatch):
    monkeypatch.setattr("jobs.submission.submit.wake_up", lambda: None)
    assert finished(one(images)).status == "completed"
    assert publisher.INTERVAL_SECONDS <= 2


@on_redis
def test_no_more_messages_wait_than_there_is_work_for(broker, settings):
    announcer = CeleryEngine()
    try:
        submit_job(3 * settings.SHIFT_IMAGES)
        announcer.start_announcing()
        wait_for(lambda: broker.waiting() == 3)
        submit_job(100 * settings.SHIFT_IMAGES)
        announcer.wake_up()
        wait_for(lambda: broker.waiting() == publisher.MOST_SHIFTS)
        announcer.wake_up()
        announcer._publisher.stop()
        assert broker.waiting() == announcer.published == publisher.MOST_SHIFTS
        assert not announcer.is_running
    finally:
        announcer.stop()


@on_redis
def test_what_was_said_last_is_sent_before_the_end(broker, monkeypatch):
    monkeypatch.setattr("jobs.submission.submit.wake_up", lambda: None)
    announcer = CeleryEngine()
    announcer.start_announcing()
    wait_for(lambda: announcer._looked.is_set())
    submit_job(1)
    announcer.wake_up()
    announcer.stop()
    assert broker.waiting() == 1


@on_redis
def test_a_consumer_that_fails_is_started_again(broker, engine, images, monkeypatch, unthrottled, caplog):
    def fail(self):
        raise ValueError("a fault of Celery's own")

    with monkeypatch.context() as broken:
        broken.setattr("jobs.engine.consumer.Consumer.on_ready", fail)
        broker.cut()
        wait_for(lambda: engine.broker == "away")
        assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.broker == "up")
    shifts = engine.shifts.total()
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts.total() > shifts)


# --- Celery's commands


def test_a_worker_whose_consumer_is_canceled_claims_nothing_until_it_is_back(broker, engine, images):
    assert engine.app.control.cancel_consumer(QUEUE, reply=True, timeout=10, limit=1)
    # It answers before it does so.
    ask = engine.app.control.inspect(timeout=10, limit=1)
    wait_for(lambda: [*(ask.active_queues() or {"nobody": None}).values()] == [[]])
    job = one(images)
    wait_for(lambda: broker.waiting() == 1)
    assert (states(job), engine.in_flight, engine.broker) == (["pending"], 0, "up")
    engine.app.control.add_consumer(QUEUE, reply=True, timeout=10, limit=1)
    assert finished(job).status == "completed"


def test_a_rate_limit_spaces_shifts_out(broker, engine, images):
    assert engine.app.control.rate_limit(TASK, "2/s", reply=True, timeout=10, limit=1)
    begun = time.monotonic()
    for _ in range(3):
        assert finished(one(images)).status == "completed"
    assert time.monotonic() - begun > 0.9


def test_a_shift_is_active_while_images_are_ready(broker, engine, images, settings):
    def active():
        found = engine.app.control.inspect(timeout=10, limit=1).active() or {}
        return [task["name"] for tasks in found.values() for task in tasks]

    assert active() == []
    Gate.opened = threading.Event()
    try:
        settings.GPU_STEP = "tests.jobs.engine.test_threads.Gate"
        engine.stop()
        engine.start()
        job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(60)])
        wait_for(lambda: engine.in_flight)
        assert active() == [TASK]
    finally:
        Gate.opened.set()
    assert finished(job).status == "completed"
    wait_for(lambda: active() == [])


@on_redis
@pytest.mark.parametrize("watched", [True, False])
def test_who_watches_is_told_of_every_shift(broker, start_engine, images, settings, watched):
    settings.BROKER_EVENTS = watched
    engine = start_engine(CELERY)
    wait_for(lambda: engine._is_consuming)
    seen, over = [], threading.Event()

    def watch():
        with engine.app.connection_for_read() as connection:
            receiver = engine.app.events.Receiver(connection, handlers={"*": lambda event: seen.append(event["type"])})
            for _ in receiver.itercapture(limit=None, timeout=0.2, wakeup=False):
                if over.is_set():
                    return

    def watch_until_over():
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                watch()

    watcher = threading.Thread(target=watch_until_over, daemon=True)
    watcher.start()
    try:
        if watched:
            wait_for(lambda: finished(one(images)).status == "completed" and "task-succeeded" in seen)
        else:
            assert finished(one(images)).status == "completed"
            wait_for(lambda: engine.shifts)
    finally:
        over.set()
        watcher.join()
    assert watched or seen == []
