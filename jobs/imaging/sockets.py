"""Sockets to checked addresses, in bounded time.

The guard checks where the socket is opened, because only there is the address final: after a check of the URL, or of an
earlier DNS answer, a second look-up could return another address.
"""

import errno
import socket
from typing import Any

from jobs import errors
from jobs.imaging.deadline import Deadline
from jobs.imaging.guard import NOT_PUBLIC, Guard, address_class
from jobs.imaging.resolver import Resolver

CONNECT_SECONDS = 5.0  # for each address
CONNECT_TRIES = 4  # a name with many dead addresses must not use up the deadline
READ_SECONDS = 10.0  # of silence


class Connector:
    """Opens the sockets of one session, within the `deadline` of the current download.

    `opened` counts them, so that a request knows whether it used a connection that was open already.
    `address_class` is the class of the address that was tried last; empty if the name had none.
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
        # One forbidden address is enough to refuse the name: a regular name has none inside a private network.
        for *_, sockaddr in infos:
            self._guard.check(host, sockaddr[0])
        for family, *_, sockaddr in infos[:CONNECT_TRIES]:
            self.deadline.check()
            self.address_class = address_class(sockaddr[0])
            try:
                return self._open(host, family, sockaddr)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise errors.Internal from error  # this service's fault, not the server's
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
            # For the TLS handshake, which the watchdog cannot abort: it has no socket object until it is done.
            sock.settimeout(self._at_most(self.timeouts[1]))
        except BaseException:
            sock.close()
            raise
        self.opened += 1
        return sock

    def _at_most(self, seconds: float) -> float:
        # A timeout of 0 would make the socket non-blocking.
        return max(min(seconds, self.deadline.remaining), 0.001)
