"""A photo's pixels for those who look at them: upright, in red, green and blue, and no more of them than they need."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from PIL import ExifTags, Image

from jobs.imaging.formats.structure import walk
from jobs.imaging.measure import MAX_DECODE_BYTES, MAX_DECODE_PIXELS

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
_WHITE = (255, 255, 255)
# Between the pixels of these there is nothing.
_NOT_SCALABLE = frozenset({"1", "P", "PA"})


class NotDecodable(ValueError):
    """The picture cannot be decoded, or only with more memory than one picture may take."""


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Image.Image]:
    """The first picture in `file`, not yet decoded and without its metadata. Raises NotDecodable.

    Who decodes it does so under the limit of `measure` on how many do at once.
    """
    structure = walk(file)
    if structure is None:
        raise NotDecodable("The file is no image.")
    picture = structure.picture
    most = min(MAX_DECODE_PIXELS, MAX_DECODE_BYTES // picture.bytes_per_pixel)
    with Image.open(picture.open(file), formats=(structure.format,)) as image:
        if image.width * image.height > most:
            raise NotDecodable(f"The image has more than {most:,} pixels, the most that are decoded of its kind.")
        yield image


def upright(file: IO[bytes], scale: Callable[[int, int], float]) -> Image.Image:
    """The first picture in `file` in RGB, shrunk by `scale(width, height)` of its size as stored, never enlarged.

    Turned as the camera's Exif says; white where it is transparent. Raises NotDecodable, or what Pillow raises for a
    damaged file, which is nearly anything. To be called under the same limit as in `opened`.
    """
    with opened(file) as image:
        factor = scale(*image.size)
        if image.mode in _NOT_SCALABLE:
            image.load()
            small = _plain(image)
        else:
            small = image
        # Of a JPEG, no more pixels are decoded than are needed.
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        small.thumbnail(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        small = _plain(small)
        kind = str(image.format)
    turn = _TURNS.get(orientation(file, kind))
    return small.transpose(turn) if turn is not None else small


def orientation(file: IO[bytes], kind: str) -> int:
    """What a JPEG's Exif says, from 1 to 8; 1, upright, where nothing does. Only the header is read."""
    if kind not in {"JPEG", "MPO"}:
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
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    plain = Image.new("RGB", image.size, _WHITE)
    plain.paste(layers, mask=layers.getchannel("A"))
    return plain
