"""Receivers of webhooks, good and bad, each on its own port; a program controlled by standard input.

    python -m proofs.world.receivers SEED

What they are sent is kept in memory until the program ends, whichever process of the service dies meanwhile. The
signatures are verified on arrival, by the reference library. For the questions see `Receivers`.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from proofs.world.questions import AnsweringProcess, answer_questions

# How many different bodies of one message are kept.
MOST_BODIES = 3


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a receiver answers: with `status`, after `seconds`; a `location` is sent along.

    A share of `failing` of its requests is answered 500 instead, and one of `silent` is never answered.
    """

    status: int = 204
    seconds: float = 0.0
    failing: float = 0.0
    silent: float = 0.0
    location: str = ""


SILENT = Behaviour(silent=1.0)


@dataclass(slots=True)
class Heard:
    """What one receiver was sent under one `webhook-id`."""

    times: int = 0
    taken: int = 0
    """How often it was answered 2xx."""
    unsigned: int = 0
    """How often its signature was not that of the receiver's secret."""
    first_at: float = 0.0
    """When it arrived, in seconds since 1970, whatever was answered."""
    bodies: list[str] = field(default_factory=list)
    """The different ones, MOST_BODIES at most."""
    headers: dict[str, str] = field(default_factory=dict)
    """Those of the last request that are signed, or the signature; their names in lower case."""


class Receivers(AnsweringProcess):
    """The program as a separate process, for as long as the `with` block lasts; for one thread."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__("proofs.world.receivers", str(seed))

    def open(self, behaviour: Behaviour, secret: str = "", port: int = 0) -> str:
        """A new receiver whose messages are signed with `secret`; returns its URL."""
        opened: int = self.ask(open=asdict(behaviour), secret=secret, port=port)["port"]
        return f"http://127.0.0.1:{opened}/hook"

    def trust(self, url: str, secret: str) -> None:
        """From now on messages to `url` are signed with `secret`."""
        self.ask(trust=_port(url), secret=secret)

    def change(self, url: str, behaviour: Behaviour) -> None:
        self.ask(change=_port(url), to=asdict(behaviour))

    def close(self, url: str) -> None:
        """Refuse connections, and break those that are open."""
        self.ask(close=_port(url))

    def reopen(self, url: str) -> None:
        self.ask(reopen=_port(url))

    def heard(self, url: str) -> dict[str, Heard]:
        """What it was sent so far, by `webhook-id`."""
        return {uid: Heard(**heard) for uid, heard in self.ask(heard=_port(url))["heard"].items()}

    def number(self, url: str) -> int:
        """How many different messages it has answered 2xx."""
        number: int = self.ask(number=_port(url))["number"]
        return number


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


class Receiver:
    """One port: its behaviour, and what it has heard."""

    def __init__(self, secret: str, rng: Random) -> None:
        self.behaviour = Behaviour()
        self.heard: dict[str, Heard] = {}
        self.open: set[asyncio.Transport] = set()
        self._rng = rng
        self.trust(secret)

    def trust(self, secret: str) -> None:
        self._verifier = Webhook(secret) if secret else None

    def take(self, headers: Mapping[str, str], body: bytes) -> tuple[float, bytes] | None:
        """Seconds until the answer, and the answer; None where there is none."""
        heard = self.heard.setdefault(headers.get("webhook-id", ""), Heard(first_at=time.time()))
        heard.times += 1
        heard.unsigned += not self._is_signed(headers, body)
        heard.headers = {name: value for name, value in headers.items() if name.startswith("webhook-")}
        text = body.decode(errors="replace")
        if text not in heard.bodies and len(heard.bodies) < MOST_BODIES:
            heard.bodies.append(text)
        chance, behaviour = self._rng.random(), self.behaviour
        if chance < behaviour.silent:
            return None
        status = 500 if chance < behaviour.silent + behaviour.failing else behaviour.status
        heard.taken += status // 100 == 2
        location = f"Location: {behaviour.location}\r\n" if behaviour.location else ""
        return behaviour.seconds, f"HTTP/1.1 {status} .\r\n{location}Content-Length: 0\r\n\r\n".encode()

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        if self._verifier is None:
            return False
        try:
            self._verifier.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError):
            return False
        return True


class Connection(asyncio.Protocol):
    """One connection, kept open between requests."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._receiver.open.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._receiver.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while b"\r\n\r\n" in self._pending:
            head, _, rest = self._pending.partition(b"\r\n\r\n")
            _, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            body, self._pending = rest[:length], rest[length:]
            if answer := self._receiver.take(headers, body):
                seconds, text = answer
                asyncio.get_running_loop().call_later(seconds, self._transport.write, text)


class Program:
    """Opens receivers, and answers what they have heard."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)  # noqa: S311 - the same failures every time
        self._receivers: dict[int, Receiver] = {}
        self._servers: dict[int, asyncio.Server] = {}

    async def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        match question:
            case {"open": behaviour, "secret": secret, "port": port}:
                receiver = Receiver(secret, self._rng)
                receiver.behaviour = Behaviour(**behaviour)
                port = await self._listen(receiver, port)
                self._receivers[port] = receiver
                return {"port": port}
            case {"trust": port, "secret": secret}:
                self._receivers[port].trust(secret)
            case {"change": port, "to": behaviour}:
                self._receivers[port].behaviour = Behaviour(**behaviour)
            case {"close": port}:
                self._servers.pop(port).close()
                for transport in list(self._receivers[port].open):
                    transport.abort()
            case {"reopen": port}:
                await self._listen(self._receivers[port], port)
            case {"heard": port}:
                return {"heard": {uid: asdict(heard) for uid, heard in self._receivers[port].heard.items()}}
            case {"number": port}:
                return {"number": sum(heard.taken > 0 for heard in self._receivers[port].heard.values())}
            case _:
                raise ValueError(question)
        return {}

    async def _listen(self, receiver: Receiver, port: int) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(receiver), "127.0.0.1", port, backlog=512)
        port = int(server.sockets[0].getsockname()[1])
        self._servers[port] = server
        return port


if __name__ == "__main__":
    asyncio.run(answer_questions(Program(int(sys.argv[1])).answer))
