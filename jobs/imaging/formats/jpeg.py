"""JPEG, and the multi-picture JPEGs of phones (MPO)."""

import struct
from typing import IO

from jobs import errors
from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import MAX_PARTS, exactly, too_complex

# A scan's tables are at most some kilobytes; Pillow unpacks each of them.
MAX_TABLE_BYTES = 2**18
# Between segments: padding, and the rest of segments that are longer than they say.
MAX_STRAY_BYTES = 2**15
TAIL_BYTES = 2**16
_STRAY_READ = 2**12
_FIRST_READ = 2**12
# Enough of a segment to tell what it is.
_HEAD_BYTES = 40

_APP0, _APP1, _APP2, _APP15, _COM = 0xE0, 0xE1, 0xE2, 0xEF, 0xFE
# The usual first segment, whole: kept, so that a file without others is read as it is.
_JFIF = b"\xff\xe0\0\x10JFIF\0"
_SOS, _EOI = 0xDA, b"\xff\xd9"
# Markers without a length, as Pillow reads them: JPG, RST0-7, SOI, EOI, JPG0-13, and the stuffed zero.
_BARE_MARKERS = frozenset({0x00, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)})
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
# The only segments of applications that say what the file is. Phones list further pictures in MPF, and say in XMP what
# they are for.
_WANTED = ((_APP2, b"MPF\0"), (_APP1, b"http://ns.adobe.com/xap/1.0/\0"))


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """Segments up to the first scan, then an end marker anywhere after it.

    Anywhere, because inside a scan every FF is followed by 00 or a restart marker (ITU-T T.81, B.1.1): FF D9 is
    the end of this image, whatever a phone has appended to it.
    """
    picture.keep(0, 2)
    place = 2
    tables = stray = 0
    unseen = list(_WANTED)
    # Most segments begin in the first few kilobytes.
    file.seek(0)
    beginning = file.read(_FIRST_READ)
    for _ in range(MAX_PARTS + 1):
        if place + _HEAD_BYTES <= len(beginning):
            head = beginning[place : place + _HEAD_BYTES]
        else:
            file.seek(place)
            head = file.read(_HEAD_BYTES)
        if len(head) < 2:
            raise EOFError
        first, marker = head[0], head[1]
        if first != 0xFF or marker == 0xFF:
            file.seek(place)
            count = _stray_bytes(file.read(_STRAY_READ))
            place += count
            stray += count
        elif marker == _SOS:
            picture.keep(place, size)
            return Ending.WHOLE if _has_end_marker(file, place + 2, size) else Ending.CUT
        elif marker in _BARE_MARKERS:
            place += 2
        else:
            length = int.from_bytes(exactly(head[2:4], 2))
            end = place + 2 + max(length, 2)
            if _APP0 <= marker <= _APP15 or marker == _COM:
                if head.startswith(_JFIF):
                    picture.keep(place, min(end, size))
                    place = end
                    continue
                wanted = next((one for one in unseen if one[0] == marker and head[4:].startswith(one[1])), None)
                if wanted:
                    unseen.remove(wanted)
                    picture.keep(place, min(end, size))
            else:
                if marker in _FRAMES:
                    _check_frame(marker, exactly(head[4:10], 6))
                tables += length
                picture.keep(place, min(end, size))
            place = end
        if tables > MAX_TABLE_BYTES:
            raise too_complex("JPEG", "bytes of tables before its picture", MAX_TABLE_BYTES)
        if stray > MAX_STRAY_BYTES:
            raise too_complex("JPEG", "stray bytes before its picture", MAX_STRAY_BYTES)
    raise too_complex("JPEG", "segments before its picture")


def _stray_bytes(data: bytes) -> int:
    """How many of `data` come before the next marker: junk, or fill bytes, of which any number is allowed (B.1.1.2)."""
    if data.startswith(b"\xff"):
        return len(data) - len(data.lstrip(b"\xff")) - 1
    place = data.find(b"\xff")
    return place if place > 0 else len(data)


def _check_frame(marker: int, frame: bytes) -> None:
    """Name the kinds of JPEG that are no damage, but that no common decoder reads."""
    bits, height, width, components = struct.unpack(">BHHB", frame)
    if bits == 12 or (marker in _LOSSLESS and bits != 8 and 2 <= bits <= 16):
        raise errors.UnsupportedFormat.named(f"a JPEG of {bits} bits a colour")
    if bits == 8 and width and components and not height:
        raise errors.UnsupportedFormat.named("a JPEG that says its height only behind its pixels")


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
