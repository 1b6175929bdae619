"""A client that sends any bytes it is given, and checks the answers against what was promised."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from proofs.hostile_requests import Request

# Far beyond the bar of one second: a later answer counts as none.
ANSWER_SECONDS = 20.0
_V1_TYPES = {
    "application/json",
    "application/schema+json",
    "application/vnd.oai.openapi+json",
    "application/x-ndjson",
    "text/csv",
}
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")


class NoAnswer(Exception):
    """The connection ended, or nothing arrived in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` have lower-case names; `seconds` passed between the first byte sent and the last one read."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


class Connection:
    """One connection, kept open as long as the server keeps it open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, request: Request) -> Answer:
        """The answer to a sound request. Raises NoAnswer."""
        data = request.encode(f"127.0.0.1:{self._port}")
        is_kept = self._socket is not None
        try:
            return self._ask(data, request.method == "HEAD")
        except NoAnswer:
            # The server may close an idle connection at any time (RFC 9112, section 9.3.1), but not a new one.
            if not is_kept:
                raise
        return self._ask(data, request.method == "HEAD")

    def _ask(self, data: bytes, is_head: bool) -> Answer:
        begun = time.monotonic()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=ANSWER_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._received = b""
        try:
            self._send(data)
            answer = self._read_answer(begun, is_head)
        except (OSError, NoAnswer) as error:
            self.close()
            raise NoAnswer(str(error) or type(error).__name__) from error
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return  # a refusal may arrive before the whole body is sent

    def _read_answer(self, begun: float, is_head: bool) -> Answer:
        while True:
            while b"\r\n\r\n" not in self._received:
                self._receive()
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            found = _STATUS.match(head + b"\r")
            if found is None:
                raise NoAnswer(f"no HTTP: {lines[0][:80]}")
            if int(found[1]) >= 200:
                break
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body = b"" if is_head or int(found[1]) in (204, 304) else self._read_body(headers)
        return Answer(int(found[1]), headers, body, time.monotonic() - begun)

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._read_chunks())
        if "content-length" in headers:
            return self._take(int(headers["content-length"]))
        while True:
            try:
                self._receive()
            except NoAnswer:
                body, self._received = self._received, b""
                self.close()
                return body

    def _read_chunks(self) -> Iterator[bytes]:
        while True:
            while b"\r\n" not in self._received:
                self._receive()
            length, _, self._received = self._received.partition(b"\r\n")
            chunk = self._take(int(length, 16) + 2)[:-2]
            if not chunk:
                return
            yield chunk

    def _take(self, length: int) -> bytes:
        while len(self._received) < length:
            self._receive()
        taken, self._received = self._received[:length], self._received[length:]
        return taken

    def _receive(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise NoAnswer("the connection was closed")
        self._received += data


def send_stream(port: int, data: bytes) -> tuple[list[int], bool, float]:
    """Send `data` over a new connection and close it for writing.

    Returns the statuses that came back, whether one of the answers is gunicorn's own page, and the seconds.

    Raises NoAnswer where the server keeps the connection open although nothing more can arrive.
    """
    begun = time.monotonic()
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                received += piece
        except TimeoutError as error:
            raise NoAnswer("the connection stays open") from error
        except OSError:
            pass  # a reset ends it as well
    return [int(status) for status in _STATUS.findall(received)], b"<h1><p>" in received, time.monotonic() - begun


def complaint(request: Request, answer: Answer) -> str:
    """What is wrong with the form of an answer; empty if nothing is."""
    if answer.status >= 500:
        return f"status {answer.status}"
    if not f"{request.path}/".startswith("/api/") or answer.status in (301, 302) or request.method == "HEAD":
        return ""
    if request.path.startswith("/api/v1/") or request.path == "/api/v1":
        return _complaint_of_v1(answer)
    kind = answer.headers.get("content-type", "")
    if kind != "application/json":
        return f"{answer.status} with Content-Type {kind or 'none'}"
    try:
        body = json.loads(answer.body)
    except ValueError:
        return f"{answer.status} with a body that is no JSON"
    if not isinstance(body, dict):
        return f"{answer.status} with JSON that is no object"
    if answer.status >= 400 and body != {} and not (list(body) == ["error"] and isinstance(body["error"], str)):
        return f"{answer.status} with the keys {', '.join(body)}"
    if body == {} and answer.status != 400:
        return f"{answer.status} with {{}}"
    return ""


def _complaint_of_v1(answer: Answer) -> str:
    """Errors must be problems of RFC 9457; files and schemas have their own media types."""
    kind = answer.headers.get("content-type", "")
    if answer.status < 400:
        is_known = answer.status == 304 or kind.partition(";")[0] in _V1_TYPES
        return "" if is_known else f"{answer.status} with Content-Type {kind or 'none'}"
    if kind != "application/problem+json":
        return f"{answer.status} with Content-Type {kind or 'none'}"
    try:
        body = json.loads(answer.body)
    except ValueError:
        return f"{answer.status} with a body that is no JSON"
    if not isinstance(body, dict) or list(body)[:4] != ["type", "title", "status", "detail"]:
        return f"{answer.status} with a problem without its keys"
    return "" if body["status"] == answer.status else f"{answer.status} with a problem of {body['status']}"


def is_web_servers_own(answer: Answer) -> bool:
    """Whether the request was refused before the service saw it; the answers of the service name gunicorn."""
    return answer.status >= 400 and "server" not in answer.headers
