"""Notifies watchers when a job changes: one connection listens for the whole process, however many watch.

A notification is only a hint and may be lost with its connection, so watchers also read the rows from time to time.
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

# How often the listening thread checks whether there are still watchers.
LISTEN_SECONDS = 1.0
# The pause between two attempts to connect to the database.
RETRY_SECONDS = 1.0
# How long the listener stays without watchers, because disconnected ones usually come back at once.
LINGER_SECONDS = 10.0


class Watcher:
    """Waits for changes of one job, or of any job if `job_id` is None."""

    def __init__(self, job_id: int | None) -> None:
        self.job_id = job_id
        self._changed = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for a change since the last call; returns whether there was one."""
        changed = self._changed.wait(seconds)
        self._changed.clear()
        return changed

    def notify(self) -> None:
        self._changed.set()


def _ids_in(payload: str) -> set[int] | None:
    """The jobs that an announcement names; None, which is any of them, where it comes from another version."""
    try:
        return {int(job_id) for job_id in payload.split(",")}
    except ValueError:
        return None


class Listener:
    """Listens for changes of jobs while there are watchers; created once per process, see `listener`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start without watchers and without a thread: at first, and after a fork, which does not copy threads."""
        self._lock = threading.Lock()
        self._watchers: set[Watcher] = set()
        self._thread: threading.Thread | None = None
        self._last_watched = 0.0
        self.closing = False

    @contextmanager
    def watch(self, job_id: int | None) -> Iterator[Watcher]:
        """Get notified when this job changes, or any job for None; the caller reads the row once this has begun."""
        watcher = Watcher(job_id)
        try:
            with self._lock:
                self._watchers.add(watcher)
                # LISTEN does not work through a transaction pooler: watchers then rely on reading the rows.
                if self._thread is None and not settings.LEASE_ONLY:
                    thread = threading.Thread(target=self._listen, name="live", daemon=True)
                    # Where none can be had, the next watcher tries again.
                    thread.start()
                    self._thread = thread
            yield watcher
        finally:
            with self._lock:
                self._watchers.discard(watcher)
                self._last_watched = monotonic()

    def close(self) -> None:
        """Wake all watchers, so that they see that the process is ending."""
        self.closing = True
        self._notify(None)

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def _listen(self) -> None:
        while self._is_needed():
            try:
                with connect_dedicated() as connection:
                    connection.execute(f"LISTEN {JOBS_CHANNEL}")
                    # Earlier changes were not heard.
                    self._notify(None)
                    while self._is_needed():
                        for notification in connection.notifies(timeout=LISTEN_SECONDS):
                            self._notify(_ids_in(notification.payload))
            except psycopg.Error as error:
                logger.warning("not listening to jobs", extra={"error": str(error).strip()})
                threading.Event().wait(RETRY_SECONDS)

    def _is_needed(self) -> bool:
        """Whether to go on; if not, the thread is forgotten under the same lock."""
        with self._lock:
            lingers = monotonic() - self._last_watched < LINGER_SECONDS
            if not self.closing and (self._watchers or lingers):
                return True
            self._thread = None
            return False

    def _notify(self, job_ids: set[int] | None) -> None:
        with self._lock:
            for watcher in self._watchers:
                if job_ids is None or watcher.job_id is None or watcher.job_id in job_ids:
                    watcher.notify()


listener = Listener()
os.register_at_fork(after_in_child=listener.begin)
