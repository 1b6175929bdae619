"""Small pictures for people to look at, made anew from a photo: nothing of the file's own bytes is in them."""

from io import BytesIO
from typing import IO

from PIL import ExifTags, Image

from jobs.imaging.formats.structure import walk
from jobs.imaging.measure import MAX_DECODE_BYTES, MAX_DECODE_PIXELS, decoding

# In pixels, of the longer side.
THUMBNAIL_SIDE = 320
PREVIEW_SIDE = 1600
_QUALITY = 70
_WHITE = (255, 255, 255)


# What makes a picture upright, by its Exif orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class NotDrawable(Exception):
    """The picture cannot be decoded, or only with more memory or time than one picture may take."""


def smaller(file: IO[bytes], side: int) -> bytes:
    """The first picture in `file` as WebP, upright, its longer side at most `side` pixels; raises NotDrawable.

    Without metadata and colour profile. Not more pictures are decoded at once than processors are there, see `measure`.
    """
    try:
        return _smaller(file, side)
    except (MemoryError, NotDrawable):
        raise
    except Exception as error:
        # Pillow raises nearly any exception for a bad file.
        raise NotDrawable(type(error).__name__) from error


def _smaller(file: IO[bytes], side: int) -> bytes:
    structure = walk(file)
    if structure is None:
        raise NotDrawable("no image")
    picture = structure.picture
    with Image.open(picture.open(file), formats=(structure.format,)) as image:
        if image.width * image.height > min(MAX_DECODE_PIXELS, MAX_DECODE_BYTES // picture.bytes_per_pixel):
            raise NotDrawable("too many pixels")
        with decoding():
            # Of a JPEG, only as many pixels are decoded as are needed.
            image.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
            small = _plain(image)
    turn = _TURNS.get(_orientation(file, structure.format))
    if turn is not None:
        small = small.transpose(turn)
    written = BytesIO()
    small.save(written, "WEBP", quality=_QUALITY, method=2)
    return written.getvalue()


def _orientation(file: IO[bytes], format_: str) -> int:
    """As a camera's Exif says, 1 where nothing does; only the header is read."""
    if format_ not in {"JPEG", "MPO"}:
        return 1
    file.seek(0)
    try:
        with Image.open(file, formats=("JPEG",)) as image:
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
            return int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - Pillow raises nearly any exception for damaged metadata
        return 1


def _plain(image: Image.Image) -> Image.Image:
    """In red, green and blue, on white where it is transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    plain = Image.new("RGB", image.size, _WHITE)
    plain.paste(layered, mask=layered.getchannel("A"))
    return plain
