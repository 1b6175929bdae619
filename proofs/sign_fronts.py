"""A server of the photos in a folder, in a process of its own; each photo has as many addresses as are asked for.

python -m proofs.sign_fronts FOLDER
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from zlib import crc32

from proofs.world.child_process import ChildProcess


class Fronts(ChildProcess):
    """`url` of any path shows one of the photos, always the same."""

    port = 0

    def __init__(self, folder: Path) -> None:
        super().__init__("proofs.sign_fronts", folder)

    def __enter__(self) -> Self:
        super().__enter__()
        self.port = int(self.output.readline())
        return self

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A server that is killed ends its connections."""


def _serve(folder: Path) -> None:
    """Until standard input ends, as it does when the parent process is gone."""
    photos = [file.read_bytes() for file in sorted(folder.iterdir())]

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = photos[crc32(self.path.encode()) % len(photos)]
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = _Server(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
