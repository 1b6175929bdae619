"""The models of GPU_STEP as one: what several of them answer together, who is queueing, and who may ask."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging import gpu, model_pause
from jobs.imaging.batch import ModelAway
from jobs.imaging.body import Body, MemoryBudget
from jobs.imaging.fetch import Download
from jobs.imaging.model_step import ModelStep
from jobs.imaging.ticket import Ending
from tests.jobs.imaging.fake_models import MEASUREMENT, FakeModel, Held, away, claim, running
from tests.waiting import wait_for


class Plain:
    """Says how long the file is."""

    def infer(self, image, measurement):
        return {"bytes": len(image.read())}


class Named(Plain):
    name, version = "length", 3


class Silent:
    reads_image = False

    def infer(self, image, measurement):
        self.was_closed = image.closed


class Gone(Plain):
    is_away = True

    def infer(self, image, measurement):
        if self.is_away:
            raise ModelAway("connection refused")
        return super().infer(image, measurement)


def photo() -> Download:
    """Five bytes."""
    body = Body(MemoryBudget(1_000_000), None)
    body.write(b"photo")
    return Download(body, framed=True)


def answer(model, download=None):
    return model.answer(claim(), download or photo(), MEASUREMENT)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as threads:
        yield threads


# --- answers


def test_one_step_answers_for_itself():
    assert answer(ModelStep([Plain()])) == {"bytes": 5}


def test_an_answer_carries_the_name_and_the_version_of_its_model():
    assert answer(ModelStep([Named()])) == {"bytes": 5, "model": "length", "version": "3"}
    with running(FakeModel()) as batcher:
        assert answer(ModelStep([batcher])) == {"item": 40, "model": "fake", "version": "7"}


def test_several_steps_of_both_kinds_answer_under_their_names_in_order():
    with running(FakeModel()) as batcher:
        found = answer(ModelStep([Plain(), batcher, Silent(), Named()]))
    assert list(found.items()) == [
        ("Plain", {"bytes": 5}),
        ("fake", {"item": 40, "model": "fake", "version": "7"}),
        ("length", {"bytes": 5, "model": "length", "version": "3"}),
    ]


def test_without_any_answer_there_is_none():
    with running(FakeModel(lambda items: [None for _ in items])) as batcher:
        assert answer(ModelStep([Silent(), batcher])) is None


def test_a_step_that_reads_no_image_gets_a_closed_file_if_no_other_reads_it():
    alone, beside = Silent(), Silent()
    assert answer(ModelStep([alone])) is None
    answer(ModelStep([beside, Plain()]))
    assert (alone.was_closed, beside.was_closed) == (True, False)


def test_while_an_image_waits_for_its_batch_it_holds_no_download(pool):
    model, download = Held(), photo()
    with running(model) as batcher:
        asked = pool.submit(answer, ModelStep([batcher, Plain()]), download)
        wait_for(lambda: model.sizes == [1])
        wait_for(lambda: download.file.closed)
        model.open.set()
        assert asked.result(30)["fake"]["item"] == 40


def test_the_settings_name_steps_of_both_kinds(settings):
    settings.GPU_STEP = f"{__name__}.Plain, tests.jobs.imaging.fake_models.FakeModel"
    settings.GPU_THREADS = 2
    model = ModelStep.from_settings()
    model.start()
    try:
        assert list(answer(model)) == ["Plain", "fake"]
        (figures,) = model.state.figures
        assert figures.threads == 2
    finally:
        model.close()


def test_two_steps_may_not_have_one_name(settings):
    settings.GPU_STEP = f"{__name__}.Plain,{__name__}.Plain"
    with pytest.raises(ImproperlyConfigured, match="names are equal"):
        gpu.load_steps()


class Unloadable(FakeModel):
    def load(self):
        raise ImportError("The extra `onnx` is missing")


def test_a_model_that_cannot_be_loaded_stops_the_start_and_says_why(settings):
    settings.GPU_STEP = f"{__name__}.Unloadable"
    with pytest.raises(ImproperlyConfigured, match=r"fake cannot be loaded \(ImportError: The extra `onnx`"):
        ModelStep.from_settings().start()


class AwayAtFirst(FakeModel):
    def __init__(self):
        super().__init__(away)


def test_a_model_that_is_away_at_the_start_is_waited_for(settings):
    settings.GPU_STEP = f"{__name__}.AwayAtFirst"
    model = ModelStep.from_settings()
    model.start()
    try:
        assert (model.is_away, model.state.absence.reason) == (True, "connection refused")
    finally:
        model.close()


# --- away


@pytest.fixture
def brief(monkeypatch):
    """Pauses that are over at once."""
    monkeypatch.setattr(model_pause, "PAUSE_SECONDS", (0.0, 0.0))


def test_a_model_that_is_away_is_not_asked_again_during_the_pause():
    step = Gone()
    model = ModelStep([step])
    with pytest.raises(ModelAway, match="connection refused"):
        answer(model)
    step.is_away = False
    with pytest.raises(ModelAway, match="connection refused"):
        answer(model)
    assert (model.is_away, model.most_claims, model.state.absence.reason) == (True, 0, "connection refused")


def test_it_is_there_again_once_an_image_was_answered(brief):
    step = Gone()
    model = ModelStep([step])
    for _ in range(2):
        with pytest.raises(ModelAway):
            answer(model)
    assert model.most_claims == 1
    step.is_away = False
    assert answer(model) == {"bytes": 5}
    assert (model.state, model.most_claims) == (None, None)


def test_it_is_there_again_once_an_image_failed_in_it(brief):
    model = ModelStep([Gone()])
    with pytest.raises(ModelAway):
        answer(model)
    model.steps[0].infer = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        answer(model)
    assert model.state is None


def test_an_image_that_cannot_be_prepared_says_nothing_about_the_model(brief):
    step = FakeModel()
    with running(step) as batcher:
        model = ModelStep([batcher])
        step.act = away
        with pytest.raises(ModelAway):
            answer(model)
        step.prepare = lambda *_: 1 / 0
        with pytest.raises(ZeroDivisionError):
            answer(model)
        assert model.state.absence is not None


def test_an_image_may_be_put_off_while_it_is_prepared():
    step = FakeModel()
    with running(step) as batcher:
        model = ModelStep([batcher])
        step.prepare = lambda image, _: away(image)
        with pytest.raises(ModelAway):
            answer(model)
        assert model.is_away


def test_the_end_of_the_process_is_no_absence_of_the_model():
    with running(FakeModel()) as batcher:
        model = ModelStep([batcher])
        model.close()
        with pytest.raises(Ending):
            answer(model)
        assert model.state.absence is None


def test_a_lost_model_is_asked_for_nothing_more():
    lost = []
    with running(FakeModel()) as batcher:
        model = ModelStep([batcher])
        model.on_lost = lost.append
        model.lose([claim(7)])
    assert (lost, model.is_away, model.most_claims) == ([[claim(7)]], True, 0)


# --- queueing


class OneAtATime:
    """A model whose calls wait for each other, as the lock in it says."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ident = None

    def infer(self, image, measurement):
        self.ident = threading.get_ident()
        with self.lock:
            return


@pytest.fixture
def waiting(pool):
    """A model step, and the thread that waits in it."""
    step = OneAtATime()
    model = ModelStep([step, Silent()], slots=2)
    with step.lock:
        asked = pool.submit(answer, model)
        wait_for(lambda: step.ident)
        yield model, step.ident
    asked.result(30)


def test_an_image_that_waits_while_others_are_answered_is_queueing(waiting):
    model, thread = waiting
    model._answered_at += 3600  # now, however busy the machine is
    assert model.is_queueing(thread, 30)


def test_one_that_waits_while_nobody_is_answered_is_not(waiting):
    model, thread = waiting
    model._answered_at -= 31
    assert not model.is_queueing(thread, 30)


@pytest.mark.parametrize(("others", "is_queueing"), [(20, True), (21, False)])
def test_nor_is_one_that_many_others_have_overtaken(waiting, others, is_queueing):
    model, thread = waiting
    model._answers += others
    model._answered_at += 3600
    assert model.is_queueing(thread, 30) is is_queueing


def test_who_is_not_in_the_model_does_not_queue_for_it():
    assert not ModelStep([Plain()]).is_queueing(threading.get_ident(), 30)
