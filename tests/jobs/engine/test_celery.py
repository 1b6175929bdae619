"""Do Celery's own commands mean what operators expect, and does work go on when the broker fails? On both brokers."""

import contextlib
import logging
import re
import select
import threading
import time

import pytest

from jobs.engine import celery_app, publisher
from jobs.engine.base import wake_up
from jobs.engine.broker_errors import describe
from jobs.engine.celery import CeleryEngine
from jobs.engine.celery_app import QUEUE, TASK, make_app
from jobs.engine.meter import Meter
from proofs.world.authority import Authority
from proofs.world.broker import TriedBroker
from retail_pulse import request_ids
from tests.factories import states, submit_job
from tests.jobs.engine.test_contract import finished
from tests.jobs.engine.test_threads import Gate
from tests.jobs.engine.tls_relay import TLSRelay
from tests.waiting import wait_for

CELERY = "jobs.engine.celery.CeleryEngine"

pytestmark = pytest.mark.django_db(transaction=True)
on_redis = pytest.mark.parametrize("kind", ["redis"])


@pytest.fixture(params=["redis", "rabbitmq"])
def kind(request):
    return request.param


@pytest.fixture
def broker(request, kind, settings):
    with TriedBroker(request.getfixturevalue(kind)) as broker:
        broker.flush()
        settings.BROKER_URL = broker.url
        yield broker


@pytest.fixture
def engine(broker, start_engine):
    engine = start_engine(CELERY)
    wait_for(lambda: engine._is_consuming)
    return engine


@pytest.fixture
def impatient(monkeypatch):
    """A broker that says nothing is given up soon."""
    for options in (celery_app._REDIS, celery_app._AMQP):
        for name in options:
            if name.endswith("timeout") and name != "visibility_timeout":
                monkeypatch.setitem(options, name, 1)
    monkeypatch.setattr(publisher, "ANSWER_SECONDS", 1)


@pytest.fixture
def quiet_publisher(monkeypatch):
    """Publishers that look, and send nothing; how often they have looked."""
    looks = []
    monkeypatch.setattr(publisher.Publisher, "_top_up", lambda self, wanted: looks.append(wanted))
    return looks


@pytest.fixture
def unthrottled(monkeypatch):
    monkeypatch.setattr(logging.getLogger("jobs.engine.celery"), "filters", [])


def one(images):
    return submit_job([f"{images.url}/{images.names[0]}?{time.monotonic_ns()}"])


# --- shifts


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
    begun = time.monotonic()
    assert finished(one(images)).status == "completed"
    assert time.monotonic() - begun < 2 + 3  # of which the machine may take three


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


# --- outages


@on_redis
def test_while_the_broker_is_away_work_goes_on_by_polling(broker, engine, images, unthrottled, caplog):
    broker.server.kill()
    broker.cut()
    wait_for(lambda: engine.broker == "away")
    assert finished(one(images)).status == "completed"
    broker.server.start()
    wait_for(lambda: engine.broker == "up")
    shifts = engine.shifts.total()
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts.total() > shifts)
    lines = [record for record in caplog.records if record.name == "jobs.engine.celery"]
    assert [record.getMessage() for record in lines if record.getMessage() != lines[0].getMessage()] == [
        "broker available again"
    ]
    assert (lines[0].cure, lines[0].meanwhile) == ("Is it running, and is BROKER_URL right?", "working by polling")


@on_redis
def test_a_worker_that_starts_without_its_broker_works_and_then_consumes(broker, start_engine, images):
    broker.server.kill()
    try:
        engine = start_engine(CELERY)
        assert finished(one(images)).status == "completed"
        assert (engine.broker, engine.shifts) == ("away", {})
    finally:
        broker.server.start()
    wait_for(lambda: engine.broker == "up")
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts)


def test_a_broker_that_falls_silent_holds_nobody_up(impatient, broker, engine, images):
    broker.proxy.fall_silent()
    begun = time.monotonic()
    wake_up()
    assert time.monotonic() - begun < 0.1
    wait_for(lambda: engine.broker == "away")
    assert finished(one(images)).status == "completed"
    broker.proxy.speak_again()
    wait_for(lambda: engine.broker == "up")
    shifts = engine.shifts.total()
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts.total() > shifts)


def test_cut_connections_are_made_again(broker, engine, images):
    for _ in range(3):
        broker.cut()
        assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.broker == "up")


def test_a_broker_that_lost_its_queue_is_given_a_new_one(broker, engine, images):
    # Once it answers, its event loop runs: before that, Celery swallows the news.
    assert engine.app.control.inspect(timeout=10, limit=1).ping()
    broker.flush()
    shifts = engine.shifts.total()
    # The first of them may be done by polling, while the consumer asks for the queue again.
    wait_for(lambda: finished(one(images)).status == "completed" and engine.shifts.total() > shifts)


# --- what is wrong with a BROKER_URL


def cures(start_engine, images, caplog, url, settings):
    """What the log says to do about a broker at this address, with which the work must be done all the same."""
    settings.BROKER_URL = url
    engine = start_engine(CELERY)
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.broker == "away")
    assert engine.shifts == {}
    lines = [record for record in caplog.records if record.getMessage() == "broker not available"]
    assert not any("hunter2" in str(vars(line)) for line in lines)
    return {line.cure for line in lines}


@pytest.mark.parametrize("url", ["redis://:hunter2@127.0.0.1:9/0", "amqp://guest:hunter2@127.0.0.1:9//"])
def test_a_broker_that_is_nowhere_is_named_with_a_cure(start_engine, images, unthrottled, caplog, settings, url):
    assert cures(start_engine, images, caplog, url, settings) == {"Is it running, and is BROKER_URL right?"}


@on_redis
def test_the_end_of_one_engine_is_not_that_of_another(broker, engine, start_engine):
    other = start_engine(CELERY)
    wait_for(lambda: other._is_consuming)
    other.stop()
    assert not other._consumer
    # Nor is it that of the process, which `celery control shutdown` would end.
    assert engine._consumer._thread.is_alive()


def test_a_wrong_password_is_named_with_a_cure(broker, start_engine, images, unthrottled, caplog, settings):
    place = broker.url.rpartition("@")[2].removeprefix("redis://")
    url = f"{'redis' if 'redis' in broker.url else 'amqp'}://guest:hunter2@{place}"
    assert "Check name and password in BROKER_URL." in cures(start_engine, images, caplog, url, settings)


@on_redis
@pytest.mark.parametrize(
    ("command", "repaired", "user", "cure"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "", "Give the broker more memory or disk."),
        (f"SET {QUEUE} text", f"DEL {QUEUE}", "", "Delete the key retail_pulse: it is no queue."),
        ("ACL SETUSER guest on >x", "ACL DELUSER guest", "guest:x@", "Give the broker's user the rights to"),
        ("ACL SETUSER default >x resetpass >x", "", "", "Check name and password in BROKER_URL."),
        ("REPLICAOF 127.0.0.1 9", "REPLICAOF NO ONE", "", "Name the primary in BROKER_URL: this is a replica."),
    ],
)
def test_what_a_redis_refuses_is_named_with_a_cure(broker, command, repaired, user, cure):
    url = broker.server.url.replace("://", f"://{user}")
    looked = []
    publisher_ = publisher.Publisher(make_app(url, finish_at_once), lambda *found: looked.append(found), Meter())
    try:
        assert broker.server.ask(command.encode()) == b"+OK\r\n"
        # It sends a message, though there is no work.
        publisher_._must_prove = True
        publisher_.start()
        wait_for(lambda: looked)
    finally:
        publisher_.stop()
        broker.server.ask((repaired or "AUTH x\r\nACL SETUSER default nopass").encode())
    assert describe(looked[0][1], url)["cure"].startswith(cure)


def finish_at_once():
    """A task, for whoever sends it only."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def over_tls(url, port):
    """This address by way of a TLS server on that port."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}s://{re.sub(r':[0-9]+/', f':{port}/', rest)}"


def test_over_tls_a_broker_is_used_as_without(broker, start_engine, images, authority, settings, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with TLSRelay(authority.server_context("127.0.0.1"), broker.server.port) as relay:
        settings.BROKER_URL = over_tls(broker.url, relay.port)
        engine = start_engine(CELERY)
        wait_for(lambda: engine._is_consuming)
        assert finished(one(images)).status == "completed"
        wait_for(lambda: engine.shifts)
        engine.stop()


@pytest.mark.parametrize(("host", "is_trusted"), [("127.0.0.1", False), ("another.example", True)])
def test_a_broker_with_another_certificate_is_told_nothing(
    broker, start_engine, images, unthrottled, caplog, authority, settings, monkeypatch, host, is_trusted
):
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with TLSRelay(authority.server_context(host), broker.server.port) as relay:
        found = cures(start_engine, images, caplog, over_tls(broker.url, relay.port), settings)
        assert found == {"Name the authority that signed the broker's certificate in SSL_CERT_FILE."}
        assert relay.relayed == 0


@pytest.mark.parametrize("kind", ["rabbitmq"])
def test_a_missing_right_is_named_with_a_cure(broker, start_engine, images, unthrottled, caplog, settings):
    url = broker.url.replace("guest:guest", "reader:reader")
    found = cures(start_engine, images, caplog, url, settings)
    assert "Give the broker's user the rights to configure, write and read." in found


@pytest.mark.parametrize("kind", ["rabbitmq"])
def test_a_queue_of_another_kind_is_named_with_a_cure(broker, start_engine, images, unthrottled, caplog, settings):
    broker.flush()
    with broker._connection() as connection:
        connection.default_channel.queue_declare(QUEUE, durable=False, auto_delete=False)
    try:
        found = cures(start_engine, images, caplog, broker.url, settings)
        assert "Delete the queue retail_pulse: it was declared with other arguments." in found
    finally:
        broker.flush()
