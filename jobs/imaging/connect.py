"""Sockets to checked addresses, in bounded time.

The guard stands where the socket is opened, because only there the address is final: a check of the URL or of
an earlier DNS answer leaves a second look-up in between.
"""

import errno
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from jobs import errors
from jobs.imaging.deadline import Deadline
from jobs.imaging.guard import NOT_PUBLIC, Guard, address_class

DNS_SECONDS = 5.0  # getaddrinfo has no timeout of its own
DNS_THREADS = 16
CONNECT_SECONDS = 5.0  # for each address
CONNECT_TRIES = 4  # a name with many dead addresses must not use up the deadline
READ_SECONDS = 10.0  # of silence

# What socket.getaddrinfo answers: family, type, protocol, canonical name, (address, port, …).
type AddressInfo = tuple[Any, ...]
type Lookup = Callable[..., Sequence[AddressInfo]]


class Resolver:
    """Name look-ups that end in time: each in a thread of its own, which a hung look-up may keep.

    At most `threads` of them at once. The threads are daemons, so that none can delay the end of the process.
    """

    def __init__(
        self, lookup: Lookup = socket.getaddrinfo, seconds: float = DNS_SECONDS, threads: int = DNS_THREADS
    ) -> None:
        self._lookup = lookup
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(threads)

    def resolve(self, host: str, port: int, deadline: Deadline) -> Sequence[AddressInfo]:
        """Every address of `host`, at least one; raises DNSNotFound, DNSTimeout."""
        if _is_literal(host):
            return self._lookup(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        seconds = min(self._seconds, deadline.remaining)
        if not self._free.acquire(timeout=max(seconds, 0)):
            raise errors.DNSTimeout
        answers: queue.SimpleQueue[Sequence[AddressInfo] | Exception] = queue.SimpleQueue()
        look_up = threading.Thread(target=self._look_up, args=(host, port, answers), name="dns", daemon=True)
        try:
            look_up.start()
        except RuntimeError:  # no thread to be had: the place must not be lost with it
            self._free.release()
            raise
        try:
            answer = answers.get(timeout=max(min(seconds, deadline.remaining), 0))
        except queue.Empty:
            raise errors.DNSTimeout from None
        if isinstance(answer, socket.gaierror) and answer.errno == socket.EAI_AGAIN:
            # The resolver itself waited in vain for its name servers.
            raise errors.DNSTimeout from None
        if isinstance(answer, Exception) or not answer:
            raise errors.DNSNotFound from None
        return answer

    def _look_up(self, host: str, port: int, answers: queue.SimpleQueue[Sequence[AddressInfo] | Exception]) -> None:
        try:
            answers.put(self._lookup(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - the waiting thread raises what it means
            answers.put(error)
        finally:
            self._free.release()


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class Connector:
    """Opens the sockets of one session, within the `deadline` of the download at hand.

    `opened` counts them, so that a request knows whether it went over a connection that was there before.
    `address_class` is the class of the address that was tried last; empty where a name led to none.
    """

    deadline: Deadline
    opened = 0
    address_class = ""

    def __init__(
        self,
        guard: Guard,
        resolver: Resolver,
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self.timeouts = timeouts

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket; raises Blocked, DNSNotFound, DNSTimeout, ConnectionFailed, DeadlineExceeded."""
        self.address_class = ""
        try:
            return self._connect(host, port)
        except errors.Blocked:
            self.address_class = NOT_PUBLIC
            raise

    def _connect(self, host: str, port: int) -> socket.socket:
        infos = self._resolver.resolve(host, port, self.deadline)
        # One forbidden answer spoils them all: an honest name has no address inside somebody's network.
        for *_, sockaddr in infos:
            self._guard.check(host, sockaddr[0])
        for family, *_, sockaddr in infos[:CONNECT_TRIES]:
            self.deadline.check()
            self.address_class = address_class(sockaddr[0])
            try:
                return self._open(host, family, sockaddr)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise errors.Internal from error  # our fault, not the server's
        self.deadline.check()
        raise errors.ConnectionFailed

    def _open(self, host: str, family: int, sockaddr: tuple[Any, ...]) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._at_most(self.timeouts[0]))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(sockaddr)
            peer = sock.getpeername()
            if peer[:2] != sockaddr[:2]:
                raise errors.Blocked
            self._guard.check(host, peer[0])
            # For the TLS handshake, which the watchdog cannot cut: it has no socket object until it is done.
            sock.settimeout(self._at_most(self.timeouts[1]))
        except BaseException:
            sock.close()
            raise
        self.opened += 1
        return sock

    def _at_most(self, seconds: float) -> float:
        # A timeout of 0 would make the socket non-blocking.
        return max(min(seconds, self.deadline.remaining), 0.001)
