"""JPEG, and the multi-picture JPEGs of phones (MPO)."""

import re
import struct
from typing import IO

from jobs import errors
from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import MAX_PARTS, exactly, too_complex

# A scan's tables are at most some kilobytes; Pillow unpacks each of them.
MAX_TABLE_BYTES = 2**18
# Between segments: padding, and the rest of segments that are longer than they say.
MAX_STRAY_BYTES = 2**15
# Between the scans, and between them and the end marker: an encoder writes some tables and a comment.
MAX_SEGMENTS_BETWEEN = 2**14
TAIL_BYTES = 2**16
# The longest segment, with its marker.
_SEGMENT_BYTES = 2 + 0xFFFF
_LEAST_READ, _MOST_READ = 2**12, 2**18
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
# Whatever else follows FF ends a scan: in its pixels, only a stuffed zero or a restart marker does (B.1.1.5).
_END_OF_SCAN = re.compile(rb"\xff[^\x00\x01\xc8\xd0-\xd8\xf0-\xfd\xff]")
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
# The only segments of applications that say what the file is. Phones list further pictures in MPF, and say in XMP what
# they are for.
_WANTED = ((_APP2, b"MPF\0"), (_APP1, b"http://ns.adobe.com/xap/1.0/\0"))


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """Segments up to the first scan, then an end marker after it, whatever a phone has appended to that."""
    picture.keep(0, 2)
    place = 2
    tables = stray = components = 0
    is_progressive = False
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
            if is_progressive or head[4:5] < bytes((components,)):
                # Pixels whose scans follow one another are held as coefficients, of two bytes for each component.
                picture.bytes_per_pixel += 2 * components
            if not _has_end_marker_in_tail(file, place, size):
                _find_end_marker(file, place)
            return Ending.WHOLE
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
                    components = _check_frame(marker, exactly(head[4:10], 6))
                    is_progressive = marker in _PROGRESSIVE
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


def _check_frame(marker: int, frame: bytes) -> int:
    """The number of components; raises UnsupportedFormat for what is no damage, but is read by no common decoder."""
    bits, height, width, components = struct.unpack(">BHHB", frame)
    if bits == 12 or (marker in _LOSSLESS and bits != 8 and 2 <= bits <= 16):
        raise errors.UnsupportedFormat.named(f"a JPEG of {bits} bits a colour")
    if bits == 8 and width and components and not height:
        raise errors.UnsupportedFormat.named("a JPEG that says its height only behind its pixels")
    return int(components)


def _has_end_marker_in_tail(file: IO[bytes], scan: int, size: int) -> bool:
    """Whether the last end marker is near the end of the file, and in no segment: none before it reaches that far."""
    file.seek(max(scan, size - TAIL_BYTES - _SEGMENT_BYTES))
    tail = file.read()
    end = tail.rfind(_EOI, max(0, len(tail) - TAIL_BYTES))
    return end >= 0 and not any(
        found.start() + 2 + int.from_bytes(tail[found.end() : found.end() + 2]) > end
        for found in _END_OF_SCAN.finditer(tail, max(0, end - _SEGMENT_BYTES), end)
    )


def _find_end_marker(file: IO[bytes], scan: int) -> None:
    """Go from one segment and scan to the next until the end marker, since a comment or a profile may hold any bytes.

    Raises EOFError where there is none, and HeaderTooComplex.
    """
    place = scan
    for _ in range(MAX_SEGMENTS_BETWEEN):
        place, marker = _next_segment(file, place)
        if marker == _EOI:
            return
        file.seek(place + 2)
        place += 2 + max(2, int.from_bytes(exactly(file.read(2), 2)))
    raise too_complex("JPEG", "segments between its scans", MAX_SEGMENTS_BETWEEN)


def _next_segment(file: IO[bytes], place: int) -> tuple[int, bytes]:
    """The first marker from `place` on that ends a scan, and its place. Raises EOFError."""
    read = _LEAST_READ
    while True:
        file.seek(place)
        piece = exactly(file.read(read), 2)
        if found := _END_OF_SCAN.search(piece):
            return place + found.start(), found[0]
        place += len(piece) - 1  # its last byte may be the first of a marker
        read = min(4 * read, _MOST_READ)
