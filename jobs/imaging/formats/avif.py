"""AVIF: boxes (ISO/IEC 14496-12), and a list of items that says where their pixels are (ISO/IEC 23008-12)."""

import itertools
import struct
from collections.abc import Iterator
from typing import IO

from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import MAX_PARTS, exactly, too_complex

# The list of items is small, a few bytes each; a very large picture has some hundred.
MAX_LIST_BYTES = 2**20
MAX_EXTENTS = 2**15
# The boxes without which there is no picture; any other may be cut or damaged.
_ESSENTIAL = frozenset({b"ftyp", b"meta", b"moov", b"mdat"})
# Planes of up to twelve bits for colours and opacity, the picture made of them, and Pillow's copy.
_BYTES_PER_PIXEL = 18
_METADATA = frozenset({b"Exif", b"mime", b"uri "})
_UNUSED = b"skip"
# What Pillow recognizes as an AVIF by its first brand.
_PILLOW_BRANDS = frozenset({b"avif", b"avis", b"mif1", b"msf1"})
_IN_FILE = 0

type _Box = tuple[bytes, int, int]
"""Its type, and its content's first place and the place behind it."""


class _Items:
    """What a `meta` box says of its items."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        self._file = file
        self.types: dict[int, tuple[bytes, int]] = {}
        """By item: the type, and where in the file it is written."""
        self.ends: list[tuple[int, int]] = []
        """Item, and the place in the file behind the last byte of a piece of it."""
        for kind, first, stop in _boxes(file, start + 4, end):
            if stop > end:
                raise EOFError
            if kind == b"iinf":
                self._read_types(first, stop)
            elif kind == b"iloc":
                self._read_places(first, stop)

    def reach(self, size: int) -> bool:
        """Whether the pixels of every item that are not in a box of their own lie within the file."""
        return all(stop <= size for item, stop in self.ends if self.types.get(item, (b"", 0))[0] not in _METADATA)

    def _read_types(self, start: int, end: int) -> None:
        self._file.seek(start)
        version = exactly(self._file.read(4), 4)[0]
        for kind, first, stop in _boxes(self._file, start + (8 if version else 6), end, MAX_EXTENTS):
            if kind == b"infe" and stop <= end:
                self._file.seek(first)
                data = exactly(self._file.read(min(14, stop - first)), 12)
                # Version 3 has wider numbers of items than version 2; before, there were no types.
                if data[0] == 2:
                    self.types[int.from_bytes(data[4:6])] = data[8:12], first + 8
                elif data[0] == 3:
                    self.types[int.from_bytes(data[4:8])] = exactly(data[10:14], 4), first + 10

    def _read_places(self, start: int, end: int) -> None:
        if end - start > MAX_LIST_BYTES:
            raise too_complex("AVIF", "bytes in the list of its items", MAX_LIST_BYTES)
        self._file.seek(start)
        numbers = _Numbers(exactly(self._file.read(end - start), end - start))
        version = numbers.take(1)
        numbers.take(3)
        offset_bytes, length_bytes = divmod(numbers.take(1), 16)
        base_bytes, index_bytes = divmod(numbers.take(1), 16)
        wide = 4 if version == 2 else 2
        pieces = 0
        for _ in range(numbers.take(wide)):
            item = numbers.take(wide)
            method = numbers.take(2) & 15 if version else _IN_FILE
            numbers.take(2)
            base = numbers.take(base_bytes)
            for _ in range(numbers.take(2)):
                pieces += 1
                if pieces > MAX_EXTENTS:
                    raise too_complex("AVIF", "pieces of pixels", MAX_EXTENTS)
                numbers.take(index_bytes if version else 0)
                stop = base + numbers.take(offset_bytes) + numbers.take(length_bytes)
                # Other methods count from the beginning of a box, which must be in the file as a whole.
                if method == _IN_FILE:
                    self.ends.append((item, stop))


class _Numbers:
    """Unsigned numbers one behind the other, each of so many bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, count: int) -> int:
        data = exactly(self._data[self._place : self._place + count], count)
        self._place += count
        return int.from_bytes(data)


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """The boxes of the file, then the pixels of the items that they list.

    A file without a list is an animation, whose samples the decoder checks.
    """
    picture.bytes_per_pixel = _BYTES_PER_PIXEL
    items: _Items | None = None
    has_track = False
    ending = Ending.WHOLE
    for kind, start, end in _boxes(file, 0, size):
        if kind == b"ftyp" and start > 16:
            break  # another file, behind the end of this one
        if end > size:
            # A second list of items is none of this picture.
            if kind in _ESSENTIAL and (kind != b"meta" or items is None):
                # Some writers announce too many bytes of pixels. Where these are, only a list of items says.
                ending = Ending.UNMARKED if kind == b"mdat" and items and not has_track else Ending.CUT
            break
        if kind == b"meta" and items is None:
            items = _Items(file, start, end)
        has_track = has_track or kind == b"moov"
    _keep(file, size, items, picture)
    if items is None and not has_track:
        return Ending.CUT
    return ending if items is None or items.reach(size) else Ending.CUT


def _boxes(file: IO[bytes], start: int, end: int, most: int = MAX_PARTS) -> Iterator[_Box]:
    """The boxes from `start` on; the last one may say that it ends behind `end`. Raises HeaderTooComplex."""
    for count in itertools.count():
        if start + 8 > end:
            return
        if count >= most:
            raise too_complex("AVIF", "boxes in a row", most)
        file.seek(start)
        length, kind = struct.unpack(">L4s", exactly(file.read(8), 8))
        content = start + 8
        if length == 1:
            length = int.from_bytes(file.read(8)) if content + 8 <= end else end + 1
            content += 8
        stop = end if length == 0 else start + length
        if stop < content:  # what follows is not a box
            return
        yield kind, content, stop
        start = stop


def _keep(file: IO[bytes], size: int, items: _Items | None, picture: Picture) -> None:
    """The file as it is, but without the names of the items that hold Exif and XMP, and with a brand that is known."""
    changes: dict[int, bytes] = {}
    file.seek(8)
    if file.read(4) not in _PILLOW_BRANDS:
        changes[8] = b"avif"
    if items:
        changes |= {place: _UNUSED for kind, place in items.types.values() if kind in _METADATA}
    if not changes:
        return
    done = 0
    for place in sorted(changes):
        picture.keep(done, place)
        picture.put(changes[place])
        done = place + 4
    picture.keep(done, size)
