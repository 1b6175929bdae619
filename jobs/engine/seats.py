"""The seats of a process: where images are worked on, one thread each."""

import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

from jobs.imaging.outcome import Claim


@dataclass(slots=True)
class Sitting:
    """An image in its seat, since a moment of the monotonic clock."""

    claim: Claim
    thread: int
    since: float
    was_told: bool = False

    @property
    def seconds(self) -> float:
        return monotonic() - self.since

    def stack(self) -> str:
        """Where its thread is at this moment; empty once it has ended."""
        frame = sys._current_frames().get(self.thread)
        return "".join(traceback.format_stack(frame)) if frame else ""


class Seats:
    """A thread pool that knows how much room it has.

    It takes a few images more than it has threads, so that no seat waits for the next claim's round trips.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="seat")
        self._lock = threading.Lock()
        self._sittings: dict[int, Sitting] = {}
        self.size = self.room = threads + threads // 4
        # From this much room on, asking for more is worth a claim; below it, every thread still has work.
        self.refill_at = max(1, threads // 8)

    def take(self, work: Callable[[Claim], None], claim: Claim) -> Future[None]:
        """Run `work(claim)` in a seat. Raises RuntimeError where the interpreter is ending."""
        future = self._pool.submit(self._sit, work, claim)
        with self._lock:
            self.room -= 1
        future.add_done_callback(self._give_back)
        return future

    def overdue(self, seconds: float) -> list[Sitting]:
        """The images that have been in a seat for longer than `seconds`, each told once."""
        late = [each for each in list(self._sittings.values()) if not each.was_told and each.seconds > seconds]
        for each in late:
            each.was_told = True
        return late

    def close(self) -> None:
        """Take no more, and forget what has not begun; what has begun ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _sit(self, work: Callable[[Claim], None], claim: Claim) -> None:
        thread = threading.get_ident()
        self._sittings[thread] = Sitting(claim, thread, monotonic())
        try:
            work(claim)
        finally:
            del self._sittings[thread]

    def _give_back(self, _: Future[None]) -> None:
        with self._lock:
            self.room += 1
