"""The outer structure of image files, walked before anything is decoded.

It answers two questions that a header reader leaves open. Is the file complete? A truncated JPEG opens without an
error. And is its header of a sane size? Pillow walks segments in Python, and two million empty ones, 8 MB of file, take
it four seconds. No pixels are read; a usual file takes about ten microseconds.
"""

import io
import struct
from collections.abc import Callable, Iterator
from typing import IO

from jobs import errors

# Cameras and editors write a few dozen segments; a large ICC profile or XMP packet takes a few hundred.
MAX_SEGMENTS = 2_000
MAX_HEADER_BYTES = 2 * 2**20
# Exif defines one segment of 64 kB; some writers need a second. Pillow joins all of them and reads every entry.
MAX_EXIF_SEGMENTS = 4
# No regular encoder cuts a large PNG into chunks smaller than this, on average.
MIN_CHUNK_BYTES = 2_048
# The longest table that TIFF defines: TransferFunction and ColorMap of 16 bits.
MAX_TIFF_VALUES = 3 * 2**16
MAX_TIFF_STRIPS = 2**16
TAIL_BYTES = 2**16

_APP1, _SOS, _EOI = 0xE1, 0xDA, b"\xff\xd9"
# Markers without a length, as Pillow reads them: JPG, RST0-7, SOI, EOI, JPG0-13, and the stuffed zero.
_BARE_MARKERS = frozenset({0x00, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
# TIFF's field types of one byte: they hold whole files (ICC, XMP, layers), which are never unpacked into numbers.
_TIFF_BYTES = frozenset({1, 2, 6, 7})
_TIFF_INTEGERS = {3: "H", 4: "L", 16: "Q"}
_TIFF_STRIPS = _STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325


def is_whole(file: IO[bytes]) -> bool:
    """Whether `file` reaches the end that its own structure defines; raises HeaderTooComplex.

    True for a file of an unknown format, whose structure cannot be checked. Bytes after the end are allowed: phones
    append more pictures, videos and their own metadata.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(12)
    for is_kind, walk in _KINDS:
        if is_kind(head):
            try:
                return walk(file, size)
            except EOFError:
                return False
    return size > 0


def _read(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _jpeg(file: IO[bytes], size: int) -> bool:
    """Segments up to the first scan, then an end marker anywhere after it.

    Anywhere, because inside a scan every FF is followed by 00 or a restart marker (ITU-T T.81, B.1.1): FF D9 is
    the end of this image, whatever a phone has appended to it.
    """
    file.seek(2)
    exif = 0
    for _ in range(MAX_SEGMENTS + 1):
        if file.tell() > MAX_HEADER_BYTES or exif > MAX_EXIF_SEGMENTS:
            break
        first, marker = _read(file, 2)
        if first != 0xFF or marker == 0xFF:
            file.seek(-1, io.SEEK_CUR)  # junk or padding, which Pillow also skips byte by byte
        elif marker == _SOS:
            return _has_end_marker(file, file.tell(), size)
        elif marker not in _BARE_MARKERS:
            length, name = struct.unpack(">H4s", _read(file, 6))
            exif += (marker, name) == (_APP1, b"Exif")
            file.seek(max(length, 2) - 6, io.SEEK_CUR)
    raise errors.HeaderTooComplex


def _has_end_marker(file: IO[bytes], scan: int, size: int) -> bool:
    file.seek(max(scan, size - TAIL_BYTES))
    if file.read().rfind(_EOI) >= 0:  # searched backwards, because it is usually at the end
        return True
    # A video of some megabytes may follow the picture.
    file.seek(scan)
    last = b""
    while piece := file.read(TAIL_BYTES):
        if _EOI in last + piece:
            return True
        last = piece[-1:]
    return False


def _png(file: IO[bytes], size: int) -> bool:
    """Chunks up to IEND."""
    chunks = _png_chunks(file, size)
    for count, kind in enumerate(chunks):
        if kind in (b"IDAT", b"fdAT"):
            break
        if count >= MAX_SEGMENTS or file.tell() > MAX_HEADER_BYTES:
            raise errors.HeaderTooComplex
    for count, _ in enumerate(chunks):
        if count > MAX_SEGMENTS + size // MIN_CHUNK_BYTES:
            raise errors.HeaderTooComplex
    return True


def _png_chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The type of every chunk before IEND; the file's position is then after that chunk."""
    file.seek(8)
    while True:
        length, kind = struct.unpack(">L4s", _read(file, 8))
        if kind == b"IEND":
            _read(file, 4)
            return
        if file.seek(length + 4, io.SEEK_CUR) > size:
            raise EOFError
        yield kind


def _gif(file: IO[bytes], size: int) -> bool:
    """Blocks up to the first image, then the trailer as the last byte, apart from padding."""
    for count, kind in enumerate(_gif_blocks(file)):
        if kind == b",":
            break
        if count >= MAX_SEGMENTS:
            raise errors.HeaderTooComplex
    file.seek(max(file.tell(), size - 16))
    return file.read().rstrip(b"\0\r\n").endswith(b";")


def _gif_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The introducer of every extension, b"" for every sub-block in it, and b"," for the first image."""
    file.seek(10)
    (flags,) = _read(file, 1)
    palette = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    file.seek(2 + palette, io.SEEK_CUR)
    while (introducer := _read(file, 1)) != b";":
        yield introducer
        _read(file, 1)  # an extension's label
        while length := _read(file, 1)[0]:
            yield b""
            file.seek(length, io.SEEK_CUR)


def _tiff(file: IO[bytes], size: int) -> bool:
    """The first directory, then its strips or tiles: each must lie within the file."""
    file.seek(0)
    prefix = _read(file, 4)
    order = "<" if prefix.startswith(b"II") else ">"
    if prefix[2] == 43:  # BigTIFF, recognized as Pillow does
        offset_format, count_format, entry_format = f"{order}4xQ", f"{order}Q", f"{order}HHQ8s"
    else:
        offset_format, count_format, entry_format = f"{order}L", f"{order}H", f"{order}HHL4s"
    (offset,) = struct.unpack(offset_format, _read(file, struct.calcsize(offset_format)))
    file.seek(min(offset, size))
    (count,) = struct.unpack(count_format, _read(file, struct.calcsize(count_format)))
    if count > MAX_SEGMENTS:
        raise errors.HeaderTooComplex
    numbers: dict[int, tuple[int, ...]] = {}
    for tag, kind, values, field in struct.iter_unpack(
        entry_format, _read(file, count * struct.calcsize(entry_format))
    ):
        if kind not in _TIFF_BYTES and values > MAX_TIFF_VALUES:
            raise errors.HeaderTooComplex
        if tag in _TIFF_STRIPS and kind in _TIFF_INTEGERS:
            if values > MAX_TIFF_STRIPS:
                raise errors.HeaderTooComplex
            numbers[tag] = _tiff_numbers(file, f"{order}{values}{_TIFF_INTEGERS[kind]}", field, order, size)
    pieces = (
        *zip(numbers.get(_STRIP_OFFSETS, ()), numbers.get(_STRIP_LENGTHS, ()), strict=False),
        *zip(numbers.get(_TILE_OFFSETS, ()), numbers.get(_TILE_LENGTHS, ()), strict=False),
    )
    return all(offset + length <= size for offset, length in pieces)


def _tiff_numbers(file: IO[bytes], format_: str, field: bytes, order: str, size: int) -> tuple[int, ...]:
    """A field's values: in the field itself where they fit, otherwise at the offset that it holds."""
    length = struct.calcsize(format_)
    if length > len(field):
        (offset,) = struct.unpack(f"{order}{'L' if len(field) == 4 else 'Q'}", field)
        file.seek(min(offset, size))
        field = _read(file, length)
    return struct.unpack(format_, field[:length])


def _bmp(file: IO[bytes], size: int) -> bool:
    """Rows of pixels; the length of a compressed bitmap cannot be computed in advance."""
    file.seek(10)
    offset, header, width, height, bits, compression = struct.unpack("<LLll2xHL", _read(file, 24))
    if header < 40 or compression not in (0, 3):
        return True
    row = (width * bits + 31) // 32 * 4
    return bool(offset + row * abs(height) <= size)


def _webp(file: IO[bytes], size: int) -> bool:
    file.seek(4)
    (length,) = struct.unpack("<L", _read(file, 4))
    return bool(8 + length <= size)


def _avif(file: IO[bytes], size: int) -> bool:
    """Boxes up to the first one with pixels; the decoder notices whatever else is missing when it opens the file."""
    position = 0
    for _ in range(MAX_SEGMENTS):
        file.seek(position)
        length, kind = struct.unpack(">L4s", _read(file, 8))
        if length == 1:
            (length,) = struct.unpack(">Q", _read(file, 8))
        if length == 0:  # the box extends to the end of the file
            return True
        position = min(position + max(length, 8), size + 1)
        if kind == b"mdat":
            return bool(position <= size)
    raise errors.HeaderTooComplex


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[IO[bytes], int], bool]], ...] = (
    (lambda head: head.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda head: head.startswith((b"GIF87a", b"GIF89a")), _gif),
    (lambda head: head.startswith(b"RIFF") and head.endswith(b"WEBP"), _webp),
    (lambda head: head.startswith((b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")), _tiff),
    (lambda head: head.startswith(b"BM"), _bmp),
    (lambda head: head[4:8] == b"ftyp", _avif),
)
