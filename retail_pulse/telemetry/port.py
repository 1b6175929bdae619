"""METRICS_PORT: `/metrics` for Prometheus, and the probes, of one process.

Whoever reaches the port may read it, so it is loopback's unless METRICS_HOST opens it. It has threads of its own: a
process whose slots and web threads are all busy still answers. Clients that say nothing give way to those that ask.
"""

import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import BoundedSemaphore, Thread
from time import sleep
from typing import Any

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from jobs.engine import metrics  # noqa: F401 - importing it registers them
from jobs.imaging.deadline import Watchdog
from retail_pulse import request_ids
from retail_pulse.health import probe
from retail_pulse.telemetry.collectors import DatabaseGauges, ProcessGauges

logger = logging.getLogger(__name__)

# For a whole request and its answer.
REQUEST_SECONDS = 10.0
# A monitor and a supervisor need two.
MOST_AT_ONCE = 16
# How soon the thread of a client that is hung up on is free.
GIVE_WAY_SECONDS = 1.0
# Between two tries to take the port: a process that is replaced may still have it.
RETRY_SECONDS = 1.0

disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in the library
for collector in (DatabaseGauges(), ProcessGauges()):
    REGISTRY.register(collector)


class Handler(BaseHTTPRequestHandler):
    server: "Server"
    server_version, sys_version = "RetailPulse", ""
    error_message_format, error_content_type = "%(message)s\n", "text/plain"

    def handle(self) -> None:
        with self.server.watchdog.deadline() as deadline:
            deadline.watch(self.connection)
            super().handle()

    def do_GET(self) -> None:
        self.server.has_asked(self.connection)
        path = self.path.partition("?")[0]
        if path.rstrip("/") == "/metrics":
            encode, kind = _choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, kind, encode(REGISTRY))
        elif (answer := probe(path)) is not None:
            self._answer(answer.status_code, answer["Content-Type"], answer.content)
        else:
            self._answer(404, "text/plain", b"Here are /metrics, /livez, /readyz and /startupz.\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(request_ids.HEADER, request_ids.choose(self.headers.get(request_ids.HEADER, "")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """A probe each second is no news."""


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 4 * MOST_AT_ONCE
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.watchdog = Watchdog(REQUEST_SECONDS)
        self._free = BoundedSemaphore(MOST_AT_ONCE)
        # The connections on which no whole request has arrived yet, in their order.
        self._silent: dict[Any, None] = {}
        super().__init__((host, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False) and not self._make_room():
            self.shutdown_request(request)
            return
        self._silent[request] = None
        try:
            super().process_request(request, client_address)
        except BaseException:
            # Mostly no thread could be had for it. Whatever it was, its place must be free again.
            self._leave(request)
            raise

    def _make_room(self) -> bool:
        """Hang up on the client that has said nothing for the longest; whether its place could be had."""
        silent = next(iter(list(self._silent)), None)
        if silent is None:
            return False
        self.has_asked(silent)
        with suppress(OSError):
            silent.shutdown(socket.SHUT_RDWR)
        return self._free.acquire(timeout=GIVE_WAY_SECONDS)

    def has_asked(self, request: Any) -> None:
        """A whole request has arrived on this connection, which nobody pushes out any more."""
        self._silent.pop(request, None)

    def _leave(self, request: Any) -> None:
        self.has_asked(request)
        self._free.release()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("metrics not sent", extra={"client": str(client_address)})


def _choose_encoder(accepted: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accepted)
    except (TypeError, ValueError):
        return choose_encoder("")  # the version that it asks for is no number


# What the log says where the port cannot be had.
_REFUSED = "no metrics yet: the port cannot be had", "METRICS_HOST is to be an address of this machine."
_REFUSALS = {
    errno.EADDRINUSE: (
        "no metrics yet: the port is taken",
        "Give each process of a machine a METRICS_PORT of its own.",
    ),
    errno.EACCES: ("no metrics yet: the port is forbidden", "Choose a METRICS_PORT from 1024 on."),
}


def serve() -> None:
    """Answer on METRICS_PORT from a thread of its own, from the moment on at which the port can be had."""
    Thread(target=_serve, name="metrics", daemon=True).start()


def _serve() -> None:
    at = f"{settings.METRICS_HOST} port {settings.METRICS_PORT}"
    was_refused = False
    while True:
        try:
            server = Server(settings.METRICS_HOST, settings.METRICS_PORT)
        except OSError as error:
            if not was_refused:
                event, cure = _REFUSALS.get(error.errno or 0, _REFUSED)
                logger.warning(event, extra={"at": at, "error": str(error), "cure": cure})
            was_refused = True
            sleep(RETRY_SECONDS)
        else:
            logger.info("metrics served", extra={"at": at})
            server.serve_forever()
