"""Who is told when a job moves: one connection listens for the whole process, however many watch.

A notification is a hint and may be lost with its connection; so whoever watches looks at the rows now and then too.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import psycopg
from django.conf import settings

from jobs.queue import JOBS_CHANNEL
from retail_pulse.db.dedicated import connect_dedicated

logger = logging.getLogger(__name__)

# How often the listening thread looks up, to see whether anybody still watches.
LISTEN_SECONDS = 1.0
# Between two tries to reach the database.
RETRY_SECONDS = 1.0
# A listener that nobody needs any more stays so long: watchers come back in the moment they are cut off.
LINGER_SECONDS = 10.0


class Watcher:
    """Told of one job, or of all of them."""

    def __init__(self, job_id: int | None) -> None:
        self.job_id = job_id
        self._moved = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long until the job has moved since the last time; whether it has."""
        moved = self._moved.wait(seconds)
        self._moved.clear()
        return moved

    def tell(self) -> None:
        self._moved.set()


class Listener:
    """Hears of moving jobs for as long as somebody watches; made once per process, see `listener`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Without watchers and without a thread: at first, and after a fork, where the parent's are not."""
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()
        self._thread: threading.Thread | None = None
        self._last_watched = 0.0
        self.closing = False

    @contextmanager
    def watch(self, job_id: int | None) -> Iterator[Watcher]:
        """Be told when this job moves, or any job for None; the caller looks at the row after this begins."""
        watcher = Watcher(job_id)
        with self._lock:
            self._watchers.add(watcher)
            # Behind a transaction pooler nobody can listen: then watchers look by themselves.
            if self._thread is None and not settings.LEASE_ONLY:
                self._thread = threading.Thread(target=self._listen, name="live", daemon=True)
                self._thread.start()
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers.discard(watcher)
                self._last_watched = monotonic()

    def close(self) -> None:
        """Let everybody who watches look up and see that the process is ending."""
        self.closing = True
        self._tell(None)

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def _listen(self) -> None:
        while self._is_needed():
            try:
                with connect_dedicated() as connection:
                    connection.execute(f"LISTEN {JOBS_CHANNEL}")
                    # What moved before is heard by nobody.
                    self._tell(None)
                    while self._is_needed():
                        for notification in connection.notifies(timeout=LISTEN_SECONDS):
                            self._tell({int(job_id) for job_id in notification.payload.split(",")})
            except psycopg.Error as error:
                logger.warning("not listening to jobs", extra={"error": str(error).strip()})
                threading.Event().wait(RETRY_SECONDS)

    def _is_needed(self) -> bool:
        """Whether to go on; where not, the thread is forgotten in the same moment."""
        with self._lock:
            lingers = monotonic() - self._last_watched < LINGER_SECONDS
            if not self.closing and (self._watchers or lingers):
                return True
            self._thread = None
            return False

    def _tell(self, job_ids: set[int] | None) -> None:
        with self._lock:
            for watcher in self._watchers:
                if job_ids is None or watcher.job_id is None or watcher.job_id in job_ids:
                    watcher.tell()


listener = Listener()
os.register_at_fork(after_in_child=listener.begin)
