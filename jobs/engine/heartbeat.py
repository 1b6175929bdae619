"""A worker's heartbeat: one plain connection that holds its lock, beats, and listens."""

import logging
import os
import socket
from collections.abc import Callable, Collection
from time import monotonic
from typing import Any

import psycopg
from django.conf import settings
from psycopg.types.json import Jsonb

from jobs.engine.faults import TRANSIENT_SQLSTATES
from jobs.engine.model_report import as_json, is_away
from jobs.imaging.model_step import ModelState
from jobs.queue import WorkerGone, announcement
from retail_pulse.db import advisory_locks
from retail_pulse.db.dedicated import connect_dedicated
from retail_pulse.db.notify import notification, notify

logger = logging.getLogger(__name__)

CHANNEL = "retail_pulse_ready"
# A wake-up for all workers; any other is a number, by which some of them look, see `pace.py`.
EVERYONE = ""
# Six beats within a lease: one or two may be late without harm.
BEATS_PER_LEASE = 6


class Heartbeat:
    """Registers a worker and keeps it alive; made and closed by one thread at a time.

    The connection is outside Django's pool: it must be the same session for the worker's whole life,
    because the lock that says "alive" belongs to the session and is freed by the server when the process dies.
    `model` says how the process's model is doing, which goes into the worker's row with each beat.
    """

    def __init__(self, slots: int, model: Callable[[], ModelState | None] = lambda: None) -> None:
        self._model = model
        self._was_away = False
        self._connection = connect_dedicated()
        self._beat_every = settings.LEASE_SECONDS / BEATS_PER_LEASE
        try:
            with self._connection.transaction():
                # The row becomes visible at the commit, when its lock is held: nobody sees a worker that
                # looks dead because it is only beginning.
                self.worker_id: int = self._execute(
                    "INSERT INTO jobs_worker (host, pid, seats) VALUES (%s, %s, %s) RETURNING id",
                    [socket.gethostname()[:255], os.getpid(), slots],
                ).fetchall()[0][0]
                if not settings.LEASE_ONLY:
                    self._execute("SELECT pg_advisory_lock(%s, %s)", [advisory_locks.WORKER, self.worker_id])
                    # From the same moment on: a wake-up to a worker that can be seen is heard.
                    self._execute(f"LISTEN {CHANNEL}")
        except BaseException:
            # Whatever it is: an open connection would hold the worker's lock, and nobody would know of it.
            self._connection.close()
            raise
        self._next_beat = monotonic() + self._beat_every

    def wait(self, seconds: float) -> list[str]:
        """Wait at most `seconds` for a wake-up, beating when it is time; those that came: EVERYONE or a number.

        It is time, too, when the model goes away, and when it comes back.
        Raises WorkerGone where the worker's row was deleted, psycopg.Error where the connection is lost.
        """
        heard = list(self._connection.notifies(timeout=seconds, stop_after=1))
        state = self._model()
        if monotonic() >= self._next_beat or is_away(state) != self._was_away:
            self._beat(state)
        return [notification.payload for notification in heard]

    def _beat(self, state: ModelState | None) -> None:
        try:
            beat = self._execute(
                "UPDATE jobs_worker SET beat_at = clock_timestamp(), model = %s WHERE id = %s",
                [None if state is None else Jsonb(as_json(state)), self.worker_id],
            )
        except psycopg.Error as error:
            if error.sqlstate not in TRANSIENT_SQLSTATES:
                raise
            # Soon again: a full disk or a long lock must not cost what is in flight, unless it outlasts the lease.
            logger.warning("beating again", extra={"worker": self.worker_id, "error": str(error).strip()})
            return
        if beat.rowcount == 0:
            raise WorkerGone(f"Worker {self.worker_id} was declared dead.")
        self._next_beat = monotonic() + self._beat_every
        if is_away(state) != self._was_away:
            self._was_away = is_away(state)
            self._log_model(state)

    def _log_model(self, state: ModelState | None) -> None:
        if state is not None and state.absence is not None:
            logger.warning("model away", extra={"worker": self.worker_id, "reason": state.absence.reason})
        else:
            logger.info("model back", extra={"worker": self.worker_id})

    def announce(self, job_ids: Collection[int]) -> bool:
        """Announce that these jobs have moved; whether it could be."""
        return self._notify(*announcement(job_ids))

    def wake_everyone(self) -> bool:
        """Wake all listening engines; whether they could be."""
        return self._notify(*notification(CHANNEL, [EVERYONE]))

    def _notify(self, sql: str, parameters: list[Any] | None) -> bool:
        try:
            self._execute(sql, parameters)
        except psycopg.Error as error:
            # A hint is not worth an epoch; where the connection is lost, the next wait says so.
            logger.warning("nobody notified", extra={"worker": self.worker_id, "error": str(error).strip()})
            return False
        return True

    def leave(self) -> None:
        """Take the worker's row away and close; whatever it had claimed must have been recorded or released."""
        try:
            self._execute("DELETE FROM jobs_worker WHERE id = %s", [self.worker_id])
        except psycopg.Error as error:
            logger.warning("worker could not sign off", extra={"worker": self.worker_id, "error": str(error)})
        self.close()

    def close(self) -> None:
        """Drop the connection and leave the row: to everybody else the worker is dead from here on."""
        self._connection.close()

    def _execute(self, sql: str, parameters: list[Any] | None = None) -> psycopg.Cursor[Any]:
        return self._connection.execute(sql, parameters)


def wake_listeners(*, everyone: bool = False) -> None:
    """Wake listening engines, in this process or others; on Django's connection, outside of transactions."""
    # The same workers each time, whose connections and caches are warm; and others for another process.
    notify(CHANNEL, [EVERYONE if everyone else str(os.getpid())])
