"""gunicorn's threaded worker, which no slow client can bring to a standstill.

A thread takes a connection once a request is there, head and body: the main loop reads both as they arrive, a head
within WEB_HEAD_SECONDS, a body at its pace, and keeps long bodies in temporary files. WEB_REQUEST_SECONDS bound the
answer. The probes have threads of their own, so that they are answered while all others are busy. Connections beyond
the number that a worker may hold push out those that have waited longest; bodies beyond what it may keep, those of the
client that has sent most.
"""

import errno
import logging
import resource
import selectors
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import ThreadWorker

from jobs.imaging.deadline import Watchdog
from retail_pulse import request_ids
from retail_pulse.web.bodies import ArrivingBodies
from retail_pulse.web.connection import PROBES, PROBES_ON_A_CONNECTION, Arrival, Connection, Waiting
from retail_pulse.web.refusals import (
    MAX_REQUEST_LINE,
    BodyGivenUp,
    BodyTooSlow,
    HeadTooSlow,
    NoHTTP,
    TLSHandshake,
    answer,
    refusal_of,
    request_id_of,
)

logger = logging.getLogger(__name__)

# How long a connection may stay open for the client to read its last answer (RFC 9112, section 9.6).
LINGER_SECONDS = 2.0
TLS = b"\x16\x03"  # how a handshake begins
# Connections that are always left for others to be accepted.
SPARE = 16
# Bodies of the largest size that a worker keeps room for.
MAX_BODIES = 32
# Each connection takes a file, a long body another, and so do downloads and the database; many systems allow 1,024.
OPEN_FILES = 16_384


class BufferingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Those that are kept for another request, which nobody pushes out.
        self.max_keepalived = self.worker_connections // 2
        self._watchdog = Watchdog(settings.WEB_REQUEST_SECONDS)
        self._heads = Waiting(settings.WEB_HEAD_SECONDS)
        self._bodies = ArrivingBodies()
        self._kept_bytes = 0
        self._leaving = Waiting(LINGER_SECONDS)
        self._handled = threading.local()

    def init_process(self) -> None:
        _allow_open_files()
        self._probes = {path: ThreadPoolExecutor(1, thread_name_prefix=path[1:]) for path in PROBES}
        super().init_process()

    # The main loop

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                if not self._push_out():
                    time.sleep(0.01)  # the listener stays readable until somebody leaves
            elif error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        self.enqueue_req(Connection(self.cfg, sock, client, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """A request begins, or may begin: on a new connection, or on a kept one on which something has arrived."""
        conn.begin()
        head = conn.read_head()
        if head is Arrival.PART:
            self._heads.add(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_head, conn))
        else:
            self._after_head(conn, head)

    def _read_head(self, conn: Connection, _: socket.socket) -> None:
        # Another event of the same moment may have ended it.
        if conn in self._heads and (head := conn.read_head()) is not Arrival.PART:
            self._forget(conn, self._heads)
            self._after_head(conn, head)

    def _after_head(self, conn: Connection, head: Arrival) -> None:
        match head:
            case Arrival.WHOLE:
                if conn.body is None:
                    self._hand_over(conn)
                else:
                    self._kept_bytes += conn.body.received
                    self._bodies.add(conn, conn.body)
                    self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_body, conn))
            case Arrival.TOO_LARGE if b"\r\n" in conn.head[: MAX_REQUEST_LINE + 2]:
                self._refuse(conn, LimitRequestHeaders("the whole head"))
            case Arrival.TOO_LARGE:
                self._refuse(conn, LimitRequestLine(len(conn.head), MAX_REQUEST_LINE))
            case Arrival.NO_HTTP:
                self._refuse(conn, TLSHandshake() if conn.head.startswith(TLS) else NoHTTP())
            case _:
                self._close(conn)

    def _read_body(self, conn: Connection, _: socket.socket) -> None:
        if conn not in self._bodies or conn.body is None:
            return  # as above
        before = conn.body.received
        try:
            arrival = conn.read_body()
        except OSError as error:
            logger.error("no room for a body", extra={"error": str(error)})
            self._give_up(conn, BodyGivenUp())
            return
        self._kept_bytes += conn.body.received - before
        if arrival is not Arrival.PART:
            self._forget(conn, self._bodies)
            if arrival is Arrival.WHOLE:
                self._hand_over(conn)
            else:
                self._close(conn)

    def _hand_over(self, conn: Connection) -> None:
        pool: Any = self._probes[conn.probe] if conn.probe else self.tpool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _give_up(self, conn: Connection, error: Exception) -> None:
        self._forget(conn, self._bodies)
        self._refuse(conn, error)

    def _refuse(self, conn: Connection, error: Exception) -> None:
        self._drop_body(conn)
        self.handle_error(None, conn.sock, conn.client, error, conn)
        self._hang_up(conn)

    def finish_request(self, conn: Connection, future: Future[Any]) -> None:
        self._drop_body(conn)
        if not future.cancelled() and future.exception() is None and future.result():
            super().finish_request(conn, future)
        else:
            self._hang_up(conn)

    def _hang_up(self, conn: Connection) -> None:
        """Close for writing now, and for good once the client has, or LINGER_SECONDS later."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._see_off, conn))
        except (OSError, ValueError):
            self._close(conn)  # it is closed already
        else:
            self._leaving.add(conn)

    def _see_off(self, conn: Connection, _: socket.socket) -> None:
        if conn in self._leaving and not conn.discard():
            self._forget(conn, self._leaving)
            self._close(conn)

    def _drop_body(self, conn: Connection) -> None:
        if conn.body is not None:
            self._kept_bytes -= conn.body.received
            conn.drop_body()

    def _forget(self, conn: Connection, waiting: Waiting | ArrivingBodies) -> None:
        waiting.remove(conn)
        self.poller.unregister(conn.sock)

    def _close(self, conn: Connection) -> None:
        self._drop_body(conn)
        self.nr_conns -= 1
        conn.close()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        first = min(self._heads.next_end, self._bodies.next_end, self._leaving.next_end)
        super().wait_for_and_dispatch_events(max(0.0, min(timeout, first - time.monotonic())))

    def murder_pending(self) -> None:
        """gunicorn calls it after every round of events."""
        for conn in self._heads.expired():
            self._forget(conn, self._heads)
            if conn.head:
                self._refuse(conn, HeadTooSlow())
            else:
                self._close(conn)
        for conn in self._bodies.behind():
            self._give_up(conn, BodyTooSlow())
        for conn in self._bodies.too_late():
            self._give_up(conn, BodyGivenUp())
        for conn in self._leaving.expired():
            self._forget(conn, self._leaving)
            self._close(conn)
        while self._kept_bytes > MAX_BODIES * settings.MAX_BODY_BYTES:
            if (heaviest := self._bodies.of_the_heaviest_client()) is None:
                break  # all are whole, and soon answered
            self._give_up(heaviest, BodyGivenUp())
        while self.nr_conns > self.worker_connections - SPARE and self._push_out():
            pass

    def _push_out(self) -> bool:
        """Take leave of the connection that has waited longest; False where none only waits."""
        if (conn := self._leaving.first()) is not None:
            self._forget(conn, self._leaving)
            self._close(conn)
            return True
        waiting = [conn for conn in (self._heads.first(), self._bodies.first()) if conn is not None]
        if not waiting:
            return False
        conn = min(waiting, key=lambda each: each.began)
        if conn in self._heads:
            self._forget(conn, self._heads)
            self._close(conn)
        else:
            self._give_up(conn, BodyGivenUp())
        return True

    def _cap_keepalive(self, deadline: float) -> None:
        """When a worker stops, nobody may wait beyond this moment."""
        super()._cap_keepalive(deadline)
        self._heads.end_by(deadline)
        self._bodies.end_by(deadline)

    # The threads

    def handle(self, conn: Connection) -> Any:
        self._handled.conn = conn
        with self._watchdog.deadline() as deadline:
            deadline.watch(conn.sock)
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        if not conn.holds_body_of(req):
            req.force_close()
        if conn.probe and conn.parser.req_count >= PROBES_ON_A_CONNECTION:
            req.force_close()
        is_kept = super().handle_request(req, conn)
        conn.answered = True
        conn.head.clear()
        return is_kept

    def handle_error(
        self, req: Any, client: socket.socket, addr: Any, exc: Exception, conn: Connection | None = None
    ) -> None:
        """Answers a request that never became one, or that failed outside the application."""
        conn = conn or self._handled.conn
        if conn.answered:
            return  # what is wrong lies behind the request, and the connection is closed
        head, refusal = bytes(conn.head), refusal_of(exc)
        with request_ids.using(request_id_of(head)):
            if refusal.status == 500:
                logger.error("request failed", exc_info=exc)
            else:
                # Not its text, which repeats what the client sent.
                extra = {"status": refusal.status, "client": str(addr and addr[0]), "error": type(exc).__name__}
                logger.warning("request refused", extra=extra)
            with suppress(OSError):  # the client has gone, or takes nothing
                client.sendall(answer(head, refusal))


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
