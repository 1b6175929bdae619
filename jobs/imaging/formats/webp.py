"""WebP (RFC 9649): chunks in a RIFF container."""

import struct
from typing import IO

from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import exactly, too_complex

# An animation has a chunk for every frame.
MAX_CHUNKS = 2**15
_PICTURE = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
# The flags of VP8X that announce a colour profile, Exif and XMP.
_METADATA_FLAGS = 0x20 | 0x08 | 0x04


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """Chunks up to the end of the container, which is built again around those of the picture if there are others."""
    file.seek(4)
    (length,) = struct.unpack("<L", exactly(file.read(4), 4))
    end = 8 + length
    if end > size:
        return Ending.CUT
    body = Picture()
    place, total, has_pixels, has_metadata = 12, 4, False, False
    for _ in range(MAX_CHUNKS):
        file.seek(place)
        head = file.read(9)
        if place + 8 > end or len(head) < 8:
            break
        kind, length = struct.unpack("<4sL", head[:8])
        stop = place + 8 + length
        if kind in _PICTURE:
            if stop > end:
                return Ending.CUT
            if kind == b"VP8X":
                flags = exactly(head, 9)[8]
                has_metadata = bool(flags & _METADATA_FLAGS)
                body.put(head[:8] + bytes((flags & ~_METADATA_FLAGS,)))
                body.keep(place + 9, stop)
            else:
                body.keep(place, stop)
                has_pixels = has_pixels or kind != b"ALPH"
            if length % 2:
                body.put(b"\0")  # the padding byte, which some writers leave out
            total += 8 + length + length % 2
        place = stop + length % 2
    else:
        raise too_complex("WebP", "chunks", MAX_CHUNKS)
    if has_metadata or 8 + total != end:
        picture.put(b"RIFF" + struct.pack("<L", total) + b"WEBP")
        picture.pieces += body.pieces
    return Ending.WHOLE if has_pixels else Ending.CUT
