"""The model step, and the interface for a real model.

To add a model, write a class with one method, `infer`, and name it in the setting GPU_STEP by its dotted path. The
class is created once per process without arguments, when the engine starts, and all worker slots call its one instance,
so `infer` must be safe to call from many threads at once; if the model is not, a lock or a batching queue belongs
inside the class. No database connection, transaction or lock is held during the call.
"""

import json
import random
import time
from typing import IO, Any, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from jobs.imaging.types import Measurement


class GPUStep(Protocol):
    """What GPU_STEP names.

    A step that never reads `image` may have an attribute `reads_image = False`: it gets a closed file, and the memory
    of the download is freed before the step runs.
    """

    def infer(self, image: IO[bytes], measurement: Measurement) -> dict[str, Any] | None:
        """The model's result for one image, stored with its measurement; None for no result.

        `image` is the file as downloaded, at its first byte, readable and seekable until the call returns; it has
        passed the checks of IMAGE_CHECK. The result must be a dictionary that JSON can represent. Any exception
        ends this attempt as `gpu_failed`, which is retried up to MAX_ATTEMPTS; the log has the traceback.
        """


class SimulatedGPU:
    """No model: a random wait, uniform between GPU_MIN_SECONDS and GPU_MAX_SECONDS."""

    reads_image = False

    def __init__(self) -> None:
        self._bounds = settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS

    def infer(self, image: IO[bytes], measurement: Measurement) -> None:
        """Wait; the image is not read."""
        seconds = random.uniform(*self._bounds)  # noqa: S311 - a simulation, not for security
        if seconds:  # sleep(0) would still yield the processor
            time.sleep(seconds)


def load_gpu_step() -> GPUStep:
    """The step that GPU_STEP names; raises ImproperlyConfigured if it cannot be created."""
    try:
        step = import_string(settings.GPU_STEP)()
    except Exception as error:
        raise ImproperlyConfigured(
            f"GPU_STEP={settings.GPU_STEP}: it cannot be used as the model step ({type(error).__name__}: {error}). "
            "Allowed is the dotted path to a class that takes no arguments and has a method infer(image, measurement)."
        ) from error
    if not callable(getattr(step, "infer", None)):
        raise ImproperlyConfigured(
            f"GPU_STEP={settings.GPU_STEP}: it has no method infer(image, measurement), see jobs/imaging/gpu.py."
        )
    return cast(GPUStep, step)


def check_answer(answer: object) -> None:
    """Raise TypeError or ValueError unless a JSON column of Postgres can store the model's answer."""
    if answer is None:
        return
    if not isinstance(answer, dict):
        raise TypeError(f"infer() must return a dictionary or None, not {type(answer).__name__}.")
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
    text.encode()  # raises for a lone surrogate
    if "\\u0000" in text:
        raise ValueError("infer() returned a text with a NUL character, which Postgres cannot store.")
