"""Tops the broker's queue up with shifts while images are ready; the one part of a process that talks to it to say so.

A message holds no image: it only lets one worker look at the queue in the database, see `gate.py`. So a message too
many costs one look, and a message too few is found within INTERVAL_SECONDS by the publisher of any process.
"""

import atexit
import logging
import random
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, connection, connections
from kombu import Connection

from jobs import queue
from jobs.engine.celery_app import ANSWER_SECONDS, QUEUE, TASK
from jobs.engine.heartbeat import wake_listeners
from jobs.engine.meter import Meter
from retail_pulse import request_ids

if TYPE_CHECKING:
    from jobs.engine.celery_app import App

logger = logging.getLogger(__name__)

# How often, at least, the queue and the broker are looked at where nobody says that there is work.
INTERVAL_SECONDS = 1.5
# Between two looks, however often somebody says so.
PAUSE_SECONDS = 0.05
# The most messages that wait at once: as many workers begin at the same time, and the next ones soon after.
MOST_SHIFTS = 64
# How long the end of a process may wait for its last messages.
FLUSH_SECONDS = 2.0


class Publisher:
    """One daemon thread; `hint` may be called from any thread and never waits for database or broker.

    `looked` is told after each look how many images are ready, and why the broker cannot be used, or None.
    """

    def __init__(self, app: "App", looked: Callable[[int, BaseException | None], None], meter: Meter) -> None:
        self._app = app
        self._looked = looked
        self._meter = meter
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._hinted = threading.Event()
        self._stopping = threading.Event()
        self._link: Connection | None = None
        # The id of the latest request that brought work; as a hint is, it is of use and may be missed.
        self._request: dict[str, str] = {}
        # Until one was: what a broker says of itself is not enough, where it is out of memory.
        self._must_prove = False
        self.published = 0

    def start(self) -> None:
        """Begin; does nothing where it runs already."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            # The first look is due at once.
            self._hinted.set()
            self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
            self._thread.start()
            # A command that has submitted a job ends before the thread has said so.
            atexit.register(self.stop)

    def hint(self) -> None:
        """There may be work for which no message waits; a message that is sent for it carries the request's id."""
        self._request = request_ids.as_headers() or self._request
        self._hinted.set()

    def stop(self) -> None:
        """Look once more, and end; a broker that takes longer than FLUSH_SECONDS is not waited for."""
        self._stopping.set()
        self._hinted.set()
        if self._thread is not None:
            self._thread.join(FLUSH_SECONDS)
        atexit.unregister(self.stop)

    def _run(self) -> None:
        try:
            while True:
                hinted = self._hinted.wait(INTERVAL_SECONDS * random.uniform(0.75, 1))  # noqa: S311 - protects nothing
                is_last = self._stopping.is_set()
                self._hinted.clear()
                self._look(hinted=hinted)
                if is_last:
                    return
                self._stopping.wait(PAUSE_SECONDS)
        finally:
            self._close()
            connections.close_all()

    def _look(self, *, hinted: bool) -> None:
        ready = self._count_ready()
        try:
            self._top_up(-(-ready // settings.SHIFT_IMAGES))
        except Exception as error:  # noqa: BLE001 - whatever a broker or its library does, the next look tries again
            self._close()
            self._must_prove = True
            self._looked(ready, error)
            if hinted and ready:
                # All who cannot reach it either listen to the database.
                self._notify()
        else:
            self._must_prove = False
            self._looked(ready, None)

    def _count_ready(self) -> int:
        """How many images could be claimed, as far as it matters; 0 where the database is away."""
        try:
            return queue.count_claimable(MOST_SHIFTS * settings.SHIFT_IMAGES)
        except DatabaseError:
            # The engine waits for it, and says so.
            return 0
        finally:
            connection.close()

    def _top_up(self, wanted: int) -> None:
        """Let as many messages wait as are `wanted`, and at most MOST_SHIFTS. Raises whatever the broker does."""
        if self._link is None:
            self._link = self._app.connection_for_write()
            # Not `connect`, which tries twice, two seconds apart.
            self._link.ensure_connection(max_retries=0)
        channel = self._link.default_channel
        declared: Any = self._app.amqp.queues[QUEUE].bind(channel).queue_declare()
        missing = max(min(wanted, MOST_SHIFTS) - declared.message_count, int(self._must_prove))
        headers, self._request = self._request, {}
        with self._app.amqp.Producer(channel, auto_declare=False) as producer:
            for _ in range(missing):
                self._app.send_task(
                    TASK,
                    producer=producer,
                    headers=headers,
                    retry=False,
                    timeout=ANSWER_SECONDS,
                    confirm_timeout=ANSWER_SECONDS,
                )
                self.published += 1
                self._meter.shifts("published")

    def _notify(self) -> None:
        try:
            wake_listeners(everyone=True)
        except DatabaseError:
            """Then nobody can work, either."""
        finally:
            connection.close()

    def _close(self) -> None:
        """Drop the connection; a broker that hangs is not waited for."""
        link, self._link = self._link, None
        if link is not None:
            link.collect(socket_timeout=0.1)
