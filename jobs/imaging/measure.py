"""Bytes -> Measurement: what the image is, and whether it is complete.

The setting IMAGE_CHECK chooses one of three levels:

header
    Pillow reads the header. A truncated file passes.
complete
    The file must also reach the end that its format defines, and the checksums of a PNG's picture must match. Costs
    little more.
decode
    Every pixel is decoded as well: about 100 ms of processor time for a large photo, so only a few at a time.

No level notices corrupted bytes inside a JPEG's pixel data, and a header that lies about the size is believed. Text,
Exif, colour profiles and whatever else a picture can be shown without is not read.
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from PIL import (  # the plugins are loaded now, because the first image would otherwise wait some 50 ms for them
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from jobs import errors
from jobs.imaging.formats.picture import Ending
from jobs.imaging.formats.structure import Structure, is_beginning, walk
from jobs.imaging.types import Measurement

# What decoding one image may take: time, and memory, of which a decoder needs four to eighteen bytes a pixel.
MAX_DECODE_PIXELS = 89_478_485
MAX_DECODE_BYTES = 2**29
# Decoders release the GIL but keep the processor busy: unbounded, they starve the threads that answer requests.
_decoders = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) - 1))
_thread = threading.local()

# Pillow warns of damaged metadata, once for each message, and remembers every message for ever.
warnings.filterwarnings("ignore", module=r"PIL\.")


def measure(file: IO[bytes], *, framed: bool, check: str, max_pixels: int) -> Measurement:
    """The size and format of the image in `file`; raises a MeasureError, or Truncated.

    `framed` says that HTTP has proved the download to be complete: then a missing end is damage in the server's own
    file, and fetching it again is useless. `check` is one of the levels above. `max_pixels` is the largest width times
    height.
    """
    # Global in Pillow, which refuses twice its value: so the limit applies before memory is allocated.
    Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
    structure = _structure(file, framed)
    whole = structure.ending is Ending.WHOLE or (framed and structure.ending is Ending.UNMARKED)
    with _reading(lambda: _refused(structure, whole, framed)):
        try:
            image = Image.open(structure.picture.open(file), formats=(structure.format,))
        except Image.DecompressionBombError:
            raise _too_many_pixels(max_pixels) from None
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise _too_many_pixels(max_pixels)
        if check != "header":
            if not whole:
                raise _incomplete(framed)
            _verify(image)
        if check == "decode":
            _decode(file, structure, width * height, framed)
        return Measurement(width, height, str(image.format))


@contextmanager
def decoding() -> Iterator[None]:
    """Wait until one decoder more may run in this process; within another block of the same thread, do not."""
    if getattr(_thread, "is_decoding", False):
        yield
        return
    with _decoders:
        _thread.is_decoding = True
        try:
            yield
        finally:
            _thread.is_decoding = False


def _structure(file: IO[bytes], framed: bool) -> Structure:
    """Which parts the file has; refuses files of other formats by their names, and what is no image at all."""
    if found := walk(file):
        return found
    if not framed and is_beginning(file):
        raise errors.Truncated
    raise errors.NotAnImage


@contextmanager
def _reading(failure: Callable[[], errors.ImageError]) -> Iterator[None]:
    """Pillow raises nearly any exception for a bad file, with messages that are not for people: all mean `failure`."""
    try:
        yield
    except (errors.ImageError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - see above
        raise failure() from None


def _verify(image: ImageFile.ImageFile) -> None:
    """Compare a PNG's checksums; Pillow has nothing to verify in the other formats."""
    if image.format == "PNG":
        with _reading(lambda: errors.CorruptImage("The image is damaged: a checksum does not match.")):
            image.verify()


def _decode(file: IO[bytes], structure: Structure, pixels: int, framed: bool) -> None:
    if pixels > (limit := min(MAX_DECODE_PIXELS, MAX_DECODE_BYTES // structure.picture.bytes_per_pixel)):
        raise errors.TooManyPixels(
            f"The image has more than {limit:,} pixels, the most that are decoded of such a {structure.format}."
        )
    # Opened again, because verify() leaves an image that cannot be used.
    picture = structure.picture.open(file)
    with decoding(), _reading(lambda: _incomplete(framed)), Image.open(picture, formats=(structure.format,)) as image:
        image.load()


def _refused(structure: Structure, whole: bool, framed: bool) -> errors.ImageError:
    """Why Pillow does not open a file that begins like a picture."""
    if not whole and not framed:
        return errors.Truncated()
    if whole and structure.format == "TIFF":
        return errors.UnsupportedFormat.named("a TIFF whose pixels are stored in an unusual way")
    return errors.CorruptImage("The image is damaged: its header cannot be read.")


def _incomplete(framed: bool) -> errors.ImageError:
    if framed:
        return errors.CorruptImage("The image is damaged: its end is missing or cannot be decoded.")
    return errors.Truncated()


def _too_many_pixels(limit: int) -> errors.TooManyPixels:
    return errors.TooManyPixels(f"The image has more than {limit:,} pixels.")
