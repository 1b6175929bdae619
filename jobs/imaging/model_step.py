"""The model step of a process: what GPU_STEP names, asked for each image."""

import os
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.batch import BatchStep, ModelAway
from jobs.imaging.batcher import Batcher
from jobs.imaging.fetch import Download
from jobs.imaging.gpu import GPUStep, check_answer, load_steps, name_of
from jobs.imaging.model_figures import Figures
from jobs.imaging.model_pause import Absence, ModelPause
from jobs.imaging.ticket import Ending
from jobs.imaging.types import Claim, Measurement

# An image that waits while the model answers others is queueing, not hanging, unless so many times as many as there are
# worker slots were answered meanwhile.
ROUNDS_PER_IMAGE = 10
# Of a process whose model hangs or is broken for good: an internal software error, as sysexits.h has it.
LOST_EXIT_CODE = os.EX_SOFTWARE

type Answer = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ModelState:
    """What a process says of its model; `figures` are of the steps with a thread of their own."""

    absence: Absence | None
    figures: Sequence[Figures]


def end_process(_: Collection[Claim]) -> None:
    """At once, without cleaning up: what hangs would hang that, too."""
    os._exit(LOST_EXIT_CODE)


class ModelStep:
    """What all worker slots of a process share: `start` it before use, `close` it after. `slots` is their number."""

    def __init__(self, steps: Sequence[GPUStep | Batcher], slots: int = 1) -> None:
        self.steps = steps
        named = [(step.name if isinstance(step, Batcher) else name_of(step), step) for step in steps]
        self._names = [name for name, _ in named]
        self._batchers = [(name, step) for name, step in named if isinstance(step, Batcher)]
        self._plain = [(name, step) for name, step in named if not isinstance(step, Batcher)]
        # The usual case has a short way of its own: with each image, whatever is not needed costs something.
        self._alone = self._plain[0][1] if len(named) == 1 and self._plain else None
        self._reads_image = any(getattr(step, "reads_image", True) for _, step in self._plain)
        self._most_rounds = ROUNDS_PER_IMAGE * slots
        self._pause = ModelPause()
        # How many answers there were when each thread that is asking began to.
        self._asking: dict[int, int] = {}
        self._answers = 0
        self._answered_at = monotonic()
        self._is_lost = False
        self.on_lost: Callable[[Collection[Claim]], None] = end_process
        """Called where a model hangs or is broken for good, with the images that may be to blame; ends the process."""

    @classmethod
    def from_settings(cls) -> Self:
        """Raises ImproperlyConfigured where GPU_STEP names something that is no model step."""

        def lose(suspects: Collection[Claim]) -> None:
            model.lose(suspects)

        steps: list[GPUStep | Batcher] = []
        for instances in load_steps():
            if isinstance(instances[0], BatchStep):
                steps.append(Batcher.from_settings(cast(list[BatchStep], instances), lose))
            else:
                steps.append(instances[0])
        model = cls(steps, settings.WORKER_THREADS)
        return model

    def start(self) -> None:
        """Load the models that have a thread of their own, which takes as long as they take.

        Images wait for one that is away. Raises ImproperlyConfigured for any other failure.
        """
        for name, batcher in self._batchers:
            try:
                batcher.start()
            except ModelAway as reason:
                self._pause.refused(str(reason), is_trial=False)
            except ImproperlyConfigured as error:
                self.close()
                raise ImproperlyConfigured(f"GPU_STEP={settings.GPU_STEP}: {error}") from None
            except BaseException as error:
                self.close()
                raise ImproperlyConfigured(
                    f"GPU_STEP={settings.GPU_STEP}: {name} cannot be loaded ({type(error).__name__}: {error})."
                ) from error

    def drain(self, seconds: float) -> None:
        """Begin no batch that would hardly end within `seconds`."""
        for _, batcher in self._batchers:
            batcher.drain(seconds)

    def close(self) -> None:
        """Put off the images that wait for a model."""
        for _, batcher in self._batchers:
            batcher.close()

    def lose(self, suspects: Collection[Claim]) -> None:
        """A model is lost to this process, which ends: put off whoever waits for one."""
        self._is_lost = True
        for _, batcher in self._batchers:
            batcher.put_off("The model is lost.")
        self.on_lost(suspects)

    # ---- for the claimer

    @property
    def is_away(self) -> bool:
        """Whether no image could ask it at the moment."""
        return self._is_lost or self._pause.is_away

    @property
    def most_claims(self) -> int | None:
        """How many images may be claimed at this moment; None is no limit."""
        return 0 if self._is_lost else self._pause.most_claims

    def claimed(self) -> None:
        """An image was claimed."""
        self._pause.claimed()

    @property
    def state(self) -> ModelState | None:
        """None where there is nothing to say: there is a simple model, or none, and it is not away."""
        absence = self._pause.absence
        if absence is None and not self._batchers:
            return None
        return ModelState(absence, [batcher.figures for _, batcher in self._batchers])

    def is_queueing(self, thread: int, seconds: float) -> bool:
        """Whether the thread of a slot waits for its turn, while the model has answered others within `seconds`."""
        began = self._asking.get(thread)
        if began is None or self._answers - began > self._most_rounds:
            return False
        return monotonic() - self._answered_at < seconds

    # ---- for the slots

    def answer(self, claim: Claim, download: Download, measurement: Measurement) -> Answer:
        """The model's answer for one image, or of several models their answers by name. May close the download.

        Raises ModelAway where the image is to be put off, AnswerRefused, and what the model raised.
        """
        thread = threading.get_ident()
        self._asking[thread] = self._answers
        is_trial = False
        try:
            if self._alone is not None and not self._pause.is_on:
                return self._ask_plain(self._alone, download, measurement)
            items = [self._prepared(batcher, download, measurement) for _, batcher in self._batchers]
            is_trial = self._pause.ask()
            return self._ask(claim, download, measurement, items)
        except Ending:
            raise
        except ModelAway as reason:
            self._pause.refused(str(reason), is_trial=is_trial)
            is_trial = False
            raise
        finally:
            if is_trial:
                self._pause.answered()
            del self._asking[thread]
            self._answers += 1
            self._answered_at = monotonic()

    def _prepared(self, batcher: Batcher, download: Download, measurement: Measurement) -> Any:
        download.file.seek(0)
        return batcher.prepare(download.file, measurement)

    def _ask(self, claim: Claim, download: Download, measurement: Measurement, items: Sequence[Any]) -> Answer:
        tickets = [batcher.submit(claim, item) for (_, batcher), item in zip(self._batchers, items, strict=True)]
        answers: dict[str, Answer] = {}
        for name, step in self._plain:
            answers[name] = self._ask_plain(step, download, measurement)
        if tickets:
            # While it waits, an image holds no download.
            download.close()
        for (name, batcher), ticket in zip(self._batchers, tickets, strict=True):
            answers[name] = _signed(ticket.wait(), batcher.step)
        if len(self._names) == 1:
            return answers[self._names[0]]
        return {name: answers[name] for name in self._names if answers[name] is not None} or None

    def _ask_plain(self, step: GPUStep, download: Download, measurement: Measurement) -> Answer:
        if self._reads_image:
            download.file.seek(0)
        else:
            download.close()
        answer = step.infer(download.file, measurement)
        if answer is None:
            return None
        check_answer(answer)
        return _signed(answer, step)


def _signed(answer: Answer, step: GPUStep | BatchStep) -> Answer:
    """The answer with the model's name and version, where it has them."""
    name, version = getattr(step, "name", None), getattr(step, "version", None)
    if answer is None or name is None or version is None:
        return answer
    return {**answer, "model": str(name), "version": str(version)}
