"""Politeness: how many downloads at once one host has to bear."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.imaging.deadline import Deadline

# A seat waits no longer for a host: it is of more use to another host's image.
TURN_SECONDS = 2.0


class NoTurn(Exception):
    """As many images are being downloaded from the host as may be at once; nothing was tried."""


class HostTurns:
    """At most `limit` downloads at once from one host; 0 for no limit.

    Who gets no turn within TURN_SECONDS is sent away, to come back later: so no host can hold every seat.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        # Only hosts in use have an entry: how many threads use it, and its turns.
        self._hosts: dict[str, tuple[int, threading.Semaphore]] = {}

    @contextmanager
    def turn(self, host: str, deadline: Deadline) -> Iterator[None]:
        """Hold one of the host's turns; raises NoTurn where none comes free, DeadlineExceeded at the deadline."""
        if not self._limit:
            yield
            return
        with self._entry(host) as turns:
            if not turns.acquire(timeout=max(min(TURN_SECONDS, deadline.remaining), 0)):
                deadline.check()
                raise NoTurn(host)
            try:
                yield
            finally:
                turns.release()

    @contextmanager
    def _entry(self, host: str) -> Iterator[threading.Semaphore]:
        with self._lock:
            users, turns = self._hosts.get(host, (0, threading.Semaphore(self._limit)))
            self._hosts[host] = users + 1, turns
        try:
            yield turns
        finally:
            with self._lock:
                users, turns = self._hosts.pop(host)
                if users > 1:
                    self._hosts[host] = users - 1, turns
