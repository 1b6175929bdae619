"""The outer structure of image files, walked before anything is decoded.

It answers what a header reader leaves open. Which format is it? Is the file complete: a truncated JPEG opens without an
error. Is its header of a sane size: Pillow walks segments in Python, and two million empty ones, 8 MB of file, take it
four seconds. And which parts are the picture: the others are not given to the decoder, so that damaged ones cannot fail
it and large ones cost nothing. No pixels are read; a usual file takes about twenty microseconds.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from jobs import errors
from jobs.imaging.formats import avif, bmp, gif, jpeg, png, strangers, tiff, webp
from jobs.imaging.formats.picture import Ending, Picture

type _Walk = Callable[[IO[bytes], int, Picture], Ending]

_FORMATS: tuple[tuple[str, Callable[[bytes], bool], _Walk], ...] = (
    ("JPEG", lambda head: head.startswith(b"\xff\xd8\xff"), jpeg.walk),
    ("PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), png.walk),
    ("WEBP", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", webp.walk),
    ("GIF", lambda head: head.startswith((b"GIF87a", b"GIF89a")), gif.walk),
    ("TIFF", lambda head: head.startswith(tiff.PREFIXES), tiff.walk),
    ("BMP", bmp.is_bitmap, bmp.walk),
    ("AVIF", lambda head: head[4:8] == b"ftyp", avif.walk),
)


@dataclass(slots=True)
class Structure:
    """`format` is Pillow's name; `picture` what a decoder needs of the file."""

    format: str
    ending: Ending
    picture: Picture


# The first bytes of the formats; any byte may stand in the place of a question mark.
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"RIFF????WEBP", b"\0\0\0?ftyp")
_ANY = ord("?")
# Fewer could be the beginning of anything.
_LEAST_TO_TELL = 4


def is_beginning(file: IO[bytes]) -> bool:
    """Whether `file` is empty, or ends within the signature of a format."""
    file.seek(0)
    head = file.read(strangers.HEAD_BYTES)
    return not head or any(
        _LEAST_TO_TELL <= len(head) < len(one)
        and all(sign in (byte, _ANY) for byte, sign in zip(head, one, strict=False))
        for one in _SIGNATURES
    )


def walk(file: IO[bytes]) -> Structure | None:
    """The structure of `file`, or None if it begins like no format that is known.

    Raises HeaderTooComplex, and UnsupportedFormat for a format, or a kind of one, that no decoder at hand reads.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(strangers.HEAD_BYTES)
    if name := strangers.name(head, size):
        raise errors.UnsupportedFormat.named(name)
    for format_, is_format, walk_format in _FORMATS:
        if is_format(head):
            file.seek(0)
            picture = Picture()
            try:
                ending = walk_format(file, size, picture)
            except EOFError:
                ending = Ending.CUT
            return Structure(format_, ending, picture)
    return None
