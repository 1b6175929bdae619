"""Politeness: how many downloads at once one host has to bear."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jobs import errors
from jobs.imaging.deadline import Deadline


class HostTurns:
    """At most `limit` downloads at once from one host; 0 for no limit.

    The wait for a turn is part of a download's deadline, so that no seat is held longer than that. Whoever sets a
    limit should leave room for it: `limit` times the deadline, divided by the time of one download, is how many
    seats can wait for one host and all be served.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        # Only hosts in use have an entry: how many threads use it, and its turns.
        self._hosts: dict[str, tuple[int, threading.Semaphore]] = {}

    @contextmanager
    def turn(self, host: str, deadline: Deadline) -> Iterator[None]:
        """Hold one of the host's turns; raises DeadlineExceeded where none comes free in time."""
        if not self._limit:
            yield
            return
        with self._entry(host) as turns:
            if not turns.acquire(timeout=max(deadline.remaining, 0)):
                raise errors.DeadlineExceeded(
                    f"No turn at {host} came free in time: it is asked for {self._limit} images at once at most."
                )
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
