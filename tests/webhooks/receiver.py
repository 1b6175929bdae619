"""A receiver of webhooks on loopback, which remembers what it got and answers as told."""

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

LONG_SECONDS = 60.0


class Received(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """By path: the next of `answers` (status, headers, body), else 204. What is sent to `/hang` waits for `release`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}
        self._released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                receiver._answer(self)

            def do_GET(self) -> None:
                receiver._answer(self)

            def log_message(self, *args: Any) -> None:
                """Stay silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients hang up, which is no news."""

        self._http = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.received]

    def answer(self, path: str, *answers: int | tuple[int, dict[str, str], bytes]) -> None:
        self.answers[path] = [(each, {}, b"") if isinstance(each, int) else each for each in answers]

    def release(self) -> None:
        self._released.set()

    def reset(self) -> None:
        self._released.set()
        self._released = threading.Event()
        self.received.clear()
        self.answers.clear()

    def paths(self) -> Sequence[str]:
        return [each.path for each in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        released = self._released
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.command, request.path, headers, body))
        if request.path == "/hang":
            released.wait(LONG_SECONDS)
        answers = self.answers.get(request.path, [])
        status, more, text = answers.pop(0) if answers else (204, {}, b"")
        request.send_response(status)
        for name, value in more.items():
            request.send_header(name, value)
        if status != 204:
            request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)
