"""METRICS_PORT: `/metrics` for Prometheus, and the probes, of one process.

Whoever reaches the port may read it, so it is loopback's unless METRICS_HOST opens it. It has threads of its own: a
process whose slots and web threads are all busy still answers.
"""

import logging
import socket
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import BoundedSemaphore, Thread
from time import sleep
from typing import Any

from django.conf import settings
from prometheus_client import REGISTRY, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from jobs.engine import metrics  # noqa: F401 - importing it registers them
from jobs.imaging.deadline import Watchdog
from retail_pulse.health import probe
from retail_pulse.telemetry.collectors import DatabaseGauges, ProcessGauges

logger = logging.getLogger(__name__)

# For a whole request and its answer.
REQUEST_SECONDS = 10.0
# A monitor and a supervisor need two; whoever finds none free is turned away.
MOST_AT_ONCE = 16
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
        path = self.path.partition("?")[0]
        if path.rstrip("/") == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept", ""))
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
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """A probe each second is no news."""


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.watchdog = Watchdog(REQUEST_SECONDS)
        self._free = BoundedSemaphore(MOST_AT_ONCE)
        super().__init__((host, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("metrics not sent", extra={"client": str(client_address)})


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
                cure = "Give each process of a machine a METRICS_PORT of its own."
                logger.warning("no metrics yet: the port is taken", extra={"at": at, "error": str(error), "cure": cure})
            was_refused = True
            sleep(RETRY_SECONDS)
        else:
            logger.info("metrics served", extra={"at": at})
            server.serve_forever()
