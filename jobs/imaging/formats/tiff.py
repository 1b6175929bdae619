"""TIFF and BigTIFF: the first directory that holds a full picture, and the marks of a camera raw file.

Cameras write raw files as TIFF whose first directory is a small preview: read as a TIFF, it would be measured in place
of the photo.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from jobs import errors
from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import MAX_PARTS, exactly, too_complex

# The longest table that TIFF defines: TransferFunction and ColorMap of 16 bits.
MAX_VALUES = 3 * 2**16
MAX_STRIPS = 2**16
# How many directories are looked at: a raw file has fewer, and a picture is usually in the first.
MAX_DIRECTORIES = 16

# A strip may be the whole picture: libtiff unpacks it, up to eight bytes a pixel, before Pillow copies it.
_BYTES_PER_PIXEL = 12

PREFIXES = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")

_WIDTH, _HEIGHT = 256, 257
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _COMPRESSION, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES = 254, 255, 259, 262, 271, 330
_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325
_LISTS = frozenset({_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS})
# Size, layout, compression and colours: without any other tag the pixels are the same.
_PICTURE = _LISTS | {
    *(_WIDTH, _HEIGHT, 258, _COMPRESSION, _PHOTOMETRIC, 266, 277, 278, 284, 292, 293, 317, 320, 322, 323, 332, 338),
    *(339, 347, *range(512, 522), *range(529, 533)),
}  # fmt: skip
# Without these a decoder has a default, or does without.
_DISPENSABLE = frozenset(range(529, 533))
# Who made it, with which model, and under which circumstances.
_OF_A_CAMERA = frozenset({_MAKE, 272, 34665})
# Of the sensor's colour filters (TIFF/EP), of Canon, and of DNG.
_RAW_TAGS = frozenset({33421, 33422, 50656, 50706})
# Colour filter array, and linear raw.
_RAW_COLOURS = frozenset({32803, 34892})
# Of Kodak, Sony, Epson, Samsung, Kodak, Nikon, Kodak and Pentax; and the lossy one of DNG.
_RAW_COMPRESSIONS = frozenset({262, 32767, 32769, 32770, 32867, 34713, 65000, 65535, 34892})
# TIFF's field types of one byte: they hold whole files, which are never unpacked into numbers.
_BYTES = frozenset({1, 2, 6, 7})
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {1: "B", 3: "H", 4: "L", 8: "h", 9: "l", 13: "L", 16: "Q", 18: "Q"}


class _File:
    """Reads directories; raises EOFError where one lies outside of the file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size
        file.seek(0)
        prefix = exactly(file.read(4), 4)
        self.order = order = "<" if prefix.startswith(b"II") else ">"
        if prefix[2] == 43:  # BigTIFF, recognized as Pillow does
            self.offset, self.count, self.entry, self.header_bytes = f"{order}Q", f"{order}Q", f"{order}HHQ8s", 16
        else:
            self.offset, self.count, self.entry, self.header_bytes = f"{order}L", f"{order}H", f"{order}HHL4s", 8
        file.seek(self.header_bytes - struct.calcsize(self.offset))
        self.first = self._unpack(self.offset)

    def directory(self, offset: int) -> "_Directory":
        if not self.header_bytes <= offset < self.size:
            raise EOFError
        self._file.seek(offset)
        count = self._unpack(self.count)
        length = count * struct.calcsize(self.entry)
        if offset + length > self.size:
            raise EOFError
        if count > MAX_PARTS:
            raise too_complex("TIFF", "entries in a directory")
        entries: dict[int, tuple[int, int, bytes]] = {}
        for tag, kind, values, field in struct.iter_unpack(self.entry, exactly(self._file.read(length), length)):
            entries.setdefault(tag, (kind, values, field))
        try:
            following = self._unpack(self.offset)
        except EOFError:
            following = 0
        return _Directory(self, offset, entries, following)

    def read(self, offset: int, length: int) -> bytes:
        self._file.seek(min(offset, self.size))
        return exactly(self._file.read(length), length)

    def _unpack(self, layout: str) -> int:
        length = struct.calcsize(layout)
        return int(struct.unpack(layout, exactly(self._file.read(length), length))[0])


@dataclass(frozen=True, slots=True)
class _Directory:
    file: _File
    start: int
    entries: dict[int, tuple[int, int, bytes]]
    """By tag: field type, number of values, and the values or the offset at which they are."""
    next: int

    def number(self, tag: int) -> int:
        """A field's only value; 0 where there is none."""
        values = self.numbers(tag, 1) if self.entries.get(tag, (0, 0))[1] == 1 else ()
        return values[0] if values else 0

    def numbers(self, tag: int, most: int) -> tuple[int, ...]:
        """A field's first values: in the field itself where they fit, otherwise at the offset that it holds."""
        kind, count, field = self.entries.get(tag, (0, 0, b""))
        if kind not in _NUMBERS:
            return ()
        layout = f"{self.file.order}{min(count, most)}{_NUMBERS[kind]}"
        length = struct.calcsize(layout)
        if count * struct.calcsize(self.file.order + _NUMBERS[kind]) > len(field):
            (offset,) = struct.unpack(self.file.offset, field)
            field = self.file.read(offset, length)
        return struct.unpack(layout, field[:length])

    def is_complete(self) -> bool:
        """Whether all values without which its pixels cannot be decoded lie within the file."""
        for tag in self.entries.keys() & (_PICTURE - _DISPENSABLE):
            kind, count, field = self.entries[tag]
            length = count * _WIDTHS.get(kind, 0)
            if length > len(field) and struct.unpack(self.file.offset, field)[0] + length > self.file.size:
                return False
        return True

    def nested(self) -> Iterator["_Directory"]:
        """The directories that it names as belonging to it, as far as they can be read."""
        offsets: tuple[int, ...] = ()
        with suppress(EOFError):
            offsets = self.numbers(_SUB_DIRECTORIES, MAX_DIRECTORIES)
        for offset in offsets:
            with suppress(EOFError, errors.HeaderTooComplex):
                yield self.file.directory(offset)

    @property
    def pixels(self) -> int:
        return self.number(_WIDTH) * self.number(_HEIGHT)

    @property
    def is_reduced(self) -> bool:
        """Whether it says that it is a smaller copy of another picture in the file."""
        return bool(self.number(_SUBFILE_TYPE) & 1) or self.number(_OLD_SUBFILE_TYPE) == 2

    @property
    def is_raw(self) -> bool:
        return (
            self.number(_PHOTOMETRIC) in _RAW_COLOURS
            or self.number(_COMPRESSION) in _RAW_COMPRESSIONS
            or not self.entries.keys().isdisjoint(_RAW_TAGS)
        )


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """A directory and its strips or tiles, each of which must lie within the file."""
    picture.bytes_per_pixel = _BYTES_PER_PIXEL
    tiff = _File(file, size)
    chain = [tiff.directory(tiff.first)]
    is_chain_whole = _follow(chain)
    first = chain[0]
    # Of a smaller copy, the full picture is not smaller still: raw files have such a page for their lists of pictures.
    least = first.pixels if first.is_reduced else 0
    full = next((one for one in chain if not one.is_reduced and one.pixels >= least), None)
    nested = list(first.nested())
    if any(one.is_raw for one in (*chain, *nested)) or any(one.pixels > first.pixels for one in nested):
        raise errors.UnsupportedFormat.named(errors.CAMERA_RAW)
    if first.is_reduced:
        is_by_camera = not first.entries.keys().isdisjoint(_OF_A_CAMERA)
        if _SUB_DIRECTORIES in first.entries or (is_by_camera and not full and is_chain_whole):
            raise errors.UnsupportedFormat.named(errors.CAMERA_RAW)
        if not full and not is_chain_whole:
            picture.keep(0, 1)  # the picture was in what is missing: the preview must not be taken for it
            return Ending.CUT
    _keep(full or first, picture)
    return _ending(full or first)


def _follow(chain: list[_Directory]) -> bool:
    """Add the directories behind the first; whether all that were looked for are there."""
    seen = {chain[0].start}
    while (offset := chain[-1].next) and offset not in seen and len(seen) < MAX_DIRECTORIES:
        seen.add(offset)
        try:
            chain.append(chain[0].file.directory(offset))
        except (EOFError, errors.HeaderTooComplex):
            return False
    return True


def _keep(directory: _Directory, picture: Picture) -> None:
    """The file as it is, but with one directory, whose entries are those of the picture."""
    tiff = directory.file
    wanted = [(tag, *entry) for tag, entry in directory.entries.items() if tag in _PICTURE]
    for tag, kind, values, _ in wanted:
        if values > (limit := MAX_STRIPS if tag in _LISTS else MAX_VALUES) and kind not in _BYTES:
            raise too_complex("TIFF", f"values in its field {tag}", limit)
    pointer = struct.calcsize(tiff.offset)
    table = struct.pack(tiff.count, len(wanted)) + b"".join(struct.pack(tiff.entry, *entry) for entry in wanted)
    table += bytes(pointer)
    picture.keep(0, tiff.header_bytes - pointer)
    picture.put(struct.pack(tiff.offset, directory.start))
    picture.keep(tiff.header_bytes, directory.start)
    picture.put(table)
    picture.keep(directory.start + len(table), tiff.size)


def _ending(directory: _Directory) -> Ending:
    pieces: list[tuple[int, int]] = []
    for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_LENGTHS), (_TILE_OFFSETS, _TILE_LENGTHS)):
        starts = directory.numbers(offsets, MAX_STRIPS)
        # The lengths may be left out where there is one strip.
        counts = directory.numbers(lengths, MAX_STRIPS) or (1,) * len(starts)
        pieces += zip(starts, counts, strict=False)
    if not pieces or not directory.pixels or not directory.is_complete():
        return Ending.CUT
    return Ending.WHOLE if all(start + length <= directory.file.size for start, length in pieces) else Ending.CUT
