"""Misbehaving clients: silent, slow, incomplete, hasty. Each scene is played once against a running server."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from proofs.hostile_client import Connection, NoAnswer
from proofs.hostile_requests import Request

# How long another client may have to wait meanwhile.
BAR_SECONDS = 1.0
_HEADER = b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_HALF_HEADER = b"GET /livez HTTP/1.1\r\nHost: loc"
_HALF_BODY = _HEADER + b'Content-Length: 1000\r\n\r\n{"count": '
_BYTE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Scene:
    """What a client did, the result, and whether it is as expected."""

    what: str
    found: str
    expected: str
    ok: bool


def play_all(port: int, threads: int) -> Iterator[Scene]:
    """Every scene against the server at `port`, which has `threads`."""
    few, many = threads - 1, 2 * threads
    yield _beside(port, f"{few} clients stop in the header", [_HALF_HEADER] * few)
    yield _beside(port, f"{few} clients stop in the body", [_HALF_BODY] * few)
    yield _beside(port, f"{many} clients connect and say nothing", [b""] * many)
    yield _slow_loris(port)
    yield _beside(port, f"{many} clients stop in the header", [_HALF_HEADER] * many)
    yield _beside(port, f"{many} clients stop in the body", [_HALF_BODY] * many)
    yield _beside(port, f"{many} clients stop in the body, probes", [_HALF_BODY] * many, "/livez")
    yield _gone(port)
    yield _pipelining(port)
    yield _expect(port, b"100-continue", [b"100", b"400"])
    yield _expect(port, b"a miracle", [b"417"])


def others_wait(port: int, path: str = "/api/status") -> float:
    """Seconds until another client is answered, ANSWER_SECONDS where it is not."""
    begun = time.monotonic()
    with Connection(port) as other, suppress(NoAnswer):
        other.ask(Request("other", "GET", path))
    return time.monotonic() - begun


def _beside(port: int, what: str, openings: list[bytes], path: str = "/api/status") -> Scene:
    """Whether others are served while these connections stay open."""
    with ExitStack() as stack:
        for opening in openings:
            stack.enter_context(_opened(port, opening))
        _let_arrive()
        seconds = max(others_wait(port, path) for _ in range(3))
    return Scene(what, f"others wait {seconds:.2f} s", f"≤ {BAR_SECONDS:g} s", seconds <= BAR_SECONDS)


def _slow_loris(port: int) -> Scene:
    longest = 0.0
    with _opened(port, b"GET /livez HTTP/1.1\r\n") as loris:
        for letter in b"X-A: b\r\nX-B: c\r\n":
            try:
                loris.sendall(bytes([letter]))
            except OSError:
                break  # cut off, which is accepted too
            longest = max(longest, others_wait(port))
            time.sleep(_BYTE_SECONDS)
    return Scene(
        "a header, byte by byte", f"others wait {longest:.2f} s", f"≤ {BAR_SECONDS:g} s", longest <= BAR_SECONDS
    )


def _gone(port: int) -> Scene:
    for opening in (_HALF_HEADER, _HALF_BODY, _HEADER):
        for _ in range(20):
            _opened(port, opening).close()
    seconds = others_wait(port)
    return Scene(
        "60 clients leave in the middle", f"others wait {seconds:.2f} s", f"≤ {BAR_SECONDS:g} s", seconds <= BAR_SECONDS
    )


def _pipelining(port: int) -> Scene:
    paths = [b"/livez", b"/api/status?jobid=x", b"/readyz"]
    data = b"".join(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in paths)
    found = _statuses(port, data, lambda received: received.count(b"HTTP/1.1 ") == len(paths))
    return Scene("three requests at once", " ".join(found), "200 400 200", found == ["200", "400", "200"])


def _expect(port: int, expectation: bytes, expected: list[bytes]) -> Scene:
    data = _HEADER + b"Content-Length: 2\r\nExpect: %b\r\n\r\n" % expectation
    found = _statuses(port, data, lambda received: b"HTTP/1.1 " in received, b"{}")
    wanted = [status.decode() for status in expected]
    return Scene(f"Expect: {expectation.decode()}", " ".join(found), " ".join(wanted), found == wanted)


def _statuses(port: int, data: bytes, is_enough: Callable[[bytes], bool], then: bytes = b"") -> list[str]:
    """The statuses of the answers to `data`, and to `then`, which follows the first of them."""
    received = b""
    with _opened(port, data) as sock:
        sock.settimeout(5)
        try:
            while not is_enough(received):
                received += sock.recv(65536)
            if then:
                sock.sendall(then)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                received += piece
        except OSError:
            pass  # what has arrived so far is the finding
    return [part[:3].decode("latin-1") for part in received.split(b"HTTP/1.1 ")[1:]]


def _opened(port: int, data: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.sendall(data)
    return sock


def _let_arrive() -> None:
    """Wait: from outside nothing shows that all of the server's threads are taken."""
    time.sleep(0.3)
