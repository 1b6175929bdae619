"""What becomes of images whose model is away, hangs, fails or is slow, in a running engine."""

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from jobs import queue
from jobs.imaging import model_pause
from jobs.imaging.batch import BatchStep, ModelAway
from jobs.models import FailedAttempt, ImageResult, Worker
from jobs.queue import transitions
from jobs.reporting.models import model_away
from jobs.reporting.overview import overview
from tests.conftest import FIXTURES
from tests.factories import states, submit_job
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"

pytestmark = pytest.mark.django_db(transaction=True)


class Model(BatchStep):
    """Its class is in the test's hands, as the engine makes the instance."""

    name, version = "fake", "1"
    is_away = False
    holds: set[str] = set()
    entered = threading.Event()
    opened = threading.Event()
    calls: list[int] = []

    def load(self):
        Model.calls = []

    def prepare(self, image, measurement):
        return f"{measurement.width}x{measurement.height}"

    def infer_batch(self, items):
        Model.calls.append(len(items))
        if Model.is_away:
            raise ModelAway("connection refused")
        if Model.holds & set(items):
            Model.entered.set()
            assert Model.opened.wait(60)
        return [{"size": item} for item in items]


class PlainModel:
    def infer(self, image, measurement):
        if Model.is_away:
            raise ModelAway("connection refused")
        return {"size": f"{measurement.width}x{measurement.height}"}


class Unloadable(Model):
    def load(self):
        raise OSError("weights.onnx: no such file")


@pytest.fixture
def model(settings, monkeypatch):
    settings.GPU_STEP = f"{__name__}.Model"
    monkeypatch.setattr(Model, "is_away", False)
    monkeypatch.setattr(Model, "holds", set())
    monkeypatch.setattr(Model, "entered", threading.Event())
    monkeypatch.setattr(Model, "opened", threading.Event())
    # Soon again.
    monkeypatch.setattr(model_pause, "PAUSE_SECONDS", (0.02, 0.1))
    monkeypatch.setattr(transitions, "HOST_BUSY_SECONDS", (0.0, 0.02))
    yield Model
    Model.opened.set()


def size_of(name):
    with Image.open(FIXTURES / "images" / name) as image:
        return f"{image.width}x{image.height}"


def urls(images, count, name=None):
    return [f"{images.url}/{name or images.names[0]}?{number}" for number in range(count)]


@pytest.mark.parametrize("step", ["Model", "PlainModel"])
def test_a_model_that_is_away_costs_no_image_an_attempt(
    start_engine, images, model, settings, monkeypatch, caplog, step
):
    settings.GPU_STEP = f"{__name__}.{step}"
    monkeypatch.setattr(Model, "is_away", True)
    engine = start_engine(THREADS)
    job = submit_job(urls(images, 40))
    away = wait_for(lambda: overview().models.away)
    assert [each.reason for each in away] == ["connection refused"]
    assert "1 of 1 worker is away" in model_away()
    assert "connection refused" in model_away()
    assert set(states(job)) <= {"pending", "running"}
    assert engine.model.absence is not None
    monkeypatch.setattr(Model, "is_away", False)
    assert finished(job).completed == 40
    assert set(ImageResult.objects.values_list("attempts", "crashes")) == {(1, 0)}
    assert not FailedAttempt.objects.exists()
    wait_for(lambda: not overview().models.away)
    assert model_away() is None
    said = [record for record in caplog.records if record.name == "jobs.engine.heartbeat"]
    assert [(record.message, record.levelname) for record in said] == [
        ("model away", "WARNING"),
        ("model back", "INFO"),
    ]
    assert said[0].reason == "connection refused"


def test_after_an_absence_one_image_tries_the_model(start_engine, images, model, monkeypatch):
    monkeypatch.setattr(model_pause, "PAUSE_SECONDS", (0.5, 0.5))
    monkeypatch.setattr(Model, "is_away", True)
    start_engine(THREADS)
    job = submit_job(urls(images, 40))
    wait_for(lambda: len(Model.calls) >= 4)
    # The sample at the start and again, then nobody but one image at a time.
    assert set(Model.calls) == {1}
    monkeypatch.setattr(Model, "is_away", False)
    assert finished(job).completed == 40


def test_images_of_a_batch_get_their_own_answers(start_engine, images, model):
    start_engine(THREADS)
    job = finished(submit_job([f"{images.url}/{name}" for name in images.names]))
    assert job.status == "completed"
    for row in ImageResult.objects.all():
        assert row.gpu_result == {"size": f"{row.width}x{row.height}", "model": "fake", "version": "1"}


def test_a_model_that_cannot_be_loaded_ends_the_start(start_engine, settings):
    settings.GPU_STEP = f"{__name__}.Unloadable"
    with pytest.raises(ImproperlyConfigured, match=r"weights\.onnx: no such file"):
        start_engine(THREADS)
    assert not Worker.objects.exists()


def test_a_hang_ends_the_process_with_the_batch_alone_in_flight(start_engine, images, model, settings, monkeypatch):
    settings.GPU_BATCH = 1
    ended, held = threading.Event(), []

    def end_process(suspects):
        held.append(list(suspects))
        ended.set()

    monkeypatch.setattr("jobs.engine.threads.end_process", end_process)
    good, bad = images.names[:2]
    monkeypatch.setattr(Model, "holds", {size_of(bad)})
    engine = start_engine(THREADS)
    job = submit_job(urls(images, 1, bad) + urls(images, 30, good))
    assert Model.entered.wait(30)
    # An hour later.
    ((_, batcher),) = engine._pipeline.model._batchers
    batcher._threads[0].since -= 3600
    assert ended.wait(30)
    first = ImageResult.objects.filter(job=job).earliest("id")
    assert [claim.image_id for claim in held[0]] == [first.id]
    assert first.state == "running"
    others = ImageResult.objects.exclude(id=first.id)
    # Done before, or handed back at no cost.
    assert set(others.values_list("state", "attempts", "crashes")) <= {("completed", 1, 0), ("pending", 0, 0)}
    assert others.filter(state="pending").exists()
    assert not FailedAttempt.objects.exists()


def test_the_process_ends_though_claims_cannot_be_handed_back(start_engine, images, model, settings, monkeypatch):
    settings.GPU_STEP_SECONDS = 0.3
    ended = threading.Event()
    monkeypatch.setattr("jobs.engine.threads.end_process", lambda _: ended.set())
    monkeypatch.setattr("jobs.engine.epoch.Epoch.leave_with", lambda *_: 1 / 0)
    monkeypatch.setattr(Model, "holds", {size_of(images.names[0])})
    start_engine(THREADS)
    submit_job(urls(images, 1))
    assert ended.wait(30)


def test_a_stop_hands_back_what_waits_for_a_model_at_no_cost(start_engine, images, model, settings, monkeypatch):
    settings.SHUTDOWN_SECONDS = 0.5
    monkeypatch.setattr(Model, "holds", {size_of(images.names[0])})
    engine = start_engine(THREADS)
    job = submit_job(urls(images, 30))
    wait_for(lambda: Model.entered.is_set() and engine.busy_slots == 8)
    engine.stop()
    assert set(states(job)) == {"pending"}
    assert set(ImageResult.objects.values_list("attempts", "crashes", "claimed_by")) == {(0, 0, None)}
    assert not Worker.objects.exists()
    Model.opened.set()
    start_engine(THREADS)
    assert finished(job).completed == 30


def test_a_canceled_job_leaves_the_model_to_the_others(start_engine, images, model, monkeypatch):
    monkeypatch.setattr(Model, "holds", {size_of(images.names[0])})
    engine = start_engine(THREADS)
    canceled = submit_job(urls(images, 20))
    wait_for(lambda: Model.entered.is_set() and engine.busy_slots == 8)
    queue.cancel(canceled.pk)
    other = submit_job(urls(images, 10))
    Model.opened.set()
    assert finished(other).completed == 10
    assert finished(canceled).canceled > 0


def test_the_operations_page_shows_how_models_are_doing(start_engine, images, model, monkeypatch):
    monkeypatch.setattr("jobs.engine.heartbeat.BEATS_PER_LEASE", 600)
    monkeypatch.setattr(Model, "holds", {size_of(images.names[0])})
    start_engine(THREADS)
    job = submit_job(urls(images, 30))
    # One is computed alone or with others, the rest of the slots wait.
    (shown,) = wait_for(lambda: [each for each in overview().models.figures if each.waiting])
    assert (shown.name, shown.waiting <= 7) == ("fake", True)
    Model.opened.set()
    finished(job)
    (shown,) = wait_for(lambda: [each for each in overview().models.figures if each.mean_batch])
    assert 1 <= shown.mean_batch <= 8
    assert shown.batch_ms >= 0
    assert 0 <= shown.busy <= 1
