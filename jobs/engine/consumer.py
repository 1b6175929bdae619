"""Celery's worker in a thread of this process: takes messages from the broker and works one shift for each."""

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from billiard.common import restart_state
from celery.exceptions import CPendingDeprecationWarning, WorkerShutdown
from celery.worker import WorkController, state
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.asynchronous import set_event_loop

if TYPE_CHECKING:
    from jobs.engine.celery_app import App

logger = logging.getLogger(__name__)

# Between two tries to reach the broker; no longer after a long outage than after a short one.
RECONNECT_SECONDS = 0.5
# What reading a message may raise that is nobody's shift: a missing id, an id that is a list, a date out of range.
_MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


class Consumer(CeleryConsumer):
    """Tells the engine whether it is connected, and keeps trying at a steady pace."""

    app: "App"
    loop: Callable[..., None]
    connection_errors: tuple[type[BaseException], ...]

    def __init__(self, on_task_request: Callable[..., Any], **options: Any) -> None:
        # Workers need not know each other, and tell nobody that they live unless somebody watches their events.
        alone = {"without_gossip": True, "without_mingle": True, "without_heartbeat": not options.get("task_events")}
        options["worker_options"] = {**(options.get("worker_options") or {}), **alone}
        super().__init__(on_task_request, **options)
        # Its own pace is slow enough; Celery's limit would only add a traceback.
        self._restart_state = restart_state(maxR=0, maxT=1)
        self.loop = _reconnecting(self.loop)

    def ensure_connected(self, conn: Any) -> Any:
        """`conn`, once the broker answers; raises WorkerShutdown where the worker is to end before."""
        engine = self.app.engine

        def refused(error: Exception, interval: float) -> None:
            engine.consumer_lost(error)

        return conn.ensure_connection(
            refused,
            interval_start=RECONNECT_SECONDS,
            interval_step=0,
            interval_max=RECONNECT_SECONDS,
            callback=self.leave_if_stopping,
        )

    def leave_if_stopping(self) -> None:
        """Raises WorkerShutdown where this engine is to stop. Celery's own flag is of the whole process."""
        state.maybe_shutdown()
        if self.app.engine.stopping.is_set():
            raise WorkerShutdown(os.EX_OK)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        self.app.engine.consumer_lost(exc)
        with warnings.catch_warnings(category=CPendingDeprecationWarning, action="ignore"):
            # That it lets a shift go on, as it is told to.
            super().on_connection_error_after_connected(exc)
        # Also where it connects and is then refused, such as the right to declare: again, but not at once.
        self.app.engine.stopping.wait(RECONNECT_SECONDS)

    def register_with_event_loop(self, hub: Any) -> None:
        super().register_with_event_loop(hub)
        hub.add_reader(self.app.engine.alarm, self.on_alarm)

    def on_alarm(self) -> None:
        self.app.engine.alarm.answer()
        self.leave_if_stopping()

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """Discards what Celery fails to read, too: it would come back for ever, and end one worker after another."""
        handle = super().create_task_handler(*arguments, **options)

        def handle_or_discard(message: Any) -> None:
            try:
                handle(message)
            except _MALFORMED as error:
                logger.warning("foreign message discarded", extra={"error": repr(error)})
                if not message.acknowledged:
                    message.reject_log_error(logger, self.connection_errors)

        return handle_or_discard

    def on_ready(self) -> None:
        super().on_ready()
        self.app.engine.consumer_ready()


def _reconnecting(loop: Callable[..., None]) -> Callable[..., None]:
    """The event loop that takes what a queue of Redis may hold and kombu fails to read for a lost connection."""

    def loop_or_reconnect(*arguments: Any) -> None:
        try:
            loop(*arguments)
        except _MALFORMED as error:
            raise ConnectionError(f"unreadable message: {error!r}") from error

    return loop_or_reconnect


class Alarm:
    """Wakes the event loop of the consumer, which would notice a stop only within seconds."""

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)

    def fileno(self) -> int:
        return self._reading.fileno()

    def ring(self) -> None:
        try:
            self._writing.send(b"!")
        except BlockingIOError:
            """It rings already."""

    def answer(self) -> None:
        """The event loop is awake."""
        try:
            self._reading.recv(64)
        except BlockingIOError:
            """Somebody else has."""


class EmbeddedConsumer:
    """One worker of Celery, in one thread, until its engine stops; made anew for each start of the engine."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        # The pool's threads look for the task there.
        self._app.set_default()
        stopping = self._app.engine.stopping
        while not stopping.is_set():
            if self._work():
                # Told so by `celery control shutdown`, which means the process.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            stopping.wait(RECONNECT_SECONDS)

    def _work(self) -> bool:
        """Be a worker until stopped, or until it fails; whether it was told to end."""
        # Celery keeps these for a whole process: those of a worker that was stopped would stop this one.
        state.should_stop = None
        state.should_terminate = None
        state.reserved_requests.clear()
        state.active_requests.clear()
        set_event_loop(None)
        name = f"retail-pulse-{os.getpid()}@{socket.gethostname()}"
        try:
            worker = WorkController(app=self._app, hostname=name)
            worker.start()
        except Exception as error:  # noqa: BLE001 - without a consumer, the engine works by polling, and says so
            self._app.engine.consumer_lost(error)
            return False
        if self._app.engine.stopping.is_set():
            return False
        if worker.exitcode == os.EX_OK:
            return True
        self._app.engine.consumer_lost(RuntimeError("Celery's worker ended; the line before this says why."))
        return False
