"""Which jobs an engine has moved and not yet announced: many outcomes of a job make one announcement."""

from collections import deque
from collections.abc import Iterable
from time import monotonic

# Between two announcements.
ANNOUNCE_SECONDS = 0.25


class MovedJobs:
    """Filled by any thread, emptied by one."""

    def __init__(self) -> None:
        self._ids: deque[int] = deque()
        self._next = 0.0

    def add(self, job_ids: Iterable[int]) -> None:
        self._ids.extend(job_ids)

    def take(self) -> set[int]:
        """Those to be announced now; none where it is too soon after the last ones."""
        return self.take_all() if monotonic() >= self._next else set()

    def take_all(self) -> set[int]:
        """Those to be announced, however soon."""
        taken = set()
        while self._ids:
            taken.add(self._ids.popleft())
        if taken:
            self._next = monotonic() + ANNOUNCE_SECONDS
        return taken
