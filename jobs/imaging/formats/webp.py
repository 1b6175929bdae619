"""WebP (RFC 9649): chunks in a RIFF container."""

import struct
from typing import IO

from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import exactly, too_complex

# An animation has a chunk for every frame.
MAX_CHUNKS = 2**15
# libwebp keeps two canvases of four bytes, and for an opacity planes of their own; Pillow copies the result twice.
_BYTES_PER_PIXEL = 18
_PICTURE = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_PIXELS = frozenset({b"VP8 ", b"VP8L", b"ANMF"})


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """Chunks up to the end of the container, which is built again around those of the picture if there are others.

    Where the file ends before, its picture may be complete nevertheless: some writers announce a wrong length.
    """
    picture.bytes_per_pixel = _BYTES_PER_PIXEL
    file.seek(4)
    (length,) = struct.unpack("<L", exactly(file.read(4), 4))
    end = 8 + length
    body = Picture()
    has_pixels = False
    place, total = 12, 4
    for _ in range(MAX_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if place + 8 > end or not head:
            break
        if len(head) < 8:
            return Ending.CUT
        kind, length = struct.unpack("<4sL", head)
        padding = length % 2
        if kind in _PICTURE:
            # The byte of padding must be there only where the container says so.
            if place + 8 + length + padding * (end > size) > size:
                return Ending.CUT
            has_pixels = has_pixels or kind in _PIXELS
            body.keep(place, place + 8 + length)
            body.put(bytes(padding))  # which some writers leave out
            total += 8 + length + padding
        place += 8 + length + padding
    else:
        raise too_complex("WebP", "chunks", MAX_CHUNKS)
    if 8 + total != end or end > size:
        picture.put(b"RIFF" + struct.pack("<L", total % 2**32) + b"WEBP")
        picture.pieces += body.pieces
    if end <= size:
        return Ending.WHOLE
    return Ending.UNMARKED if has_pixels else Ending.CUT
