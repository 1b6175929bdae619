"""Small pictures for people to look at, made anew from a photo: nothing of the file's own bytes is in them."""

from io import BytesIO
from typing import IO

from jobs.imaging.measure import decoding
from jobs.imaging.upright import NotDecodable, upright

# In pixels, of the longer side.
THUMBNAIL_SIDE = 320
PREVIEW_SIDE = 1600
# A page of 60 thumbnails is to stay under 600 kB; of photos, few have more in the first of these qualities.
MOST_THUMBNAIL_BYTES = 9_900
_QUALITIES = 70, 45, 25, 10, 1


class NotDrawable(Exception):
    """The picture cannot be decoded, or only with more memory or time than one picture may take."""


def smaller(file: IO[bytes], side: int, most_bytes: int | None = None) -> bytes:
    """The first picture in `file` as WebP, upright, its longer side at most `side` pixels; raises NotDrawable.

    With `most_bytes`, in the best quality that takes no more of them, or else in the worst.
    Without metadata and colour profile. Not more pictures are decoded at once than processors are there, see `measure`.
    """
    try:
        with decoding():
            small = upright(file, lambda width, height: min(1.0, side / max(width, height)))
        for quality in _QUALITIES:
            written = BytesIO()
            small.save(written, "WEBP", quality=quality, method=2)
            if most_bytes is None or written.tell() <= most_bytes:
                break
    except MemoryError:
        raise
    except NotDecodable as reason:
        raise NotDrawable(str(reason)) from None
    except Exception as error:
        # Pillow raises nearly any exception for a bad file.
        raise NotDrawable(type(error).__name__) from error
    return written.getvalue()
