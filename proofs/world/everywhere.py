"""One server for a whole Internet: it listens at every address, serves images at a few and records calls to others.

Good addresses serve an image at every path, whatever the method, hang up after `/close`, and redirect from `/to-0-…` to
the bytes that follow in base64, from `/to-9-…` to the same with nine letters behind. At every other address, and at
every other port, it is a canary.
"""

import base64
import socket
import ssl
import threading
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple, Self

IMAGE = b"a good image"
# How long a canary waits for the caller's request.
_LISTEN_SECONDS = 1.0


class Call(NamedTuple):
    """A request that should never have been sent."""

    address: str
    port: int
    request: str


class Everywhere:
    """Listens on `ports`; only `good` addresses on port 80, and on 443 with `tls`, may be called."""

    def __init__(self, ports: Collection[int], good: Collection[str], tls: ssl.SSLContext) -> None:
        self._good = frozenset(good)
        self._tls = tls
        # The kernel shows IPv4 callers as mapped addresses, so that one socket per port takes both kinds; the shared
        # port lets a proof use one address of it for another server.
        self._listeners = [
            socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, reuse_port=True, backlog=256
            )
            for port in ports
        ]
        # Lists, because many threads append to them.
        self.good_accepts: list[str] = []
        self.canary_accepts: list[tuple[str, int]] = []
        self.canary_calls: list[Call] = []

    def __enter__(self) -> Self:
        for listener in self._listeners:
            threading.Thread(target=self._accept, args=(listener,), name="everywhere", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                local = ip_address(sock.getsockname()[0])
                address, port = str(getattr(local, "ipv4_mapped", None) or local), int(sock.getsockname()[1])
                if address in self._good and port in (80, 443):
                    self.good_accepts.append(address)
                    play = self._serve
                else:
                    self.canary_accepts.append((address, port))
                    play = self._listen
                threading.Thread(target=play, args=(sock, address, port), daemon=True).start()

    def _listen(self, sock: socket.socket, address: str, port: int) -> None:
        request = b""
        with suppress(OSError), sock:
            sock.settimeout(_LISTEN_SECONDS)
            request = sock.recv(4096)
        if request:
            self.canary_calls.append(Call(address, port, request.decode("latin-1")))

    def _serve(self, sock: socket.socket, address: str, port: int) -> None:
        sock.settimeout(30)
        with suppress(OSError), self._tls.wrap_socket(sock, server_side=True) if port == 443 else sock as stream:
            reader = stream.makefile("rb")
            while line := reader.readline():
                length = 0
                while header := reader.readline().strip():
                    name, _, value = header.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                reader.read(length)
                path = line.split()[1]
                if path.startswith(b"/to-"):
                    location = location_of(path.decode()).encode()
                    stream.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % location)
                    continue
                close = b"Connection: close\r\n" if path == b"/close" else b""
                stream.sendall(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (close, len(IMAGE), IMAGE))
                if close:
                    return


def redirecting_to(location: str, padding: int = 0) -> str:
    """The path of a good address that redirects to `location`, with so many letters behind it."""
    return f"/to-{padding}-{base64.urlsafe_b64encode(location.encode()).decode()}"


def location_of(path: str) -> str:
    """The location that such a path redirects to."""
    padding, location = path.removeprefix("/to-").split("-", 1)
    return base64.urlsafe_b64decode(location).decode() + "a" * int(padding)
