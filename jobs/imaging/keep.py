"""Keeping photos: the original, or a thumbnail of it, for people to look at.

A photo that cannot be kept is measured all the same: what was kept, or why not, is recorded beside the result.
"""

import logging
import threading
import time
from typing import IO, Self

from django.conf import settings

from jobs.imaging import photo_store
from jobs.imaging.photo_evidence import sha256_of_file
from jobs.imaging.thumbnail import MOST_THUMBNAIL_BYTES, THUMBNAIL_SIDE, NotDrawable, smaller
from jobs.imaging.types import Kept
from jobs.states import NotKept

logger = logging.getLogger(__name__)

# Waits between the attempts to store one file.
RETRY_SECONDS = 0.2, 1.0
# How long nothing is stored after that, for any image; then one tries.
AWAY_SECONDS = 30.0
# A storage that takes longer to refuse hangs: it is not tried again at once, so that slots wait for it only once.
HANGS_SECONDS = 3.0
# Of what a storage says, in the log.
MOST_SHOWN = 300


class _Unwritable(Exception):
    """The storage has refused for now."""


class Keeper:
    """Keeps photos for all slots of a process at once. `room` is how many bytes may be added until it is set anew."""

    def __init__(self, *, originals: bool) -> None:
        self._originals = originals
        self._lock = threading.Lock()
        self._away_until = 0.0
        self.room = 0

    @classmethod
    def from_settings(cls) -> Self | None:
        """None where nothing is kept."""
        if settings.KEEP_IMAGES == "off":
            return None
        return cls(originals=settings.KEEP_IMAGES == "original")

    def keep(self, file: IO[bytes], sha256: bytes | None = None) -> Kept:
        """`sha256` is the file's, where it is known. Never raises: what could not be kept is said."""
        sha256 = sha256 or sha256_of_file(file)
        if self.room <= 0:
            return Kept(sha256, why_not=NotKept.FULL)
        thumbnail = original = added = 0
        why_not = ""
        try:
            try:
                small = smaller(file, THUMBNAIL_SIDE, MOST_THUMBNAIL_BYTES)
            except (NotDrawable, MemoryError):
                why_not = NotKept.NOT_DRAWABLE
            else:
                added += self._put(photo_store.thumbnail_name(sha256), small, len(small))
                thumbnail = len(small)
            if self._originals:
                size = file.seek(0, 2)
                added += self._put(photo_store.original_name(sha256), file, size)
                original = size
        except _Unwritable:
            why_not = NotKept.AWAY
        with self._lock:
            self.room -= added
        return Kept(sha256, thumbnail, original, added, why_not)

    def _put(self, name: str, content: bytes | IO[bytes], size: int) -> int:
        """How many bytes were added; raises _Unwritable."""
        with self._lock:
            if (now := time.monotonic()) < self._away_until:
                raise _Unwritable
            if self._away_until:
                # The others go on without, until this one has stored something.
                self._away_until = now + AWAY_SECONDS
        for wait in (*RETRY_SECONDS, None):
            begun = time.monotonic()
            try:
                return self._stored(name, content, size)
            except Exception as error:
                if wait is None or time.monotonic() - begun > HANGS_SECONDS:
                    self._away_until = time.monotonic() + AWAY_SECONDS
                    reason = f"{type(error).__name__}: {error}"[:MOST_SHOWN]
                    logger.warning("photos are not kept", extra={"seconds": AWAY_SECONDS, "error": reason})
                    raise _Unwritable from error
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _stored(self, name: str, content: bytes | IO[bytes], size: int) -> int:
        is_new = photo_store.put(name, content)
        self._away_until = 0.0
        return size if is_new else 0
