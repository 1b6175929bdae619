"""The operator's own cap (FETCH_PER_HOST) on concurrent downloads from one host, redirects included."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class HostBusy(Exception):
    """The host already has as many downloads as the cap allows; nothing was tried."""


class HostCap:
    """At most `limit` concurrent downloads from one host; 0 for no limit. A further download fails at once.

    Images are claimed within the limit, so only a redirect may meet a host that is busy.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._downloads: Counter[str] = Counter()

    @contextmanager
    def download(self, host: str) -> Iterator[None]:
        """Count one download from the host while the block runs; raises HostBusy where the cap is reached."""
        if not self._limit:
            yield
            return
        with self._lock:
            if self._downloads[host] >= self._limit:
                raise HostBusy(host)
            self._downloads[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._downloads[host] -= 1
                if not self._downloads[host]:
                    del self._downloads[host]
