"""Runs a BatchStep: what waits while the model computes is its next batch.

A worker slot prepares its image and waits; the model's thread takes what waits, up to GPU_BATCH images, and computes.
So the slots are the back-pressure: no more images wait than there are slots.
"""

import logging
import queue as queues
import threading
from collections.abc import Callable, Collection, Sequence
from time import monotonic
from typing import IO, Any, Self

from django.conf import settings

from jobs.imaging.batch import BatchStep
from jobs.imaging.measure import decoding
from jobs.imaging.model_figures import Figures, Tally
from jobs.imaging.model_thread import ModelThread
from jobs.imaging.ticket import Ending, Ticket
from jobs.imaging.types import Claim, Measurement

logger = logging.getLogger(__name__)

# How often the calls of the model are looked at, unless GPU_STEP_SECONDS asks for it more often.
WATCH_SECONDS = 1.0

# Called with the images that may be to blame; ends the process.
type Lose = Callable[[Collection[Claim]], None]


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
        self._threads = [ModelThread(self, step) for step in steps]
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
