"""Exif made to order, good and broken, and files that hold it."""

import io
import struct
from fractions import Fraction

from PIL import Image

from proofs.pictures import chunk, jpeg_with, png_with, segment

ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5


def rational(*numbers):
    parts = [Fraction(number).limit_denominator(10_000) for number in numbers]
    return RATIONAL, len(parts), [(part.numerator, part.denominator) for part in parts]


def text(value):
    return ASCII, len(value) + 1, value.encode() + b"\0"


def tiff(main=None, shot=None, place=None, order="<"):
    """A TIFF with these directories, of tag to (type, count, value)."""
    directories = [dict(main or {}), shot, place]
    at = 8
    places = []
    for fields, tag in zip(directories, (None, 0x8769, 0x8825), strict=True):
        if tag is not None and fields is not None:
            directories[0][tag] = LONG, 1, 0
    for fields in directories:
        places.append(at)
        at += 0 if fields is None else 2 + 12 * len(fields) + 4
    head, rest = b"", b""
    for tag, target in ((0x8769, 1), (0x8825, 2)):
        if tag in directories[0]:
            directories[0][tag] = LONG, 1, places[target]
    for fields in directories:
        if fields is None:
            continue
        head += struct.pack(f"{order}H", len(fields))
        for tag, (kind, count, value) in fields.items():
            if isinstance(value, list):
                value = b"".join(struct.pack(f"{order}II", *part) for part in value)
            elif isinstance(value, int):
                value = struct.pack(f"{order}I", value)
            if len(value) > 4:
                value, rest = struct.pack(f"{order}I", at + len(rest)), rest + value
            head += struct.pack(f"{order}HHI", tag, kind, count) + value.ljust(4, b"\0")
        head += b"\0\0\0\0"
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8) + head + rest


def shot(taken="2026:03:02 12:00:00", offset=None, **more):
    fields = {0x9003: text(taken)}
    if offset is not None:
        fields[0x9011] = text(offset)
    return {"shot": fields, **more}


def at(latitude=(52, 30, 0), longitude=(13, 15, 0), north="N", east="E"):
    return {1: text(north), 2: rational(*latitude), 3: text(east), 4: rational(*longitude)}


def jpeg(exif):
    return jpeg_with(segment(0xE1, b"Exif\0\0" + exif))


def png(exif):
    return png_with(chunk(b"eXIf", exif))


def webp(exif):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "WEBP", exif=exif)
    return file.getvalue()
