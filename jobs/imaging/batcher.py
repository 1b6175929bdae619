"""Runs a BatchStep: what waits while the model computes is its next batch.

A worker slot prepares its image and waits; the model's thread takes what waits, up to GPU_BATCH images, and computes.
So the slots are the back-pressure: no more images wait than there are slots.
"""

import logging
import queue as queues
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Sequence
from io import BytesIO
from time import monotonic
from typing import IO, Any, Self, cast

from django.conf import settings

from jobs.imaging.batch import BatchStep, ModelAway
from jobs.imaging.batch_errors import is_out_of_memory, is_process_lost
from jobs.imaging.gpu import AnswerRefused, check_answer
from jobs.imaging.measure import decoding
from jobs.imaging.model_figures import Figures, Tally
from jobs.imaging.sample import SAMPLE, sample_file
from jobs.imaging.types import Claim, Measurement

logger = logging.getLogger(__name__)

# How often the calls of the model are looked at, unless GPU_STEP_SECONDS asks for it more often.
WATCH_SECONDS = 1.0

# Called with the images that may be to blame; ends the process.
type Lose = Callable[[Collection[Claim]], None]

# Two threads may want to answer one image: the model's, and one that puts it off.
_answering = threading.Lock()


class Ending(ModelAway):
    """The process takes no more images; the model is not away."""


class Ticket:
    """One image on its way through the model's thread, which answers it once."""

    __slots__ = ("_answer", "_error", "_is_answered", "claim", "is_done", "item")

    def __init__(self, claim: Claim, item: Any) -> None:
        self.claim = claim
        self.item = item
        self.is_done = False
        self._answer: dict[str, Any] | None = None
        self._error: BaseException | None = None
        # Cheaper than an event: it is waited for once, by one thread.
        self._is_answered = threading.Lock()
        self._is_answered.acquire()

    def wait(self) -> dict[str, Any] | None:
        """The answer. Raises what the image failed with, or ModelAway."""
        self._is_answered.acquire()
        if self._error is not None:
            raise self._error
        return self._answer

    def succeed(self, answer: dict[str, Any] | None) -> None:
        self._end(answer, None)

    def fail(self, error: BaseException) -> None:
        self._end(None, error)

    def _end(self, answer: dict[str, Any] | None, error: BaseException | None) -> None:
        with _answering:
            if self.is_done:
                return
            self.is_done = True
        self.item, self._answer, self._error = None, answer, error
        self._is_answered.release()


class Batcher:
    """`steps` are instances of one BatchStep, each for a thread of its own; `close` it after use.

    `size` is the largest batch, and halved where the memory is too small for it. A call that takes longer than
    `step_seconds` is hung.
    """

    def __init__(
        self, steps: Sequence[BatchStep], *, size: int, linger_seconds: float, step_seconds: float, lose: Lose
    ) -> None:
        self.step = steps[0]
        self.name = str(self.step.name)
        self.size = size
        self._linger_seconds = linger_seconds
        self._step_seconds = step_seconds
        self._lose = lose
        self._tally = Tally()
        self._lock = threading.Lock()
        self._preparing = 0
        # None is the end of a thread.
        self._waiting: queues.SimpleQueue[Ticket | None] = queues.SimpleQueue()
        self._ends_at: float | None = None
        self._closed = threading.Event()
        self._threads = [_ModelThread(self, step) for step in steps]
        self._watch = threading.Thread(target=self._watch_calls, name=f"watch-{self.name}", daemon=True)

    @classmethod
    def from_settings(cls, steps: Sequence[BatchStep], lose: Lose) -> Self:
        return cls(
            steps,
            size=settings.GPU_BATCH,
            linger_seconds=settings.GPU_LINGER_SECONDS,
            step_seconds=settings.GPU_STEP_SECONDS,
            lose=lose,
        )

    def start(self) -> None:
        """Load the model and let it compute a sample image. Raises ModelAway, or what it failed with."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.is_ready.wait()
        # Loading and the first call may take as long as they want.
        self._watch.start()
        for thread in self._threads:
            if thread.error is not None:
                raise thread.error

    @property
    def figures(self) -> Figures:
        now = monotonic()
        computing = sum(now - each.since for each in self._threads if each.since is not None)
        return self._tally.figures(self.name, self._waiting.qsize(), len(self._threads), computing)

    def prepare(self, image: IO[bytes], measurement: Measurement) -> Any:
        """In a slot's thread: what `submit` takes, within the limit on decoders. Raises what the step raises."""
        with self._lock:
            self._preparing += 1
        try:
            with decoding():
                return self.step.prepare(image, measurement)
        finally:
            with self._lock:
                self._preparing -= 1

    def submit(self, claim: Claim, item: Any) -> Ticket:
        """Let an image wait for its turn. Raises Ending where there is none any more."""
        ticket = Ticket(claim, item)
        self._waiting.put(ticket)
        if self._closed.is_set():
            # Nobody may be there who takes it out.
            self.put_off("The process is ending.")
        return ticket

    def drain(self, seconds: float) -> None:
        """Begin no batch that would hardly end within `seconds`: who waits for one is put off."""
        self._ends_at = monotonic() + seconds

    def close(self) -> None:
        """Put off whoever waits, and end the threads; what is computing ends by itself."""
        self._closed.set()
        self.put_off("The process is ending.")
        for thread in self._threads:
            self._waiting.put(None)
            thread.put_off("The process is ending.")

    # ---- for the model's threads

    def gather(self) -> list[Ticket]:
        """The next batch; empty where there is none any more."""
        first = self._waiting.get()
        if first is None:
            return []
        batch, until = [first], 0.0
        size = min(self.size, self.step.most or self.size)
        while len(batch) < size:
            try:
                ticket = self._waiting.get_nowait()
            except queues.Empty:
                if not self._preparing:
                    break
                until = until or monotonic() + self._linger_seconds
                try:
                    ticket = self._waiting.get(timeout=max(0.0, until - monotonic()))
                except queues.Empty:
                    break
            if ticket is None:
                self._waiting.put(None)  # after this batch
                break
            batch.append(ticket)
        return batch

    def may_begin(self, seconds: float) -> bool:
        """Whether a batch of so many seconds may begin."""
        return not self._closed.is_set() and (self._ends_at is None or monotonic() + seconds < self._ends_at)

    def too_large(self, size: int) -> None:
        """A batch of this size did not fit into the memory."""
        self.size = min(self.size, max(1, size // 2))
        logger.warning("model out of memory", extra={"model": self.name, "images": size, "batch": self.size})

    def computed(self, images: int, seconds: float) -> None:
        self._tally.add(images, seconds)

    def put_off(self, reason: str) -> None:
        """All who wait for their turn."""
        ends = 0
        while True:
            try:
                ticket = self._waiting.get_nowait()
            except queues.Empty:
                break
            if ticket is None:
                ends += 1
            else:
                ticket.fail(Ending(reason))
        for _ in range(ends):
            self._waiting.put(None)

    def lose(self, suspects: Sequence[Ticket], what: str, **details: Any) -> None:
        """End the process: the model works no more in it, and one of the suspects may be why."""
        logger.critical(
            what, extra={"model": self.name, "images": [each.claim.image_id for each in suspects], **details}
        )
        self._closed.set()
        self.put_off("The model is lost.")
        self._lose([each.claim for each in suspects])

    def _watch_calls(self) -> None:
        while not self._closed.wait(min(WATCH_SECONDS, self._step_seconds / 4)):
            for thread in self._threads:
                since = thread.since
                if since is not None and monotonic() - since > self._step_seconds:
                    suspects = [ticket for ticket in thread.batch if not ticket.is_done]
                    self.lose(suspects, "model hangs", seconds=round(monotonic() - since), stack=thread.stack())
                    return


class _ModelThread:
    """The thread of one instance of the model."""

    def __init__(self, batcher: Batcher, step: BatchStep) -> None:
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
