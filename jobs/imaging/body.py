"""The bytes of a download: in memory while the memory budget allows, otherwise in a temporary file."""

import io
import shutil
import tempfile
import threading
from typing import IO

# How much memory is reserved at a time where the length of the download is not known.
STEP_BYTES = 2**17


class MemoryBudget:
    """How many bytes all downloads together may keep in memory; whatever exceeds it goes to disk."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take `size` bytes; returns False, and takes none, if fewer are free."""
        with self._lock:
            if size > self._free:
                return False
            self._free -= size
        return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._free += size


class Body:
    """Bytes that are written once and then read from `file`; `close` frees their memory or disk space.

    `expected` is the number of bytes to come, if it is known.
    """

    def __init__(self, budget: MemoryBudget, expected: int | None) -> None:
        self.file: IO[bytes] = io.BytesIO()
        self.size = 0
        self._budget = budget
        self._taken = 0
        self._is_on_disk = False
        self._reserve(expected or 0)

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self._taken:
            self._reserve(self.size - self._taken + STEP_BYTES)
        self.file.write(piece)

    def close(self) -> None:
        self.file.close()
        self._release()

    def _reserve(self, size: int) -> None:
        if self._is_on_disk:
            return
        if self._budget.take(size):
            self._taken += size
            return
        self._is_on_disk = True
        with self.file as so_far:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
            so_far.seek(0)
            shutil.copyfileobj(so_far, self.file)
        self._release()

    def _release(self) -> None:
        self._budget.give_back(self._taken)
        self._taken = 0
