"""A person's own cap on how many downloads at once one host has to bear, redirects included."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class NoTurn(Exception):
    """As many images are being downloaded from the host as may be at once; nothing was tried."""


class HostTurns:
    """At most `limit` downloads at once from one host; 0 for no limit. Nobody waits: who gets no turn comes back later.

    Images are handed out within the limit, so only a redirect may find no turn.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def turn(self, host: str) -> Iterator[None]:
        """Hold one of the host's turns; raises NoTurn where none is free."""
        if not self._limit:
            yield
            return
        with self._lock:
            if self._taken[host] >= self._limit:
                raise NoTurn(host)
            self._taken[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[host] -= 1
                if not self._taken[host]:
                    del self._taken[host]
