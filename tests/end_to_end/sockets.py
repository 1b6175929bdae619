"""Raw bytes over a socket, as no library would send them."""

import json
import socket
import time
from contextlib import contextmanager
from typing import Any, NamedTuple

SECONDS = 15.0


class Answer(NamedTuple):
    """All that came until the server closed the connection. `seconds` passed since the connection was opened."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def connected(service, source: str = "127.0.0.1"):
    """A connection from the address `source`, which is one of 127.0.0.0/8."""
    with socket.create_connection(("127.0.0.1", service.port), SECONDS, (source, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def ask(service, data: bytes) -> Answer:
    """What the server answers to these bytes, to which nothing is added, until it closes the connection."""
    begun = time.monotonic()
    with connected(service) as sock:
        sock.sendall(data)
        return read(sock, begun)


def read(sock: socket.socket, begun: float | None = None) -> Answer:
    """Raises TimeoutError where the server neither answers nor closes the connection, and ValueError without answer."""
    begun = time.monotonic() if begun is None else begun
    received = b""
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split(" ", 2)[1] if first else 0), named, body, time.monotonic() - begun)
