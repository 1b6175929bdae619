"""A web server on loopback that misbehaves exactly as requested.

An answer is the bytes to send, or a function that uses the open connection. Bytes keep the connection open for the
next request, as HTTP/1.1 does; `closing`, `resetting` and the other behaviours below end it.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Self

type Behaviour = Callable[["OpenConnection"], None]


class CloseConnection(Exception):
    """Ends the connection."""


class OpenConnection:
    """One open connection, as a behaviour sees it."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.socket = sock
        self.stopping = stopping

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def pause(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise CloseConnection

    def stay_silent(self) -> None:
        """Keep the connection open and send nothing until the client has gone."""
        while not self.stopping.is_set():
            with suppress(TimeoutError):
                self.socket.settimeout(0.05)
                if not self.socket.recv(1):
                    raise CloseConnection
        raise CloseConnection


def response(body: bytes = b"", status: str = "200 OK", *headers: str, length: bool = True) -> bytes:
    """A whole response; `length` declares the body's."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A response in chunks."""
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return response(b"", "200 OK", "Transfer-Encoding: chunked", length=False) + pieces + end


def closing(data: bytes) -> Behaviour:
    """Send, then close regularly."""

    def behave(connection: OpenConnection) -> None:
        connection.send(data)
        raise CloseConnection

    return behave


def resetting(data: bytes = b"") -> Behaviour:
    """Send, then break the connection (RST)."""

    def behave(connection: OpenConnection) -> None:
        connection.send(data)
        connection.pause(0.05)  # so that the client has read the data before the reset discards it
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise CloseConnection

    return behave


def silent(data: bytes = b"") -> Behaviour:
    """Send, then nothing more, for ever."""

    def behave(connection: OpenConnection) -> None:
        connection.send(data)
        connection.stay_silent()

    return behave


def dripping(data: bytes, drops: bytes, pause: float = 0.05) -> Behaviour:
    """Send, then one byte of `drops` at a time, again and again, for ever."""

    def behave(connection: OpenConnection) -> None:
        connection.send(data)
        for n in count():
            connection.send(drops[n % len(drops)].to_bytes())
            connection.pause(pause)

    return behave


def endless(data: bytes, piece: bytes) -> Behaviour:
    """Send, then `piece` as fast as the client takes it, for ever."""

    def behave(connection: OpenConnection) -> None:
        connection.send(data)
        while not connection.stopping.is_set():
            connection.send(piece)

    return behave


def breaking_tls(data: bytes) -> Behaviour:
    """Send over TLS, then bytes that are not a TLS record."""

    def behave(connection: OpenConnection) -> None:
        connection.send(data)
        socket.socket.sendall(connection.socket, b"this is no TLS record" * 10)

    return behave


class FaultServer:
    """Serves the answers that `at` gives it. `requests` and `connections` say what the client did.

    With a `greeting` it behaves like that on every connection at once, and reads no request.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        greeting: Behaviour | None = None,
        port: int = 0,
    ) -> None:
        self._tls = tls
        self._greeting = greeting
        self._answers: dict[str, bytes | Behaviour] = {}
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self._listener.settimeout(0.05)  # a closed listener would not wake a thread in accept()
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self.connections = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._listener.close()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def at(self, path: str, answer: bytes | Behaviour, host: str = "127.0.0.1") -> str:
        """From now on `path` gets `answer`; returns its URL."""
        self._answers[path] = answer
        return self.url(path, host)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError, OSError):
                sock, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, CloseConnection), self._wrapped(sock) as stream:
            connection = OpenConnection(stream, self._stopping)
            if self._greeting:
                self._greeting(connection)
            for request in self._requests(stream):
                self.requests.append(request)
                answer = self._answers.get(request.split(" ")[1], response(b"", "404 Not Found"))
                if isinstance(answer, bytes):
                    connection.send(answer)
                else:
                    answer(connection)

    @contextmanager
    def _wrapped(self, sock: socket.socket) -> Iterator[socket.socket]:
        sock.settimeout(5)
        with self._tls.wrap_socket(sock, server_side=True) if self._tls else sock as stream:
            yield stream

    def _requests(self, sock: socket.socket) -> Iterator[str]:
        received = b""
        while not self._stopping.is_set():
            while b"\r\n\r\n" not in received:
                data = sock.recv(65536)
                if not data:
                    return
                received += data
            request, _, received = received.partition(b"\r\n\r\n")
            yield request.decode("latin-1")
