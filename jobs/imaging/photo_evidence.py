"""What is kept as evidence of a photo, as far as the setting PHOTO_EVIDENCE says; each level includes those before it.

hash
    The SHA-256 of the file, by which the same file is found again.
header
    When, by which camera and where it was taken, by its Exif.
look
    A hash of what it shows, by which it is found again in another encoding; how bright, how flat and how sharp it is.
    Decoded at a fraction of its size where the format allows it, a few photos at a time as with IMAGE_CHECK=decode.

It never changes what becomes of an image: of a damaged or hostile file, whatever cannot be read is left out.
"""

import hashlib
from collections.abc import Callable
from enum import IntEnum
from typing import IO, Any

from jobs.imaging.difference_hash import DifferenceHash, difference_hash
from jobs.imaging.exif import read_exif
from jobs.imaging.look import SIDE, Look, grays, look
from jobs.imaging.measure import decoding
from jobs.imaging.types import Photo
from jobs.imaging.upright import opened


class Level(IntEnum):
    OFF = 0
    HASH = 1
    HEADER = 2
    LOOK = 3


def photo_evidence(file: IO[bytes], format_: str, level: Level) -> Photo | None:
    """Of a file that was measured as an image of this format; None where nothing is kept. Never raises."""
    if level == Level.OFF:
        return None
    sha256 = _unless_unreadable(lambda: sha256_of_file(file))
    if sha256 is None:
        return None
    exif = _unless_unreadable(lambda: read_exif(file, format_)) if level >= Level.HEADER else None
    seen = _unless_unreadable(lambda: _seen(file)) if level >= Level.LOOK else None
    hashed, looks = seen or (None, None)
    return Photo(sha256, exif=exif, hash=hashed, look=looks)


def _unless_unreadable[T](read: Callable[[], T]) -> T | None:
    """Pillow raises nearly any exception for a bad file, and none of them may fail an image that was measured."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - see above
        return None


def sha256_of_file(file: IO[bytes]) -> bytes:
    """Of the whole file; raises what reading it raises."""
    file.seek(0)
    digestible: Any = file
    return hashlib.file_digest(digestible, "sha256").digest()


def _seen(file: IO[bytes]) -> tuple[DifferenceHash, Look]:
    with opened(file) as image, decoding():
        # Of a JPEG, no more is decoded than is looked at: at the threshold of blur, sharpness stays the same.
        scale = SIDE / max(image.size)
        image.draft("L", (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        gray = grays(image, SIDE)
        return difference_hash(gray), look(gray)
