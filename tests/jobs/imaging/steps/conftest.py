"""Photos, a model, and a server that computes one, as the steps meet them."""

import io
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from fixtures.make_model import LABELS, brightness
from jobs.imaging.types import Measurement

MEASUREMENT = Measurement(64, 48, "JPEG")


def photo(colour="gray", size=(64, 48), format_="JPEG", **options) -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format_, **options)
    file.seek(0)
    return file


@pytest.fixture
def model(tmp_path, settings) -> Callable[..., None]:
    """Writes an ONNX file and its labels, and names them in the settings."""

    def make(labels=LABELS, content=None, **options) -> None:
        file = tmp_path / "brightness.onnx"
        file.write_bytes(brightness(**options) if content is None else content)
        settings.GPU_MODEL = str(file)
        if labels:
            names = tmp_path / "labels.txt"
            names.write_text("\n".join(labels), encoding="utf-8")
            settings.GPU_LABELS = str(names)

    return make


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Reply:
    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Hangs(Exception):
    """Give no answer until the server ends."""


class Drips(Exception):
    """Send one byte after the other, for ever."""


class Drops(Exception):
    """End the connection without an answer."""


class ModelServer:
    """`answer` gets each request and returns its Reply, or raises one of the above."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Reply] = lambda _: Reply()
        self.ends = threading.Event()
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                asked = Asked(self.command, self.path, dict(self.headers), body, self.client_address[1])
                world.asked.append(asked)
                try:
                    reply = world.answer(asked)
                except Hangs:
                    world.ends.wait(60)
                    self.close_connection = True
                except Drips:
                    self.close_connection = True
                    self._drip()
                except Drops:
                    self.close_connection = True
                else:
                    self.send_response(reply.status)
                    for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(reply.body)

            def do_GET(self):
                self.do_POST()

            def _drip(self):
                try:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not world.ends.wait(0.02):
                        self.wfile.write(b"x")
                except OSError:
                    return

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running
