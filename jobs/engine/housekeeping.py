"""What the workers of one database do for all of them, in turns: dead workers' images, and those that have waited."""

import logging

from jobs import queue
from jobs.engine import pace
from jobs.engine.meter import Meter
from jobs.engine.moved_jobs import MovedJobs

logger = logging.getLogger(__name__)

# Until the next try, where an error has kept it from it.
RETRY_SECONDS = 0.5


class Housekeeping:
    """One worker's turns; `living` are the workers as it last counted them, and `place` is its own among them."""

    def __init__(self, worker_id: int, moved: MovedJobs, meter: Meter) -> None:
        self._worker_id = worker_id
        self._moved = moved
        self._meter = meter
        self._turn = pace.Turn()
        self.living, self.place = 1, 0

    @property
    def at(self) -> float:
        """When its next turn comes, on the monotonic clock."""
        return self._turn.at

    def do_if_due(self) -> int:
        """Take back what dead workers held, and make ready what has waited long enough, if it is this one's turn.

        Returns how many images are ready by it. Raises DatabaseError.
        """
        if not self._turn.has_come:
            return 0
        self._turn.comes_in(RETRY_SECONDS)
        due = queue.due()
        ready = (self._rescue() if due.rescue else 0) + (queue.promote() if due.promote else 0)
        self.living = len(due.workers)
        self.place = due.workers.index(self._worker_id) if self._worker_id in due.workers else 0
        self._turn.comes_in(pace.until_housekeeping(self.place, self.living))
        return ready

    def _rescue(self) -> int:
        """How many images are ready again."""
        rescued = queue.rescue()
        self._moved.add(rescued.moved_jobs)
        self._meter.rescued(rescued)
        if rescued.workers or rescued.released or rescued.crash_loops:
            logger.warning(
                "claims rescued",
                extra={
                    "worker": self._worker_id,
                    "dead_workers": rescued.workers,
                    "released": rescued.released,
                    "crash_loops": rescued.crash_loops,
                },
            )
        return rescued.released
