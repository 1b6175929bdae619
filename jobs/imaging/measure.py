"""Bytes -> Measurement: what the image is, and whether it is complete.

The setting IMAGE_CHECK chooses one of three levels:

header
    Pillow reads the header. A truncated file passes.
complete
    The file must also reach the end that its format defines, and a PNG's checksums must match. Costs little more.
decode
    Every pixel is decoded as well: about 100 ms of processor time for a large photo, so only a few at a time.

No level notices corrupted bytes inside a JPEG's pixel data, and a header that lies about the size is believed.
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
    PngImagePlugin,
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from jobs import errors
from jobs.imaging import completeness
from jobs.imaging.types import Measurement

# Without MPO: as a name in this list it makes Pillow raise KeyError. JPEG's plugin opens MPO files itself.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
# Decoded pixels take three or four bytes each; checking an image is not worth more than a quarter of a gigabyte.
MAX_DECODE_PIXELS = 89_478_485
# Decoders release the GIL but keep the processor busy: unbounded, they starve the threads that answer requests.
_decoders = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) - 1))

# Compressed comments may expand to this much in one file; Pillow's own limit is four times as high.
PngImagePlugin.MAX_TEXT_MEMORY = 16 * 2**20
# Pillow warns of damaged metadata, once for each message, and remembers every message for ever.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Formats that people send by mistake, by their first bytes; only for the wording of the error.
_OTHER_FORMATS = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\0\0\1\0", "ICO"),
    (b"icns", "ICNS"),
    (b"8BPS", "Photoshop"),
    (b"DDS ", "DDS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"P1\n", "PBM"),
    (b"P2\n", "PGM"),
    (b"P3\n", "PPM"),
    (b"P4\n", "PBM"),
    (b"P5\n", "PGM"),
    (b"P6\n", "PPM"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def measure(file: IO[bytes], *, framed: bool, check: str, max_pixels: int) -> Measurement:
    """The size and format of the image in `file`; raises a MeasureError, or Truncated.

    `framed` says that HTTP has proved the download to be complete: then a missing end is damage in the server's own
    file, and fetching it again is useless. `check` is one of the levels above. `max_pixels` is the largest width times
    height.
    """
    # Global in Pillow, which refuses twice its value: so the limit applies before memory is allocated.
    Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
    whole = completeness.is_whole(file)
    with _reading(lambda: _not_an_image(file) if whole or framed else errors.Truncated()):
        try:
            image = Image.open(file, formats=FORMATS)
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
            _decode(file, width * height, framed)
        return Measurement(width, height, str(image.format))


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


def _decode(file: IO[bytes], pixels: int, framed: bool) -> None:
    if pixels > MAX_DECODE_PIXELS:
        raise _too_many_pixels(MAX_DECODE_PIXELS)
    # Opened again, because verify() leaves an image that cannot be used.
    with _decoders, _reading(lambda: _incomplete(framed)), Image.open(file, formats=FORMATS) as image:
        image.load()


def _incomplete(framed: bool) -> errors.ImageError:
    if framed:
        return errors.CorruptImage("The image is damaged: its end is missing or cannot be decoded.")
    return errors.Truncated()


def _too_many_pixels(limit: int) -> errors.TooManyPixels:
    return errors.TooManyPixels(f"The image has more than {limit:,} pixels.")


def _not_an_image(file: IO[bytes]) -> errors.MeasureError:
    file.seek(0)
    head = file.read(1024)
    for prefix, name in _OTHER_FORMATS:
        if head.startswith(prefix):
            return _unsupported(name)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return _unsupported("HEIC")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return _unsupported("SVG")
    return errors.NotAnImage()


def _unsupported(name: str) -> errors.UnsupportedFormat:
    return errors.UnsupportedFormat(f"The file is {name}, which this service does not read.")
