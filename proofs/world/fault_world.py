"""The servers and host names of the fault cases."""

import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from proofs.pictures import encoded
from proofs.world.authority import DAY, Authority
from proofs.world.fault_server import Behaviour, FaultServer, response
from proofs.world.ports import never_accepting_port, refusing_port

SIZE = 300, 200
JPEG = encoded(size=SIZE)
HOST = "images.example"  # the name in the certificates


class FaultWorld:
    """The servers of the cases, on loopback, for as long as the `with` block lasts."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self._stack = ExitStack()
        self._paths = 0

    def __enter__(self) -> Self:
        self._plain = self._stack.enter_context(FaultServer())
        now, context = self.authority.now, self.authority.server_context
        folder = self.authority.folder / "stranger"
        folder.mkdir()
        contexts = {
            "good": context(HOST),
            "expired": context(HOST, until=now - DAY),
            "not yet valid": context(HOST, since=now + DAY / 2),
            "other host": context("other.example"),
            "self-signed": context(HOST, self_signed=True),
            "unknown authority": Authority(folder).server_context(HOST),
        }
        self._tls = {name: self._stack.enter_context(FaultServer(tls)) for name, tls in contexts.items()}
        self.good_url = self.at(response(JPEG))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def at(self, answer: bytes | Behaviour, host: str = "127.0.0.1", server: FaultServer | None = None) -> str:
        """The URL at which `answer` is given from now on."""
        self._paths += 1
        return (server or self._plain).at(f"/{self._paths}", answer, host)

    def over_tls(self, answer: bytes | Behaviour, kind: str = "good") -> str:
        return self.at(answer, HOST, self._tls[kind])

    def greeted(self, greeting: Behaviour, scheme: str = "http") -> str:
        """A server that sends before it has received a request."""
        server = self._stack.enter_context(FaultServer(greeting=greeting))
        return f"{scheme}://127.0.0.1:{server.port}/"

    def plain_to_tls(self) -> str:
        """Unencrypted HTTP to a server that expects TLS."""
        return f"http://127.0.0.1:{self._tls['good'].port}/"

    def refusing(self) -> str:
        """A port without a listener, reserved so that nobody else can take it."""
        return f"http://127.0.0.1:{self._stack.enter_context(refusing_port())}/"

    def never_accepting(self) -> str:
        return f"http://127.0.0.1:{self._stack.enter_context(never_accepting_port())}/"


class Names:
    """The answers of a name server, in place of `socket.getaddrinfo`; `close` ends the silent ones."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def look_up(self, host: str, port: int, **_: Any) -> Sequence[Any]:
        match host:
            case "nowhere.example":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            case "overloaded.example":
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            case "silent.example":
                self._closed.wait()
                return []
            case "inside.example":
                return _numeric("10.0.0.1", port)
            case "mixed.example":
                return [*_numeric("127.0.0.1", port), *_numeric("10.0.0.1", port)]
            case _:
                return _numeric("127.0.0.1" if host.endswith(".example") else host, port)

    def close(self) -> None:
        self._closed.set()


def _numeric(address: str, port: int) -> list[Any]:
    return list(socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
