"""What the thread engine does when the ground under it fails: lost connections, refused outcomes, full slots."""

import logging
import threading

import psycopg
import pytest
from django.db import DataError, OperationalError, connection

from jobs import queue
from jobs.engine.recorder import Recorder
from jobs.errors import Internal, NotAnImage
from jobs.imaging import gpu
from jobs.imaging.types import Evidence, Measurement, Outcome
from jobs.models import ImageResult, Worker
from proofs.world.fault_server import FaultServer, response
from tests.conftest import FIXTURES
from tests.factories import make_worker, states, submit_job, success
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

CONNECT_PARAMETERS = {"host", "port", "user", "password", "dbname"}
THREADS = "jobs.engine.threads.ThreadEngine"
IMAGE = (FIXTURES / "images" / "shelf.jpg").read_bytes()

pytestmark = pytest.mark.django_db(transaction=True)


class Gate(gpu.GPUStep):
    """A model that lets images through only while it is open."""

    opened = threading.Event()
    inside = 0
    entered = 0
    connections: set[object] = set()

    def infer(self, image, measurement):
        Gate.inside += 1
        Gate.entered += 1
        # This thread's own: what Django has opened for the slot.
        Gate.connections.add(connection.connection)
        try:
            Gate.opened.wait(60)
        finally:
            Gate.inside -= 1
        return {"seen": measurement.width}


@pytest.fixture
def gate(settings):
    settings.GPU_STEP = "tests.jobs.engine.test_threads.Gate"
    Gate.opened, Gate.connections, Gate.entered = threading.Event(), set(), 0
    yield Gate
    Gate.opened.set()


def urls(images, count):
    return [f"{images.url}/{images.names[0]}?{number}" for number in range(count)]


def cut_every_connection():
    """Terminate every backend of this database but the one that asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_lost_connections_cost_no_image(start_engine, images):
    engine = start_engine(THREADS)
    job = submit_job(urls(images, 200))
    for _ in range(3):
        before = Worker.objects.order_by("-id").values_list("id", flat=True).first() or 0
        cut_every_connection()
        wait_for(lambda before=before: Worker.objects.filter(id__gt=before).exists())
    assert finished(job).status == "completed"
    assert engine.is_running


def test_what_no_slot_has_begun_is_not_worked_on_for_a_lost_epoch(start_engine, images, gate):
    start_engine(THREADS)
    job = submit_job(urls(images, 12))
    wait_for(lambda: Gate.inside == 8)  # four wait for a slot
    first = Worker.objects.get().id
    cut_every_connection()
    wait_for(lambda: Worker.objects.filter(id__gt=first).exists())
    gate.opened.set()
    assert finished(job).status == "completed"
    assert Gate.entered == 8 + 12


def test_a_worker_declared_dead_comes_back_under_a_new_id(start_engine, images):
    start_engine(THREADS)
    first = wait_for(Worker.objects.first)
    Worker.objects.all().delete()
    assert finished(submit_job(urls(images, 3))).status == "completed"
    assert not Worker.objects.filter(id=first.id).exists()


def test_no_more_images_are_in_flight_than_the_slots_and_their_reserve(start_engine, images, gate):
    gate.opened.set()
    engine = start_engine(THREADS)
    finished(submit_job(urls(images, 12)))  # what the host may have is known
    gate.opened.clear()
    job = submit_job(urls(images, 40))
    wait_for(lambda: engine.in_flight == 12)  # 8 slots and half as many more
    wait_for(lambda: Gate.inside == 8)
    assert ImageResult.objects.running().count() == 12
    gate.opened.set()
    assert finished(job).status == "completed"


def test_slots_hold_no_database_connection(start_engine, images, gate):
    gate.opened.set()
    start_engine(THREADS)
    assert finished(submit_job(urls(images, 20))).status == "completed"
    assert Gate.connections == {None}


@pytest.fixture
def impatient_database():
    """A lock is waited for no longer than a moment, on every connection made from now on."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '30ms'")
    cut_every_connection()
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET lock_timeout")
    cut_every_connection()


def test_what_a_lock_stands_against_is_done_again_by_the_same_worker(
    start_engine, images, gate, impatient_database, caplog, monkeypatch
):
    for name in ("epoch", "recorder", "heartbeat"):
        monkeypatch.setattr(logging.getLogger(f"jobs.engine.{name}"), "filters", [])
    monkeypatch.setattr("jobs.engine.heartbeat.BEATS_PER_LEASE", 600)
    start_engine(THREADS)
    job = submit_job(urls(images, 40))
    wait_for(lambda: Gate.inside == 8)
    worker = Worker.objects.get()
    with psycopg.connect(**plain_parameters()) as blocker:
        blocker.execute("SET lock_timeout = 0")  # its own wait is not the question
        blocker.execute("LOCK TABLE jobs_worker, jobs_imageresult IN ACCESS EXCLUSIVE MODE")
        gate.opened.set()
        for message in ("recording again", "claiming again", "housekeeping again", "beating again"):
            wait_for(lambda message=message: message in caplog.messages)
    assert finished(job).status == "completed"
    assert Worker.objects.get() == worker
    assert set(ImageResult.objects.values_list("attempts", "claim_no")) == {(1, 1)}


def plain_parameters():
    """How to connect outside Django's pool."""
    return {key: value for key, value in connection.get_connection_params().items() if key in CONNECT_PARAMETERS}


def test_a_person_s_cap_on_a_host_delays_its_images_and_fails_none(start_engine, images, settings):
    settings.FETCH_PER_HOST, settings.FETCH_DEADLINE_SECONDS, settings.MAX_ATTEMPTS = 1, 0.5, 1
    going_on, most, lock = [0], [0], threading.Lock()

    def answer(stage):
        with lock:
            going_on[0] += 1
            most[0] = max(most[0], going_on[0])
        stage.pause(0.08)
        with lock:
            going_on[0] -= 1
        stage.send(response(IMAGE))

    with FaultServer() as server:
        start_engine(THREADS)
        slow = submit_job([server.at(f"/{number}", answer) for number in range(10)])
        assert finished(submit_job(urls(images, 10))).status == "completed"
        assert finished(slow).status == "completed"
    assert most == [1]
    assert set(ImageResult.objects.filter(job=slow).values_list("attempts", "claim_no")) == {(1, 1)}


def test_what_finds_the_cap_of_a_host_only_behind_a_redirect_comes_back_later(
    start_engine, images, settings, monkeypatch
):
    monkeypatch.setattr("jobs.queue.transitions.HOST_BUSY_SECONDS", (0.01, 0.05))
    monkeypatch.setattr("jobs.engine.epoch.ROUND_SECONDS", 0.05)
    monkeypatch.setattr("jobs.engine.pace.HOUSEKEEPING_SECONDS", 0.05)
    settings.FETCH_PER_HOST, settings.MAX_ATTEMPTS = 1, 1

    come_back = threading.Event()

    def answer(stage):
        come_back.wait(60)
        stage.send(response(IMAGE))

    with FaultServer() as photos, FaultServer() as front:
        target = photos.at("/photo", answer)
        redirects = [front.at(path, response(b"", "302 Found", f"Location: {target}")) for path in ("/1", "/2")]
        start_engine(THREADS)
        job = submit_job([target, *redirects])
        wait_for(ImageResult.objects.pending().filter(claim_no__gt=0).exists)
        come_back.set()
        assert finished(job).status == "completed"
    assert set(ImageResult.objects.values_list("attempts", flat=True)) == {1}
    assert ImageResult.objects.filter(claim_no__gt=1).exists()


def test_what_the_model_says_is_stored(start_engine, images, gate):
    gate.opened.set()
    start_engine(THREADS)
    job = finished(submit_job(urls(images, 1)))
    row = ImageResult.objects.get(job=job)
    assert row.gpu_result == {"seen": row.width}


def test_images_still_at_work_after_the_shutdown_time_are_handed_back(start_engine, images, gate, settings):
    settings.SHUTDOWN_SECONDS = 0
    engine = start_engine(THREADS)
    job = submit_job(urls(images, 5))
    wait_for(lambda: Gate.inside == 5)
    engine.stop()
    assert states(job) == ["pending"] * 5
    assert list(ImageResult.objects.values_list("attempts", "crashes").distinct()) == [(0, 0)]
    assert not Worker.objects.exists()


def test_images_at_work_within_the_shutdown_time_are_finished(start_engine, images, gate):
    engine = start_engine(THREADS)
    job = submit_job(urls(images, 5))
    wait_for(lambda: Gate.inside == 5)
    threading.Timer(0.2, gate.opened.set).start()
    engine.stop()
    assert finished(job).status == "completed"


def test_a_slot_that_hangs_is_reported_once_with_its_stack(start_engine, images, gate, settings, caplog, monkeypatch):
    monkeypatch.setattr("jobs.engine.epoch.OVERDUE_SECONDS", 0.1)
    monkeypatch.setattr("jobs.engine.epoch.ROUND_SECONDS", 0.02)
    monkeypatch.setattr(logging.getLogger("jobs.engine.epoch"), "filters", [])
    settings.FETCH_DEADLINE_SECONDS = 0.5
    start_engine(THREADS)
    job = submit_job(urls(images, 2))
    wait_for(lambda: caplog.messages.count("slot overdue") == 2)
    submit_job(urls(images, 1))
    wait_for(lambda: caplog.messages.count("slot overdue") == 3)
    reported = [record for record in caplog.records if record.message == "slot overdue"]
    assert {record.image for record in reported} == set(ImageResult.objects.values_list("id", flat=True))
    assert all("in infer" in record.stack and record.seconds < 60 for record in reported)
    gate.opened.set()
    assert finished(job).status == "completed"


def test_a_job_submitted_while_idle_starts_without_waiting_for_the_poll(start_engine, images, monkeypatch):
    monkeypatch.setattr("jobs.engine.pace.POLL_SECONDS", 60.0)
    engine = start_engine(THREADS)
    wait_for(Worker.objects.exists)
    assert finished(submit_job(urls(images, 3))).status == "completed"
    engine.stop()


def test_a_wake_up_that_comes_while_the_queue_is_asked_is_not_forgotten(start_engine, images, monkeypatch):
    monkeypatch.setattr("jobs.engine.pace.POLL_SECONDS", 60.0)
    glance, jobs = queue.glance, []

    def look_and_be_late():
        found = glance()
        if not jobs:
            jobs.append(submit_job(urls(images, 3)))
            wait_for(lambda: engine._epoch.wake.expects_work)
        return found

    monkeypatch.setattr("jobs.queue.glance", look_and_be_late)
    engine = start_engine(THREADS)
    wait_for(lambda: jobs)
    assert finished(jobs[0]).status == "completed"
    engine.stop()


@pytest.fixture
def recorder():
    lost = []
    worker = make_worker()
    recorder = Recorder(worker, on_recorded=lambda batch: None, on_moved=lambda ids: None, on_lost=lost.append)
    recorder.worker, recorder.lost = worker, lost
    recorder.start()
    yield recorder
    recorder.close(seconds=5)


def test_an_outcome_that_the_database_refuses_fails_alone(recorder, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_job(3)
    first, second, third = queue.claim(recorder.worker, limit=3)
    recorder.put(success(first))
    # No JPEG is wider than 65,535 pixels; this number does not even fit the column.
    recorder.put(success(second, width=2**70))
    recorder.put(success(third))
    assert finished(job).completed == 2
    assert ImageResult.objects.get(pk=second.image_id).error_code == "internal"


def test_a_batch_is_recorded_again_after_a_transient_error(recorder, monkeypatch):
    job = submit_job(1)
    (claim,) = queue.claim(recorder.worker, limit=1)
    record, refusals = queue.record, [deadlock(), deadlock()]

    def record_at_the_third_time(worker_id, outcomes):
        if refusals:
            raise refusals.pop()
        return record(worker_id, outcomes)

    monkeypatch.setattr(queue, "record", record_at_the_third_time)
    recorder.put(success(claim))
    assert finished(job).status == "completed"
    assert recorder.lost == []


def deadlock():
    error = OperationalError("deadlock detected")
    error.__cause__ = psycopg.errors.DeadlockDetected()
    return error


def test_evidence_that_the_database_refuses_is_left_out(recorder, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_job(1)
    (claim,) = queue.claim(recorder.worker, limit=1)
    recorder.put(Outcome(claim, Evidence(bytes=2**70), error=NotAnImage()))
    assert finished(job).failed == 1
    assert recorder.lost == []


def test_what_even_then_is_refused_ends_the_recorder(recorder, monkeypatch):
    submit_job(1)
    (claim,) = queue.claim(recorder.worker, limit=1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_failedattempt ADD CONSTRAINT nothing CHECK (false)")
    try:
        recorder.put(Outcome(claim, Evidence(), error=Internal()))
        wait_for(lambda: recorder.lost)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE jobs_failedattempt DROP CONSTRAINT nothing")
    assert ImageResult.objects.get().state == "running"


def test_more_than_a_batch_is_recorded_in_several(recorder, monkeypatch):
    monkeypatch.setattr("jobs.engine.recorder.MAX_BATCH", 3)
    job = submit_job(8)
    for claim in queue.claim(recorder.worker, limit=8):
        recorder.put(success(claim))
    assert finished(job).completed == 8


def test_a_stale_outcome_is_dropped_and_reported(recorder, caplog):
    job = submit_job(1)
    (claim,) = queue.claim(recorder.worker, limit=1)
    queue.rescue()
    recorder.put(success(claim))
    wait_for(lambda: "stale outcome dropped" in caplog.messages)
    assert states(job) == ["pending"]


def test_a_lost_connection_ends_the_recorder_and_is_reported(recorder, monkeypatch):
    submit_job(1)
    (claim,) = queue.claim(recorder.worker, limit=1)

    refusals = []

    def refuse(worker_id, outcomes):
        refusals.append(outcomes)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(queue, "record", refuse)
    recorder.put(success(claim))
    wait_for(lambda: recorder.lost)
    # Once: a lost connection proves nothing against the outcome.
    assert len(refusals) == 1


def test_the_measurement_that_is_refused_is_really_refused():
    submit_job(1)
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    with pytest.raises(DataError):
        queue.record(worker, [success(claim, width=2**70)])
    assert Measurement(2**70, 1, "JPEG").perimeter > 2**63
