"""Windows and OS/2 bitmaps."""

import struct
from typing import IO

from jobs import errors
from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import exactly

_HEADER_BYTES = frozenset({12, 40, 52, 56, 64, 108, 124})
_PLAIN, _RLE8, _RLE4, _BIT_FIELDS, _JPEG, _PNG = range(6)
# Bit fields with opacity, and three for printers; two bits and eight bytes a pixel.
_UNUSUAL = frozenset({6, 11, 12, 13})
_UNUSUAL_BITS = frozenset({2, 64})
_END_OF_BITMAP = b"\0\1"


def is_bitmap(head: bytes) -> bool:
    """Two letters alone could begin a text: four bytes that are zero, or the length of a known header, follow."""
    return head.startswith(b"BM") and (head[6:10] == bytes(4) or int.from_bytes(head[14:18], "little") in _HEADER_BYTES)


def walk(file: IO[bytes], size: int, _: Picture) -> Ending:
    """Rows of pixels; of a compressed bitmap, the length that its header says, or its end marker."""
    file.seek(10)
    offset, header = struct.unpack("<LL", exactly(file.read(8), 8))
    compression, length = _PLAIN, 0
    if header == 12:
        width, height, bits = struct.unpack("<HH2xH", exactly(file.read(8), 8))
    else:
        width, height, bits, compression, length = struct.unpack("<ll2xHLL", exactly(file.read(20), 20))
    if compression in _UNUSUAL or bits in _UNUSUAL_BITS:
        raise errors.UnsupportedFormat.named("a bitmap whose pixels are stored in an unusual way")
    if compression in (_PLAIN, _BIT_FIELDS):
        end = offset + (width * bits + 31) // 32 * 4 * abs(height)
        return Ending.WHOLE if end <= size else Ending.CUT
    if compression in (_JPEG, _PNG):
        raise errors.UnsupportedFormat.named("a bitmap with another picture in it")
    if compression not in (_RLE8, _RLE4):
        return Ending.WHOLE  # as far as can be told: the decoder refuses it
    if length and offset + length <= size:
        return Ending.WHOLE
    # Some encoders leave the length out, or write that of the pixels before compression.
    file.seek(offset)
    pixels = file.read()
    is_whole = pixels.rstrip(b"\0").endswith(_END_OF_BITMAP) if length else _END_OF_BITMAP in pixels
    return Ending.WHOLE if is_whole else Ending.CUT
