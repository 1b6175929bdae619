"""The worker slots of a process: where images are worked on, one thread each."""

import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from jobs.imaging.types import Claim

logger = logging.getLogger(__name__)

type Work = Callable[[Claim], None]

# How Python says that the system gives a process no more threads.
_NO_MORE_THREADS = "start new thread"


@dataclass(slots=True)
class BusySlot:
    """A slot at work on an image, since a moment of the monotonic clock."""

    claim: Claim
    thread: int
    since: float
    was_reported: bool = False

    @property
    def seconds(self) -> float:
        return monotonic() - self.since

    def stack(self) -> str:
        """Where its thread is at this moment; empty once it has ended."""
        frame = sys._current_frames().get(self.thread)
        return "".join(traceback.format_stack(frame)) if frame else ""


class Slots:
    """A thread pool that knows how much room it has.

    It takes a few images more than it has threads, so that no slot waits for the next claim's round trips: a slot
    that is done takes the next image that waits, and its thread goes back to the pool only when none does.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._has_thread = False
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="slot")
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Work, Claim]] = deque()
        self._at_work: dict[int, BusySlot] = {}
        self.size = threads + threads // 2
        # From this much room on, asking for more is worth a claim; below it, every thread still has work.
        self.refill_at = max(1, threads // 4)

    @property
    def busy(self) -> int:
        """How many threads are at work."""
        return len(self._at_work)

    @property
    def room(self) -> int:
        """How many images more may be taken."""
        return self.size - len(self._at_work) - len(self._waiting)

    def take(self, work: Work, claims: Sequence[Claim]) -> None:
        """Run `work(claim)` for each in a slot; where the system gives no more threads, in those that there are.

        Raises RuntimeError where there is none at all, and where the interpreter is ending.
        """
        with self._changed:
            self._waiting.extend((work, claim) for claim in claims)
            free = min(len(claims), self._threads - len(self._at_work))
        for _ in range(free):
            try:
                self._pool.submit(self._run)
                # It stays until the pool is closed.
                self._has_thread = True
            except RuntimeError as error:
                if _NO_MORE_THREADS not in str(error) or not self._has_thread:
                    raise
                logger.warning("fewer threads than slots", extra={"busy": self.busy, "slots": self._threads})
                return

    def overdue(self, seconds: float, is_queueing: Callable[[int, float], bool]) -> list[BusySlot]:
        """The slots that have been at work on one image for longer than `seconds`, each reported once.

        `is_queueing` says of a thread whether it only waits for its turn, which others had within `seconds`.
        """
        late = [
            each
            for each in list(self._at_work.values())
            if not each.was_reported and each.seconds > seconds and not is_queueing(each.thread, seconds)
        ]
        for each in late:
            each.was_reported = True
        return late

    def empty(self, seconds: float) -> list[Claim]:
        """Forget what waits for a slot, and wait at most `seconds` for what is in one. Returns what was forgotten."""
        with self._changed:
            forgotten = [claim for _, claim in self._waiting]
            self._waiting.clear()
            self._changed.wait_for(lambda: not self._at_work, seconds)
        return forgotten

    def close(self) -> None:
        """Take no more, and forget what has not begun; what has begun ends by itself."""
        self.empty(0)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        """In a thread of the pool, until nothing waits; one for which nothing is left by now ends at once."""
        thread = threading.get_ident()
        while True:
            with self._changed:
                if not self._waiting:
                    return
                work, claim = self._waiting.popleft()
                self._at_work[thread] = BusySlot(claim, thread, monotonic())
            try:
                work(claim)
            finally:
                with self._changed:
                    del self._at_work[thread]
                    if not self._at_work:
                        self._changed.notify_all()
