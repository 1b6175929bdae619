"""gunicorn's configuration: one process with web threads and the engine inside.

Signals: SIGTERM and SIGINT drain, SIGQUIT exits at once (images in flight are rescued). gunicorn forwards a group's
SIGTERM, so it may arrive twice; the second one changes nothing.
"""

import logging
import math
import os
import signal
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from jobs.engine.base import get_engine
from jobs.reporting.notifications import listener
from retail_pulse.db.timeouts import set_statement_timeout
from retail_pulse.telemetry import serve_metrics
from retail_pulse.web.refusals import MAX_HEADER_BYTES, MAX_HEADERS, MAX_REQUEST_LINE
from retail_pulse.web.worker import BufferingWorker

logger = logging.getLogger(__name__)


# Where the database is away, the web side starts after this time all the same.
FIRST_LOOK_SECONDS = 0.5

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class EngineWorker(BufferingWorker):
    """The web server's worker with an engine inside, which stops claiming on a signal to end."""

    def load_wsgi(self) -> None:
        """The engine first: unfinished work resumes at boot, while requests wait in the socket for the web side."""
        set_statement_timeout(settings.DATABASE_PATIENCE_SECONDS)
        if settings.ENGINE_AUTOSTART == "auto":
            get_engine().start()
            # Imports would keep the engine's threads from running.
            get_engine().wait_for_first_look(FIRST_LOOK_SECONDS)
        else:
            get_engine().start_announcing()
        super().load_wsgi()
        serve_metrics()

    def init_signals(self) -> None:
        super().init_signals()
        # Ctrl-C reaches every process of the terminal's group: gunicorn would exit at once, this service drains.
        signal.signal(signal.SIGINT, self.handle_exit)
        # One that came since the fork arrives here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.alive:
            # Not here: the interrupted main thread may hold the lock that the engine's event needs.
            self.method_queue.defer(lambda: get_engine().stop_claiming())
            self.method_queue.defer(listener.close)
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        os._exit(0)


class SignalSafeArbiter(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    """A worker between its fork and its own handlers would lose a signal to end, and be killed much later."""

    def spawn_worker(self) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn in this process, configured by this module.

    Its workers are forked from what is already loaded, which makes a restart half as long as with a second
    interpreter. So nothing that does not survive a fork may be open when it runs: no thread, no connection.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def load_config(self) -> None:
        for name in self.cfg.settings.keys() & globals().keys():
            self.cfg.set(name, globals()[name])
        self.cfg.set("bind", self._address)

    def run(self) -> None:
        SignalSafeArbiter(self).run()

    def load(self) -> WSGIHandler:
        # Not `wsgi.py`, which would set Django up a second time, with new handlers under the engine's log.
        from retail_pulse.handler import Handler

        return Handler()


worker_class = EngineWorker
workers = 1
threads = settings.WEB_THREADS
# A worker whose event loop has not run for this long is replaced.
timeout = 60
# The engine's drain, and some time to record results and hand images back.
graceful_timeout = math.ceil(settings.SHUTDOWN_SECONDS) + 5
# Never restarted because of its age: a restart in the middle of work only costs time.
max_requests = 0
keepalive = 5
limit_request_line = MAX_REQUEST_LINE
limit_request_fields = MAX_HEADERS
limit_request_field_size = MAX_HEADER_BYTES
control_socket_disable = True


def when_ready(server: Arbiter) -> None:
    signal.signal(signal.SIGINT, lambda _, frame: server.signal(signal.SIGTERM, frame))
    if settings.API_OPEN:
        listening = ", ".join(str(listener) for listener in server.LISTENERS)
        logger.warning("API open: direct clients need no credentials, those behind a proxy do", extra={"at": listening})


def worker_exit(server: Arbiter, worker: Any) -> None:
    get_engine().stop()
