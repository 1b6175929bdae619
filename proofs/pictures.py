"""Image files made to order, good and broken."""

import functools
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image


def encoded(format_: str = "JPEG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    """An image file full of noise, so that half of it is not all of it; without options, the same one every time."""
    return _encode(format_, size, mode, **options) if options else _encoded(format_, size, mode)


# Some tests ask for the same file dozens of times, and to make an AVIF takes a tenth of a second.
@functools.cache
def _encoded(format_: str, size: tuple[int, int], mode: str) -> bytes:
    return _encode(format_, size, mode)


def _encode(format_: str, size: tuple[int, int], mode: str, **options: Any) -> bytes:
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


# Numbers of 32 bits, text, or bytes.
type Field = int | str | bytes | tuple[int, ...]


@dataclass(frozen=True)
class Page:
    """One directory of a TIFF, with gray pixels; `tags` replace or add fields, `nested` are its SubIFDs."""

    size: tuple[int, int] = (40, 30)
    tags: Mapping[int, Field] = field(default_factory=dict)
    nested: tuple["Page", ...] = ()


def tiff_of(*pages: Page, order: str = "<", mark: bytes = b"") -> bytes:
    """A TIFF of several directories; `mark` follows the header, as in the raw files of some cameras."""
    file = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4) + mark)
    pointer = 4
    for page in pages:
        start, behind = _write_page(file, page, order)
        struct.pack_into(f"{order}L", file, pointer, start)
        pointer = behind
    return bytes(file)


def _write_page(file: bytearray, page: Page, order: str) -> tuple[int, int]:
    """Append a directory and what belongs to it; returns its place, and that of the pointer to the next one."""
    width, height = page.size
    nested = tuple(_write_page(file, one, order)[0] for one in page.nested)
    fields: dict[int, Field] = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: len(file), 277: 1}
    fields[279] = width * height
    fields |= {330: nested} if nested else {}
    fields |= page.tags
    file += b"\x7f" * (width * height)
    entries = b""
    for tag, value in sorted(fields.items()):
        numbers = (value,) if isinstance(value, int) else value
        if isinstance(numbers, tuple):
            kind, count, data = 4, len(numbers), struct.pack(f"{order}{len(numbers)}L", *numbers)
        else:
            data = numbers.encode() + b"\0" if isinstance(numbers, str) else numbers
            kind, count = (2 if isinstance(numbers, str) else 1), len(data)
        if len(data) > 4:
            data, place = struct.pack(f"{order}L", len(file)), data
            file += place
        entries += struct.pack(f"{order}HHL4s", tag, kind, count, data.ljust(4, b"\0"))
    start = len(file)
    file += struct.pack(f"{order}H", len(entries) // 12) + entries + bytes(4)
    return start, len(file) - 4


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of an AVIF, HEIF or MP4 file."""
    data = b"".join(content)
    return struct.pack(">L4s", len(data) + 8, kind) + data


def boxes(data: bytes) -> dict[bytes, bytes]:
    """The content of every box that `data` consists of, by type."""
    found, place = {}, 0
    while place < len(data):
        length, kind = struct.unpack(">L4s", data[place : place + 8])
        found[kind] = data[place + 8 : place + length]
        place += length
    return found


def avif_of(layout: str, size: tuple[int, int] = (40, 30)) -> bytes:
    """A good AVIF whose pixels are "in idat", "before meta", "in two boxes", or where encoders put them: "behind"."""
    top = boxes(encoded("AVIF", size=size))
    children, pixels = boxes(top[b"meta"][4:]), top[b"mdat"]
    half = len(pixels) // 2
    pieces = [pixels[:half], pixels[half:]] if layout == "in two boxes" else [pixels]

    def assembled(places: list[int]) -> tuple[bytes, list[int]]:
        """The file, and the places of its pieces, if its list says that they are at `places`."""
        method = 1 if layout == "in idat" else 0
        extents = b"".join(struct.pack(">LL", at, len(piece)) for at, piece in zip(places, pieces, strict=True))
        children[b"iloc"] = b"\1\0\0\0\x44\0" + struct.pack(">HHHHH", 1, 1, method, 0, len(pieces)) + extents
        parts = [box(kind, data) for kind, data in children.items()]
        if layout == "in idat":
            return box(b"ftyp", top[b"ftyp"]) + box(b"meta", bytes(4), *parts, box(b"idat", pixels)), [0]
        before = box(b"ftyp", top[b"ftyp"])
        meta = box(b"meta", bytes(4), *parts)
        data = [box(b"mdat", piece) for piece in pieces]
        if layout == "before meta":
            return before + data[0] + meta, [len(before) + 8]
        start = len(before) + len(meta) + 8
        return before + meta + b"".join(data), [start, start + len(pieces[0]) + 8][: len(pieces)]

    _, places = assembled([0] * len(pieces))
    return assembled(places)[0]
