"""A TCP proxy between the service and its database that can fail as networks do."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

READ_BYTES = 65536


class Proxy:
    """Listens on a port of 127.0.0.1 and relays to `server`: a Unix socket, or a port of 127.0.0.1."""

    def __init__(self, server: Path | int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._relaying = threading.Event()
        self._relaying.set()
        self._closing = False
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._marker: bytes | None = None
        # Set once a COMMIT's answer was cut off.
        self.cut = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._relaying.set()
        # A closed listener would not wake a thread in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset_all()

    def fall_silent(self) -> None:
        """Relay nothing more, and close nothing: a black hole. New connections are accepted and get no answer."""
        self._relaying.clear()

    def speak_again(self) -> None:
        """Relay what was held back, and everything after it."""
        self._relaying.set()

    def reset_all(self) -> None:
        """Break every open connection (RST), on both sides."""
        with self._lock:
            for sock in self._sockets:
                _reset(sock)
            self._sockets.clear()

    def cut_commit_after(self, marker: bytes) -> None:
        """For the next transaction that sends `marker`: relay the COMMIT, but never its answer."""
        self.cut.clear()
        self._marker = marker

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._connect()
            if server is None:
                client.close()
                continue
            for sock in (client, server):
                with self._lock:
                    self._sockets.add(sock)
            conversation = _Conversation(self)
            threading.Thread(target=self._relay, args=[client, server, conversation.asks], daemon=True).start()
            threading.Thread(target=self._relay, args=[server, client, conversation.answers], daemon=True).start()

    def _connect(self) -> socket.socket | None:
        try:
            if isinstance(self._server, int):
                return socket.create_connection(("127.0.0.1", self._server))
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
        except OSError:
            return None
        return server

    def _relay(self, source: socket.socket, target: socket.socket, let_through: Callable[[bytes], bool]) -> None:
        with suppress(OSError):
            while data := source.recv(READ_BYTES):
                self._relaying.wait()
                if not let_through(data):
                    _reset(target)
                    break
                target.sendall(data)
        with self._lock:
            self._sockets.difference_update((source, target))
        for sock in (source, target):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def takes_marker(self, data: bytes) -> bool:
        """Whether `data` begins the transaction to be cut; true for one conversation only."""
        with self._lock:
            found = self._marker is not None and self._marker in data
            if found:
                self._marker = None
            return found


class _Conversation:
    """One client's connection: what it sends, and whether the answers are relayed."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._is_marked = False
        self._is_committing = False

    def asks(self, data: bytes) -> bool:
        self._is_marked = self._is_marked or self._proxy.takes_marker(data)
        self._is_committing = self._is_marked and b"COMMIT" in data
        return True

    def answers(self, data: bytes) -> bool:
        if self._is_committing:
            self._proxy.cut.set()
            return False
        return True


def _reset(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The other direction's thread reads from it: shutdown wakes that thread, whose close then sends the reset.
        sock.shutdown(socket.SHUT_RDWR)
