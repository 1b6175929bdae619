"""The thread of one instance of a model: it computes batches, and finds out which images are to blame for a failure."""

import sys
import threading
import traceback
from collections.abc import Sequence
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from jobs.imaging.batch import BatchStep, ModelAway
from jobs.imaging.batch_errors import is_out_of_memory, is_process_lost
from jobs.imaging.gpu import AnswerRefused, check_answer
from jobs.imaging.sample import SAMPLE, sample_file
from jobs.imaging.ticket import Ending, Ticket

if TYPE_CHECKING:
    from jobs.imaging.batcher import Batcher


class ModelThread:
    """Takes batches from the batcher until there is none any more."""

    def __init__(self, batcher: "Batcher", step: BatchStep) -> None:
        self._batcher = batcher
        self._step = step
        self._thread = threading.Thread(target=self._run, name=f"model-{batcher.name}", daemon=True)
        self._is_loaded = self._is_warm = False
        self._seconds = 0.0
        self._any_answered = False
        self.is_ready = threading.Event()
        self.error: BaseException | None = None
        """Why it is not loaded, after the first try."""
        self.batch: Sequence[Ticket] = []
        self.since: float | None = None
        """When the call that is going on began, on the monotonic clock."""

    def start(self) -> None:
        self._thread.start()

    def stack(self) -> str:
        """Where it is at this moment."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "".join(traceback.format_stack(frame)) if frame else ""

    def put_off(self, reason: str) -> None:
        """The images of the batch that is computing."""
        for ticket in self.batch:
            ticket.fail(Ending(reason))

    def _run(self) -> None:
        try:
            self._load()
        except BaseException as error:  # noqa: BLE001 - whoever starts it must learn of any of them
            self.error = error
        self.is_ready.set()
        while batch := self._batcher.gather():
            self.batch = batch
            if self._batcher.may_begin(self._seconds):
                self._answer(batch)
            self.put_off("The process is ending.")
            self.batch = batch = []

    def _load(self) -> None:
        if not self._is_loaded:
            self._step.load()
            self._is_loaded = True
        self._compute_sample(is_first=True)
        self._is_warm = True

    def _answer(self, batch: Sequence[Ticket]) -> None:
        self._any_answered = False
        try:
            if not self._is_warm:
                self._load()
            self._answer_part(batch)
        except ModelAway as reason:
            for ticket in batch:
                # Each its own: many threads raise them.
                ticket.fail(type(reason)(str(reason)))
        except BaseException as error:  # noqa: BLE001 - of `load`; nobody must wait for ever
            for ticket in batch:
                ticket.fail(ModelAway(f"{type(error).__name__}: {error}"))

    def _answer_part(self, part: Sequence[Ticket]) -> None:
        """Compute these images, or each half of them where that fails. Raises ModelAway."""
        if len(part) > self._batcher.size:
            # The memory was too small meanwhile.
            self._answer_halves(part)
            return
        try:
            answers = self._compute([ticket.item for ticket in part])
        except ModelAway:
            raise
        except BaseException as error:  # noqa: BLE001 - not even a SystemExit may end this thread
            self._failed(part, error)
            return
        self._any_answered = True
        for ticket, answer in zip(part, answers, strict=True):
            try:
                check_answer(answer)
            except AnswerRefused as error:
                ticket.fail(error)
            else:
                ticket.succeed(answer)

    def _answer_halves(self, part: Sequence[Ticket]) -> None:
        middle = len(part) // 2
        self._answer_part(part[:middle])
        self._answer_part(part[middle:])

    def _failed(self, part: Sequence[Ticket], error: BaseException) -> None:
        """The model failed on these images. Raises ModelAway where that is nobody's fault."""
        if is_process_lost(error):
            self._batcher.lose(self.batch, "model lost", error=str(error))
            raise Ending("The model is lost.") from error
        if is_out_of_memory(error):
            self._batcher.too_large(len(part))
        if len(part) > 1:
            self._answer_halves(part)
            return
        if not self._any_answered:
            self._blame_an_image(error)
        part[0].fail(error)

    def _blame_an_image(self, error: BaseException) -> None:
        """Nobody was answered yet: raise ModelAway unless the model works."""
        try:
            self._compute_sample()
        except ModelAway:
            raise
        except BaseException:  # noqa: BLE001 - as for an image
            raise ModelAway(f"{type(error).__name__}: {error}") from error
        # So the images are to blame, and need not be doubted again.
        self._any_answered = True

    def _compute_sample(self, *, is_first: bool = False) -> None:
        item = self._step.prepare(BytesIO(sample_file()), SAMPLE)
        for answer in self._compute([item], is_first=is_first):
            check_answer(answer)

    def _compute(self, items: Sequence[Any], *, is_first: bool = False) -> Sequence[dict[str, Any] | None]:
        """Call the model. Raises what it raises, and AnswerRefused where answers are missing."""
        begun = monotonic()
        self.since = None if is_first else begun
        try:
            answers: Any = self._step.infer_batch(items)
        finally:
            self.since = None
        if not is_first:
            self._seconds = monotonic() - begun
            self._batcher.computed(len(items), self._seconds)
        found = len(answers) if isinstance(answers, Sequence) else type(answers).__name__
        if found != len(items):
            raise AnswerRefused(f"The model gave {found} answers for {len(items)} images.")
        return cast(Sequence[dict[str, Any] | None], answers)
