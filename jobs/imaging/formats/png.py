"""PNG, and the first picture of an animated one."""

import io
import struct
from typing import IO

from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import MAX_PARTS, exactly, too_complex

# Some encoders write a chunk of pixels for every row.
MAX_PIECES = 2**16
# The fifth bit of a type's first letter: the picture can be shown without the chunk (PNG, 5.4).
_ANCILLARY = 0x20


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """Chunks up to IEND; the critical ones are the picture."""
    picture.keep(0, 8)
    place, before, pieces = 8, 0, 0
    file.seek(place)
    while True:
        length, kind = struct.unpack(">L4s", exactly(file.read(8), 8))
        end = place + 12 + length
        if not kind[0] & _ANCILLARY:
            picture.keep(place, min(end, size))
        if end > size:
            return Ending.CUT
        if kind == b"IEND":
            return Ending.WHOLE
        if pieces or kind == b"IDAT":
            pieces += 1
        else:
            before += 1
        if before > MAX_PARTS:
            raise too_complex("PNG", "chunks before its pixels")
        if pieces > MAX_PIECES:
            raise too_complex("PNG", "chunks of pixels", MAX_PIECES)
        place = end
        file.seek(length + 4, io.SEEK_CUR)
