"""What has been downloaded: in memory while there is room for it, else in a temporary file."""

import io
import shutil
import tempfile
import threading
from typing import IO

# As much at a time is asked for where nobody knows how much will come.
STEP_BYTES = 2**17


class Room:
    """How many bytes all downloads together may keep in memory; what finds no room goes to disk."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there was room for so many bytes, which are taken then."""
        with self._lock:
            if size > self._free:
                return False
            self._free -= size
        return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._free += size


class Body:
    """Bytes that are written once and then read from `file`; `close` frees their memory or disk.

    `expected` is how many will come, where that is known.
    """

    def __init__(self, room: Room, expected: int | None) -> None:
        self.file: IO[bytes] = io.BytesIO()
        self.size = 0
        self._room = room
        self._taken = 0
        self._is_on_disk = False
        self._make_room(expected or 0)

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._taken:
            self._make_room(self.size - self._taken + STEP_BYTES)
        self.file.write(piece)

    def close(self) -> None:
        self.file.close()
        self._give_room_back()

    def _make_room(self, size: int) -> None:
        if self._is_on_disk:
            return
        if self._room.take(size):
            self._taken += size
            return
        self._is_on_disk = True
        with self.file as so_far:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
            so_far.seek(0)
            shutil.copyfileobj(so_far, self.file)
        self._give_room_back()

    def _give_room_back(self) -> None:
        self._room.give_back(self._taken)
        self._taken = 0
