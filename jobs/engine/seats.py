"""The seats of a process: where images are worked on, one thread each."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from jobs.imaging.outcome import Claim


class Seats:
    """A thread pool that knows how much room it has.

    It takes a few images more than it has threads, so that no seat waits for the next claim's round trips.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="seat")
        self._lock = threading.Lock()
        self.size = self.room = threads + threads // 4
        # From this much room on, asking for more is worth a claim; below it, every thread still has work.
        self.refill_at = max(1, threads // 8)

    def take(self, work: Callable[[Claim], None], claim: Claim) -> Future[None]:
        """Run `work(claim)` in a seat. Raises RuntimeError where the interpreter is ending."""
        future = self._pool.submit(work, claim)
        with self._lock:
            self.room -= 1
        future.add_done_callback(self._give_back)
        return future

    def close(self) -> None:
        """Take no more, and forget what has not begun; what has begun ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _give_back(self, _: Future[None]) -> None:
        with self._lock:
            self.room += 1
