"""One total time limit per download.

The timeouts of sockets and libraries are per read: a server that sends a byte every few seconds, or `100 Continue` for
ever, never runs into one. So a watchdog thread shuts down the socket of a download whose time is up. To the thread that
reads, this looks like the end of the stream; after every read it checks `Deadline.expired`.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf

from jobs import errors


class Deadline:
    """The moment by which one download must have ended."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds
        self._socket: socket.socket | None = None

    @property
    def remaining(self) -> float:
        """Seconds left, 0 or less once the time is up."""
        return self.at - time.monotonic()

    @property
    def expired(self) -> bool:
        return self.remaining <= 0

    def check(self) -> None:
        """Raise DeadlineExceeded once the time is up."""
        if self.expired:
            raise errors.DeadlineExceeded

    def watch(self, sock: socket.socket) -> None:
        """From now on, shut down `sock` when the time is up."""
        self._socket = sock
        # The time may have run out just before there was a socket.
        if self.expired:
            self.cut()

    def cut(self) -> None:
        """Shut down the watched socket, so that a thread reading from it wakes up."""
        if self._socket is not None:
            # The base class's method: SSLSocket.shutdown would discard the TLS state that the reader is using.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Watchdog:
    """Creates deadlines of `seconds` each, and enforces them with one daemon thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        # All deadlines are equally long, so the order of insertion is the order of expiry.
        self._running: dict[Deadline, None] = {}
        self._wakes_at = inf
        self._closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def deadline(self) -> Iterator[Deadline]:
        """A deadline that starts now and is enforced until the block is left."""
        with self._changed:
            deadline = Deadline(0 if self._closed else self._seconds)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="fetch-watchdog", daemon=True)
                # Where none can be had, the next deadline tries again.
                thread.start()
                self._thread = thread
            # Usually it sleeps until an earlier deadline and need not be woken for this one.
            elif deadline.at < self._wakes_at:
                self._changed.notify()
            self._running[deadline] = None
        try:
            yield deadline
        finally:
            with self._changed:
                self._running.pop(deadline, None)

    def close(self) -> None:
        """Expire every running deadline at once, and any later one, and end the thread."""
        with self._changed:
            self._closed = True
            for deadline in self._running:
                deadline.at = 0.0
                deadline.cut()
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                first = next(iter(self._running), None)
                if first is not None and first.expired:
                    del self._running[first]
                    first.cut()
                else:
                    self._wakes_at = first.at if first else inf
                    self._changed.wait(first.remaining if first else None)
