"""The model step of one image, and the interface for a real model.

To add a model, write a class and name it in the setting GPU_STEP by its dotted path; several are separated by commas.
There are two kinds. One with a method `infer` is created once per process without arguments, when the engine starts,
and all worker slots call its one instance, so `infer` must be safe to call from many threads at once. A `BatchStep`
(`batch.py`) gets many images in one call, in a thread of its own. No database connection, transaction or lock is held
during the calls. A step of either kind raises `ModelAway` where no image is to blame.
"""

import json
import random
import time
from typing import IO, Any, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from jobs.imaging.batch import BatchStep
from jobs.imaging.types import Measurement

# Of one model's answer for one image, as JSON in UTF-8.
MOST_ANSWER_BYTES = 2**17


class GPUStep(Protocol):
    """What GPU_STEP names.

    A step that never reads `image` may have an attribute `reads_image = False`: it gets a closed file, and the memory
    of the download is freed before the step runs. One with attributes `name` and `version` has them in every answer, as
    `model` and `version`.
    """

    def infer(self, image: IO[bytes], measurement: Measurement) -> dict[str, Any] | None:
        """The model's result for one image, stored with its measurement; None for no result.

        `image` is the file as downloaded, at its first byte, readable and seekable until the call returns; it has
        passed the checks of IMAGE_CHECK. The result must be a dictionary that JSON can represent, in MOST_ANSWER_BYTES.
        ModelAway puts the image off, and costs it no attempt. Any other exception ends this attempt as `gpu_failed`,
        which is retried up to MAX_ATTEMPTS; the log has the traceback.
        """


class AnswerRefused(ValueError):
    """The model's answer cannot be kept; the text says why, to whoever sees the image's error."""


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


def load_steps() -> list[list[GPUStep | BatchStep]]:
    """An instance of each step that GPU_STEP names, of a BatchStep GPU_THREADS of them.

    Raises ImproperlyConfigured if one cannot be created.
    """
    paths = [path.strip() for path in settings.GPU_STEP.split(",")]
    steps = [_instances(path) for path in paths]
    names = [name_of(step[0]) for step in steps]
    if len(set(names)) < len(names):
        raise ImproperlyConfigured(f"GPU_STEP={settings.GPU_STEP}: two of the names are equal ({', '.join(names)}).")
    return steps


def name_of(step: GPUStep | BatchStep) -> str:
    """Under which its answer is found where there are several."""
    return str(getattr(step, "name", None) or type(step).__name__)


def _instances(path: str) -> list[GPUStep | BatchStep]:
    try:
        kind = import_string(path)
        first = kind()
        is_batch_step = isinstance(first, BatchStep)
        more = [kind() for _ in range(settings.GPU_THREADS - 1)] if is_batch_step else []
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f"GPU_STEP={path}: {error}") from None
    except Exception as error:
        raise ImproperlyConfigured(
            f"GPU_STEP={path}: it cannot be used as the model step ({type(error).__name__}: {error}). "
            "Allowed is the dotted path to a class that takes no arguments and has a method infer(image, measurement) "
            "or is a BatchStep; several are separated by commas."
        ) from error
    if not is_batch_step and not callable(getattr(first, "infer", None)):
        raise ImproperlyConfigured(
            f"GPU_STEP={path}: it has no method infer(image, measurement), see jobs/imaging/gpu.py."
        )
    return cast(list[GPUStep | BatchStep], [first, *more])


def check_answer(answer: object) -> None:
    """Raise AnswerRefused unless a JSON column of Postgres can store the model's answer, and it is no larger than
    MOST_ANSWER_BYTES.
    """
    if answer is None:
        return
    if not isinstance(answer, dict):
        raise AnswerRefused(f"The model's answer is no dictionary, but a {type(answer).__name__}.")
    try:
        text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())  # raises for a lone surrogate
    except UnicodeEncodeError:
        raise AnswerRefused("The model's answer holds half a character, which cannot be stored.") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerRefused(f"The model's answer is not JSON: {str(error)[:200]}.") from None
    if size > MOST_ANSWER_BYTES:
        raise AnswerRefused(f"The model's answer has {size:,} bytes of JSON; at most {MOST_ANSWER_BYTES:,} are kept.")
    if "\\u0000" in text:
        raise AnswerRefused("The model's answer holds a NUL character, which cannot be stored.")
