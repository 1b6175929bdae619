"""How a photo looks, by arithmetic alone: how bright it is, how much its grays differ, how sharp it is."""

from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageStat

from jobs.imaging.likeness import FLAT

SIDE = 256
"""Pixels of the longer side at which a photo is looked at; a smaller photo is not enlarged."""
DARK = 50
"""A photo whose mean is below this is too dark to see much."""
BLURRED = 3
"""A photo whose sharpness is below this is blurred: at SIDE, no sharp photo of about ninety was, not even darkened.

A blur of 8 pixels in a photo of 1,280 x 960 was always found, one of 4 in about half, one of 2 hardly ever.
"""

# Reduced before they are turned into gray, which is faster; others have palettes, or more than eight bits.
_PLAIN = frozenset({"L", "RGB", "CMYK", "YCbCr"})
_WITH_OPACITY = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
# Each neighbour's difference. Divided by four and put around 128, so that all but the hardest edges fit into a byte.
_SCALE, _MIDDLE = 4, 128
_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), _SCALE, _MIDDLE)


@dataclass(frozen=True, slots=True)
class Look:
    brightness: float
    """The mean gray, from 0 (black) to 255 (white)."""
    contrast: float
    """The standard deviation of gray, from 0 (one gray) to 127.5."""
    sharpness: float | None
    """The variance of the Laplacian in percent of contrast squared, so that darkening a photo hardly changes it.

    None where it cannot be told: below FLAT, or less than three pixels high or wide.
    """

    @property
    def is_dark(self) -> bool:
        return self.brightness < DARK

    @property
    def is_blurred(self) -> bool:
        """False also where it cannot be told."""
        return self.sharpness is not None and self.sharpness < BLURRED


def look(image: Image.Image) -> Look:
    """How `image` looks, which is decoded by this if it was not yet, and stays as it is.

    A JPEG is decoded several times faster after `image.draft("L", (SIDE, SIDE))` or `("RGB", ...)`.
    """
    gray = grays(image, SIDE)
    statistics = ImageStat.Stat(gray)
    contrast = statistics.stddev[0]
    return Look(statistics.mean[0], contrast, _sharpness(gray, contrast))


def grays(image: Image.Image, side: int) -> Image.Image:
    """A copy in gray (mode L) whose longer side has at most `side` pixels; what is transparent is white."""
    scale = side / max(image.size)
    size = image.size if scale >= 1 else (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if image.mode not in _PLAIN:
        image = _gray(image)
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0).convert("L")


def _gray(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in _WITH_OPACITY or "transparency" in image.info:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), picture).convert("L")
    return image.getchannel("L") if image.mode == "LAB" else image.convert("L")


def _sharpness(gray: Image.Image, contrast: float) -> float | None:
    width, height = gray.size
    if contrast < FLAT or min(width, height) < 3:
        return None
    # The filter leaves the outermost pixels as they are.
    edges = gray.filter(_LAPLACIAN).crop((1, 1, width - 1, height - 1))
    return 100 * ImageStat.Stat(edges).var[0] * _SCALE**2 / contrast**2
