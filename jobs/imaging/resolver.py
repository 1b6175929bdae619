"""Host names to addresses, in bounded time, whatever name servers do.

`getaddrinfo` has no time limit, so each look-up runs in a thread that may be abandoned. A name has one
look-up at a time, which is shared by all who need it; a name that did not resolve in time is not looked up again for a
few seconds, nor while its look-up hangs. So a name that hangs delays only its own images, and costs one thread.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from time import monotonic
from typing import Any

from jobs import errors
from jobs.imaging.deadline import Deadline

DNS_SECONDS = 5.0
# The C library gives up a hung look-up after half a minute: it takes seventeen new ones a second to use up all threads.
DNS_THREADS = 512
# How long a name that did not resolve in time is not looked up again.
NEGATIVE_SECONDS = 5.0
# A look-up that has not ended by then never will: the name may have another.
LOST_SECONDS = 60.0
# How many names have their last addresses kept, for when no thread is free.
MOST_KNOWN = 1_024

# What socket.getaddrinfo answers: family, type, protocol, canonical name, (address, port, …).
type AddressInfo = tuple[Any, ...]
type Lookup = Callable[..., Sequence[AddressInfo]]


class _LookUp:
    """One look-up of a name, shared by all who wait for it."""

    def __init__(self) -> None:
        self.began = monotonic()
        self.has_ended = threading.Event()
        self.infos: Sequence[AddressInfo] = ()
        self.error: Exception | None = None


class Resolver:
    """Looks up names for many threads. Its own threads are daemons, so that none can delay the end of the process."""

    def __init__(
        self, lookup: Lookup = socket.getaddrinfo, seconds: float = DNS_SECONDS, threads: int = DNS_THREADS
    ) -> None:
        self._lookup = lookup
        self._seconds = seconds
        self._threads = threads
        self._lock = threading.Lock()
        self._running: dict[str, _LookUp] = {}
        self._silent: dict[str, float] = {}
        self._known: dict[str, Sequence[AddressInfo]] = {}
        self._alive = 0

    def resolve(self, host: str, port: int, deadline: Deadline) -> Sequence[AddressInfo]:
        """Every address of `host`, at least one; raises DNSNotFound, DNSTimeout."""
        if _is_literal(host):
            return self._lookup(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        look_up = self._join(host, port)
        if not isinstance(look_up, _LookUp):
            infos = look_up
        else:
            left = min(look_up.began + self._seconds - monotonic(), deadline.remaining)
            if not look_up.has_ended.wait(max(left, 0)):
                if not deadline.expired:
                    self._fell_silent(host)
                raise errors.DNSTimeout
            if isinstance(look_up.error, socket.gaierror) and look_up.error.errno == socket.EAI_AGAIN:
                # The C library itself got no answer from its name servers.
                self._fell_silent(host)
                raise errors.DNSTimeout
            infos = look_up.infos
        if not infos:
            raise errors.DNSNotFound
        return [(*info, (address[0], port, *address[2:])) for *info, address in infos]

    def _join(self, host: str, port: int) -> _LookUp | Sequence[AddressInfo]:
        """The name's running look-up, or a new one; or its last addresses if no thread is free for one."""
        with self._lock:
            now = monotonic()
            if self._silent.get(host, now) > now:
                raise errors.DNSTimeout
            running = self._running.get(host)
            if running is not None and now - running.began < max(self._seconds, LOST_SECONDS):
                return running
            if self._alive >= self._threads:
                if host in self._known:
                    return self._known[host]
                raise errors.TooManyLookUps
            look_up = _LookUp()
            thread = threading.Thread(target=self._look_up, args=(host, port, look_up), name="dns", daemon=True)
            thread.start()  # if this fails, nothing has changed yet
            self._running[host] = look_up
            self._alive += 1
            return look_up

    def _look_up(self, host: str, port: int, look_up: _LookUp) -> None:
        try:
            look_up.infos = self._lookup(host, port, type=socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001 - those who wait raise what it means
            look_up.error = error
        finally:
            with self._lock:
                self._alive -= 1
                if self._running.get(host) is look_up:
                    del self._running[host]
                if look_up.infos:
                    self._silent.pop(host, None)
                    self._known.pop(host, None)
                    self._known[host] = look_up.infos
                    if len(self._known) > MOST_KNOWN:
                        del self._known[next(iter(self._known))]
            look_up.has_ended.set()

    def _fell_silent(self, host: str) -> None:
        with self._lock:
            now = monotonic()
            self._silent.pop(host, None)
            self._silent[host] = now + NEGATIVE_SECONDS
            # In order of insertion, so those that have expired come first.
            while self._silent and (self._silent[oldest := next(iter(self._silent))] <= now):
                del self._silent[oldest]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
