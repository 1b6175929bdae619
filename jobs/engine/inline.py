"""An engine without threads: the caller of `wake_up` does the work. For tests and for stepping through."""

import time

from jobs import queue
from jobs.engine.base import Engine
from jobs.engine.heartbeat import Heartbeat
from jobs.imaging.pipeline import Pipeline
from jobs.models import ImageResult

# While images wait for their next attempt.
POLL_SECONDS = 0.01


class InlineEngine(Engine):
    """Empties the queue at every wake-up, retries included, and holds no worker row in between."""

    def __init__(self) -> None:
        self._started = False

    @property
    def is_running(self) -> bool:
        return self._started

    @property
    def in_flight(self) -> int:
        return 0

    def start(self) -> None:
        self._started = True
        self.wake_up()

    def start_announcing(self) -> None:
        """There are no others to be told."""

    def wait_for_first_look(self, seconds: float) -> None:
        """`start` has emptied the queue already."""

    def stop_claiming(self) -> None:
        self._started = False

    def stop(self) -> None:
        self.stop_claiming()

    def wake_up(self) -> None:
        if not self._started:
            return
        pipeline = Pipeline.from_settings()
        heartbeat = Heartbeat(slots=1)
        try:
            queue.announce(queue.rescue().moved_jobs)
            # One at a time: no host can be in another's way, so none is limited, and none paused.
            ImageResult.objects.deferred().update(waits_for="")
            while self._started:
                queue.promote()
                claims = queue.claim(heartbeat.worker_id, limit=1)
                if claims:
                    recorded = queue.record(heartbeat.worker_id, [pipeline.process(claim) for claim in claims])
                    queue.announce(recorded.moved_jobs)
                elif ImageResult.objects.waiting().exists():
                    time.sleep(POLL_SECONDS)
                else:
                    break
        finally:
            heartbeat.leave()
            pipeline.close()
