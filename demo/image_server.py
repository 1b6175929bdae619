"""A small image server on loopback that can also misbehave on request."""

import struct
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# Longer than the demo's own FETCH_DEADLINE_SECONDS.
SLOW_SECONDS = 10
# Width and height.
BOMB_PIXELS = 60_000, 60_000
INSIDE = "http://169.254.169.254/latest/meta-data/"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # As many as may connect at once; with the default of 5 the others would wait for a second.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent where the client has hung up, as it does on /slow."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ImageServer:
    """Serves the files of a folder, and a few faulty answers, on a free port of 127.0.0.1.

    `/404` does not exist; `/slow` answers after SLOW_SECONDS; `/truncated` declares more bytes than it sends;
    `/not-an-image` is a web page; `/bomb` is a small file that claims to have BOMB_PIXELS; `/inside` redirects to where
    clouds keep their credentials. `/flaky/…` answers 503 once per path and then the file, `/busy/…` 429, to retry
    a second later.
    A query is ignored, so that `?n=1` is another URL of the same file.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self._seen: Counter[str] = Counter()
        self._closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise each answer waits for the client's delayed acknowledgement.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, *args: Any) -> None:
                """Stay silent: the terminal belongs to the demo."""

        self._http = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, name="image-server", daemon=True)

    @property
    def names(self) -> list[str]:
        """The images' file names, sorted."""
        return sorted(self._files)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def port(self) -> int:
        return self._http.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        name = path.rsplit("/", 1)[-1]
        image = self._files.get(name)
        if path == "/not-an-image":
            self._send(request, 200, "image/jpeg", b"<!doctype html><title>Sign in</title>")
        elif path == "/slow":
            self._closing.wait(SLOW_SECONDS)
            self._send(request, 504, "text/plain", b"too late\n")
        elif path == "/truncated":
            whole = self._files[self.names[0]]
            self._send(request, 200, "image/jpeg", whole[: len(whole) // 2], declared=len(whole))
        elif path == "/bomb":
            self._send(request, 200, "image/png", _bomb())
        elif path == "/inside":
            self._send(request, 302, "text/plain", b"", headers={"Location": INSIDE})
        elif image is None:
            self._send(request, 404, "text/plain", b"no such image\n")
        elif path.startswith("/flaky/") and self._is_first(request.path):
            self._send(request, 503, "text/plain", b"try again\n")
        elif path.startswith("/busy/") and self._is_first(request.path):
            self._send(request, 429, "text/plain", b"too many requests\n", headers={"Retry-After": "1"})
        else:
            self._send(request, 200, "application/octet-stream", image)

    def _is_first(self, path: str) -> bool:
        self._seen[path] += 1
        return self._seen[path] == 1

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        kind: str,
        body: bytes,
        declared: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(declared or len(body)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = declared is not None


def _bomb() -> bytes:
    """A PNG of a few bytes that would need gigabytes of memory to be decoded."""
    width, height = BOMB_PIXELS
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
