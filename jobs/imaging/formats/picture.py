"""What a decoder is given of a file: the picture, without the parts that it does not need."""

import io
from bisect import bisect_right
from collections.abc import Buffer
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate
from typing import IO, override


class Ending(Enum):
    """Whether a file reaches the end that its own structure defines."""

    WHOLE = "whole"
    UNMARKED = "unmarked"
    """Its picture is complete, and the file ends where another part or the end marker could follow."""
    CUT = "cut"


@dataclass(slots=True)
class Picture:
    """The pieces of a file that make up its picture: new bytes, or ranges of the file, as (first, behind the last).

    What is left out is never read: text, Exif, colour profiles and previews cannot fail an image, and cost nothing.
    """

    pieces: list[bytes | tuple[int, int]] = field(default_factory=list)
    bytes_per_pixel: int = 4
    """How much memory decoding it takes at most; Pillow itself keeps up to four bytes."""

    def keep(self, start: int, stop: int) -> None:
        """Add a range of the file; neighbours become one piece."""
        if self.pieces and isinstance(last := self.pieces[-1], tuple) and last[1] == start:
            self.pieces[-1] = last[0], stop
        elif start < stop:
            self.pieces.append((start, stop))

    def put(self, data: bytes) -> None:
        """Add bytes that are not in the file."""
        if data:
            self.pieces.append(data)

    def open(self, file: IO[bytes]) -> IO[bytes]:
        """The picture as a file of its own, which reads from `file`; `file` itself where nothing is left out."""
        if not self.pieces or self.pieces == [(0, file.seek(0, io.SEEK_END))]:
            file.seek(0)
            return file
        return io.BufferedReader(_Joined(file, self.pieces))


class _Joined(io.RawIOBase):
    """Pieces of a file, one behind the other."""

    def __init__(self, file: IO[bytes], pieces: list[bytes | tuple[int, int]]) -> None:
        super().__init__()
        self._file = file
        self._pieces = pieces
        sizes = (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
        self._starts = [0, *accumulate(sizes)]
        self._place = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._place

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._starts[-1]}[whence])
        return self._place

    @override
    def readinto(self, buffer: Buffer) -> int:
        target = memoryview(buffer).cast("B")
        data = self._next(len(target))
        target[: len(data)] = data
        return len(data)

    @override
    def readall(self) -> bytes:
        return b"".join(iter(lambda: self._next(self._starts[-1]), b""))  # a single piece is not copied

    def _next(self, most: int) -> bytes:
        """The bytes from here on, at most up to the end of the piece."""
        number = bisect_right(self._starts, self._place) - 1
        if number >= len(self._pieces):
            return b""
        start, piece = self._place - self._starts[number], self._pieces[number]
        count = min(most, self._starts[number + 1] - self._place)
        if isinstance(piece, bytes):
            data = piece[start : start + count]
        else:
            self._file.seek(piece[0] + start)
            data = self._file.read(count)
        self._place += len(data)
        return data
