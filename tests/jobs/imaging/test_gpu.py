"""The model step: the simulated one, and the interface for a real one."""

import io
import random
import threading
import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging import gpu
from jobs.imaging.types import Measurement

MEASUREMENT = Measurement(40, 30, "JPEG")


def simulated(settings, low: float, high: float) -> gpu.SimulatedGPU:
    settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS = low, high
    return gpu.SimulatedGPU()


def test_the_simulated_step_waits_between_its_bounds(settings, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    step = simulated(settings, 0.1, 0.4)
    random.seed(1)
    for _ in range(2000):
        assert step.infer(io.BytesIO(), MEASUREMENT) is None
    assert min(waits) >= 0.1
    assert max(waits) <= 0.4
    # Uniform: mean and extremes of 2,000 draws.
    assert sum(waits) / len(waits) == pytest.approx(0.25, abs=0.01)
    assert min(waits) < 0.105
    assert max(waits) > 0.395


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0.25, 0.25)])
def test_equal_bounds_and_zero_are_legal(settings, monkeypatch, low, high):
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    simulated(settings, low, high).infer(io.BytesIO(), MEASUREMENT)
    assert waits == ([low] if low else [])


def test_many_waits_pass_at_the_same_time(settings, monkeypatch):
    step = simulated(settings, 0.2, 0.2)
    # Each of them ends once all have begun.
    together = threading.Barrier(20)
    monkeypatch.setattr(time, "sleep", lambda _: together.wait(30))
    threads = [threading.Thread(target=step.infer, args=(io.BytesIO(), MEASUREMENT)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together.broken


class Colours:
    """A model for tests: it says how long the file is."""

    def infer(self, image, measurement):
        return {"bytes": len(image.read()), "width": measurement.width}


class NeedsArguments:
    def __init__(self, weights):
        pass

    def infer(self, image, measurement):
        return None


class HasNoMethod:
    pass


def test_the_step_is_what_the_setting_names(settings):
    settings.GPU_STEP = f"{__name__}.Colours"
    assert [type(step) for (step,) in gpu.load_steps()] == [Colours]
    settings.GPU_STEP = "jobs.imaging.gpu.SimulatedGPU"
    assert [type(step) for (step,) in gpu.load_steps()] == [gpu.SimulatedGPU]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "SimulatedGPU",
        "no.such.module.Step",
        f"{__name__}.NoSuchClass",
        f"{__name__}.NeedsArguments",
        f"{__name__}.HasNoMethod",
    ],
)
def test_a_step_that_cannot_be_made_stops_the_start_and_says_what_is_wrong(settings, path):
    settings.GPU_STEP = path
    with pytest.raises(ImproperlyConfigured, match=f"^GPU_STEP={path}: .*infer"):
        gpu.load_steps()


@pytest.mark.parametrize("answer", [None, {}, {"label": "shelf", "boxes": [[1, 2.5]], "none": None, "grün": True}])
def test_an_answer_that_json_can_hold_is_kept(answer):
    gpu.check_answer(answer)


@pytest.mark.parametrize(
    "answer",
    [
        [1],
        "shelf",
        {"score": float("nan")},
        {"score": float("inf")},
        {"image": b"bytes"},
        {"when": object()},
        {"text": "nul \0"},
        {"text": "half a pair \ud800"},
        {("a", "b"): 1},
    ],
)
def test_an_answer_that_cannot_be_stored_is_refused(answer):
    with pytest.raises(gpu.AnswerRefused):
        gpu.check_answer(answer)
