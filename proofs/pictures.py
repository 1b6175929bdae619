"""Image files made to order, good and broken."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(format_: str = "JPEG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    """An image file full of noise, so that half of it is not all of it."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert(mode).save(buffer, format_, **options)
    return buffer.getvalue()


def jpeg_with(*segments: bytes, rest: bytes = b"") -> bytes:
    """A good JPEG with further segments at the front of its header."""
    return b"\xff\xd8" + b"".join(segments) + (rest or encoded()[2:])


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png_with(*chunks: bytes, width: int | None = None, height: int | None = None, after_header: bool = True) -> bytes:
    """A good PNG with further chunks before or after its pixels, and optionally with a false size in its header."""
    good = encoded("PNG")
    header = good[16:33][:13]
    if width is not None:
        header = struct.pack(">LL", width, height) + header[8:]
    body, end = good[33:-12], good[-12:]
    more = b"".join(chunks)
    return good[:8] + chunk(b"IHDR", header) + (more + body if after_header else body + more) + end


def gif_with(*blocks: bytes) -> bytes:
    """A good GIF with further blocks before its picture."""
    good = encoded("GIF", mode="P")
    start = 13 + (3 << (good[10] & 7) + 1 if good[10] & 0x80 else 0)
    return good[:start] + b"".join(blocks) + good[start:]


def tiff_with(*entries: tuple[int, int, int, int], data: bytes = b"", big: bool = False) -> bytes:
    """A TIFF of 40 x 30 gray pixels: its directory, then `data`, then the pixels in one strip.

    An entry is (tag, type, count, value or offset), and replaces the usual one of the same tag. The pixels are the
    last 1,200 bytes of the file.
    """
    head, count, layout = ("<4sHHQ", "<Q", "<HHQQ") if big else ("<4sL", "<H", "<HHLL")
    fields = {256: (3, 1, 40), 257: (3, 1, 30), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
    fields |= {273: (4, 1, 0), 279: (4, 1, 1200)} | {entry[0]: entry[1:] for entry in entries}
    start = struct.calcsize(head)
    pixels = start + struct.calcsize(count) + len(fields) * struct.calcsize(layout) + 8 + len(data)
    if fields[273] == (4, 1, 0):
        fields[273] = (4, 1, pixels)
    directory = b"".join(struct.pack(layout, tag, *fields[tag]) for tag in sorted(fields))
    first = struct.pack(head, *((b"II+\0", 8, 0, start) if big else (b"II*\0", start)))
    return first + struct.pack(count, len(fields)) + directory + bytes(8) + data + b"\x7f" * 1200
