"""An image server that keeps a ledger: every request is one line of a file, whichever process dies meanwhile.

    python -m proofs.world.images LEDGER ADDRESS

The first segment of a URL's path says how it is answered, the rest makes it unique. The image of a path follows from
the path alone, so that a result in the wrong row is detected.
"""

import asyncio
import io
import os
import sys
from binascii import crc32
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from proofs.world.child_process import ChildProcess

FORMATS = ("PNG", "JPEG", "GIF", "BMP")
SIZES = 16


@dataclass(frozen=True, slots=True)
class Picture:
    """What a path shows, in pixels; no two have the same perimeter."""

    format: str
    width: int
    height: int

    @property
    def perimeter(self) -> int:
        return 2 * (self.height + self.width)


PICTURES = [
    Picture(kind, 16 + 5 * size, 9 + 7 * size + 3 * offset)
    for size in range(SIZES)
    for offset, kind in enumerate(FORMATS)
]

# What every path shows whose first segment is "bad": an image like any other, which the models of `models.py` tell by
# its size.
BAD = Picture("PNG", 250, 7)


def picture(path: str) -> Picture:
    """The image behind `path`."""
    if path.startswith("bad/"):
        return BAD
    return PICTURES[crc32(path.encode()) % len(PICTURES)]


# How each kind of path is answered: the status of the first request, and of later ones. None means no answer at all.
ANSWERS: dict[str, tuple[int | None, int | None]] = {
    "ok": (200, 200),
    "bad": (200, 200),
    "gone": (404, 404),
    "broken": (500, 500),
    "flaky": (503, 200),
    "silent": (None, None),
}


class ImageServer(ChildProcess):
    """The server as a separate process, on a free port of `address`; `folder` holds its ledger."""

    port = 0

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.address = address
        self.ledger_file = folder / "ledger"
        super().__init__("proofs.world.images", self.ledger_file, address)

    def __enter__(self) -> Self:
        self.ledger_file.touch()
        super().__enter__()
        self.port = int(self.output.readline())
        return self

    def url(self, path: str) -> str:
        return f"http://{self.address}:{self.port}/{path}"

    def ledger(self) -> Counter[str]:
        """How often each path was requested so far."""
        return Counter(self.ledger_file.read_text().split())


class Answering(asyncio.Protocol):
    """One connection, kept open between requests."""

    def __init__(self, ledger: int, seen: set[str], bodies: Mapping[Picture, bytes]) -> None:
        self._ledger = ledger
        self._seen = seen
        self._bodies = bodies
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1].decode("ascii", "replace").removeprefix("/")
            # One write of one line to a file opened for appending: complete or absent.
            os.write(self._ledger, f"{path}\n".encode())
            self._answer(path)

    def _answer(self, path: str) -> None:
        first, later = ANSWERS.get(path.partition("/")[0], (404, 404))
        status = later if path in self._seen else first
        self._seen.add(path)
        if status is None:
            return
        body = self._bodies[picture(path)] if status == 200 else b""
        self._transport.write(f"HTTP/1.1 {status} .\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def _draw(picture: Picture) -> bytes:
    # Here, because the process that starts the server needs no imaging library.
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (picture.width, picture.height), (40, 90, 160)).save(file, picture.format)
    return file.getvalue()


async def serve(ledger: int, address: str) -> None:
    """Serve until standard input ends, as it does when the parent process is gone."""
    seen: set[str] = set()
    bodies = {picture: _draw(picture) for picture in [*PICTURES, BAD]}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(ledger, seen, bodies), address, 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), sys.argv[2]))
