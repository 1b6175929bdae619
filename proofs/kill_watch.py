"""How long it takes until the claims of a dead or frozen worker are back in the queue."""

import threading
import time
from dataclasses import dataclass

from proofs.world.cluster import Cluster, Observer

LOOK_SECONDS = 0.02


@dataclass(slots=True)
class Rescue:
    """One event's workers; `seconds` from the event until none of them holds anything, None while one does."""

    kind: str
    workers: list[int]
    begun: float
    held: int
    """Images in flight at the time of the event."""
    seconds: float | None = None


class Watch(threading.Thread):
    """Reads the database every LOOK_SECONDS, from outside the service."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(name="watch", daemon=True)
        self._observer = Observer(cluster)
        self._stopping = threading.Event()
        self.rescues: list[Rescue] = []

    def run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            waiting = [rescue for rescue in self.rescues if rescue.seconds is None]
            if not waiting:
                continue
            workers = [worker for rescue in waiting for worker in rescue.workers]
            # The row as well: a dead worker's last claim may be committed after its death.
            held = self._observer.query(
                "SELECT id FROM jobs_worker WHERE id = ANY(%s)"
                " UNION SELECT claimed_by FROM jobs_imageresult WHERE state = 'running' AND claimed_by = ANY(%s)",
                [workers, workers],
            )
            now = time.monotonic()
            holders = {worker for (worker,) in held}
            for rescue in waiting:
                if holders.isdisjoint(rescue.workers):
                    rescue.seconds = now - rescue.begun
        self._observer.close()

    def stop(self) -> None:
        self._stopping.set()
        if self.is_alive():
            self.join()
