"""The worker slots of a process: where images are worked on, one thread each."""

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from jobs.imaging.types import Claim

type Work = Callable[[Claim], None]


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
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="slot")
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Work, Claim]] = deque()
        self._at_work: dict[int, BusySlot] = {}
        self._busy = 0
        self.size = threads + threads // 2
        # From this much room on, asking for more is worth a claim; below it, every thread still has work.
        self.refill_at = max(1, threads // 4)

    @property
    def busy(self) -> int:
        """How many threads are at work."""
        return self._busy

    @property
    def room(self) -> int:
        """How many images more may be taken."""
        return self.size - self._busy - len(self._waiting)

    def take(self, work: Work, claims: Sequence[Claim]) -> None:
        """Run `work(claim)` for each in a slot. Raises RuntimeError where the interpreter is ending."""
        with self._changed:
            self._waiting.extend((work, claim) for claim in claims)
            free = min(len(claims), self._threads - self._busy)
            self._busy += free
        for _ in range(free):
            self._pool.submit(self._run)

    def overdue(self, seconds: float) -> list[BusySlot]:
        """The slots that have been at work on one image for longer than `seconds`, each reported once."""
        late = [each for each in list(self._at_work.values()) if not each.was_reported and each.seconds > seconds]
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
        thread = threading.get_ident()
        while True:
            with self._changed:
                if not self._waiting:
                    self._busy -= 1
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
