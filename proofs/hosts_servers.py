"""Photo hosts, good and bad, each on its own port; a program controlled by standard input.

    python -m proofs.hosts_servers

Each line is a question, one JSON object, and is answered by another. `{"open": BEHAVIOUR, "port": 0}` opens a host (0:
on any port) and answers its port; `{"change": PORT, "to": BEHAVIOUR}` changes its behaviour, and `{"report": PORT}`
answers what it has seen. BEHAVIOUR is an object with the fields of `Behaviour`.
"""

import asyncio
import io
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from proofs.world.questions import AnsweringProcess, answer_questions

# A path with this prefix is always refused, whatever the behaviour of its host.
BROKEN = "/broken/"
# The declared length of a body that is sent byte by byte: more than any client waits for.
ENDLESS_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a host answers.

    `kind` is `good`, `silent` (accepts, never answers), `drip` (a byte of an image every `seconds`, for ever),
    `slow` (good after `seconds`), `refuse` (`status` at once), or `bucket`: good as long as it has tokens, of which
    it holds `capacity` and gains `rate` a second, else `status`. `retry_after` is sent with a refusal.
    """

    kind: str = "good"
    seconds: float = 0.0
    status: int = 503
    retry_after: int | None = None
    rate: float = 0.0
    capacity: float = 0.0


@dataclass(slots=True)
class Seen:
    """What one host has seen: requests by the status of their answer (or `none`), and how many were open at once."""

    answers: dict[str, int] = field(default_factory=dict)
    open: int = 0
    most_open: int = 0

    def count(self, status: str) -> None:
        self.answers[status] = self.answers.get(status, 0) + 1


class Servers(AnsweringProcess):
    """The program as a separate process, for as long as the `with` block lasts; for one thread."""

    def __init__(self) -> None:
        super().__init__("proofs.hosts_servers")

    def open(self, behaviour: Behaviour, port: int = 0) -> int:
        """Open a host; returns its port."""
        opened: int = self.ask(open=asdict(behaviour), port=port)["port"]
        return opened

    def change(self, port: int, behaviour: Behaviour) -> None:
        self.ask(change=port, to=asdict(behaviour))

    def report(self, port: int) -> dict[str, Any]:
        """`answers`: how many requests had which status, `open` and `most_open`: how many had none yet."""
        return self.ask(report=port)


class Host:
    """One port: its behaviour, and what it has seen."""

    def __init__(self, body: bytes) -> None:
        self._good = _response(200, body)
        self.seen = Seen()

    def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._tokens = behaviour.capacity
        self._counted = time.monotonic()

    def answer(self, path: str) -> tuple[float, bytes | None, str]:
        """Seconds until the answer, the answer (None where there is none), and its status."""
        behaviour = self.behaviour
        is_refused = path.startswith(BROKEN) or behaviour.kind == "refuse"
        if behaviour.kind == "silent":
            return 0.0, None, "none"
        if behaviour.kind == "bucket":
            is_refused = is_refused or not self._has_token()
        if is_refused:
            retry = () if behaviour.retry_after is None else (f"Retry-After: {behaviour.retry_after}",)
            return 0.0, _response(behaviour.status, b"", *retry), str(behaviour.status)
        return (behaviour.seconds if behaviour.kind == "slow" else 0.0), self._good, "200"

    def _has_token(self) -> bool:
        now = time.monotonic()
        self._tokens = min(self.behaviour.capacity, self._tokens + (now - self._counted) * self.behaviour.rate)
        self._counted = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _response(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} .", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Answering(asyncio.Protocol):
    """One connection, kept open between requests."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._pending = b""
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def data_received(self, data: bytes) -> None:
        *heads, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for head in heads:
            self._is_waiting = True
            seen = self._host.seen
            seen.open += 1
            seen.most_open = max(seen.most_open, seen.open)
            path = head.split(b" ", 2)[1].decode("ascii", "replace")
            if self._host.behaviour.kind == "drip" and not path.startswith(BROKEN):
                seen.count("none")
                self._transport.write(f"HTTP/1.1 200 .\r\nContent-Length: {ENDLESS_BYTES}\r\n\r\n".encode())
                self._drip()
                continue
            seconds, answer, status = self._host.answer(path)
            seen.count(status)
            if answer is not None:
                asyncio.get_running_loop().call_later(seconds, self._send, answer)

    def _send(self, answer: bytes) -> None:
        self._end()
        self._transport.write(answer)

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b"\xff")
            asyncio.get_running_loop().call_later(self._host.behaviour.seconds, self._drip)

    def _end(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._host.seen.open -= 1


def _draw() -> bytes:
    # Here, because the process that starts the hosts needs no imaging library.
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (60, 40), (40, 90, 160)).save(file, "JPEG")
    return file.getvalue()


class Program:
    """Opens hosts, and answers what they have seen."""

    def __init__(self) -> None:
        self._body = _draw()
        self._hosts: dict[int, Host] = {}

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if "open" in question:
            host = Host(self._body)
            host.behave(Behaviour(**question["open"]))
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Answering(host), "127.0.0.1", question["port"], backlog=512)
            port = server.sockets[0].getsockname()[1]
            self._hosts[port] = host
            return {"port": port}
        if "change" in question:
            self._hosts[question["change"]].behave(Behaviour(**question["to"]))
            return {}
        return asdict(self._hosts[question["report"]].seen)


if __name__ == "__main__":
    asyncio.run(answer_questions(Program().answer))
