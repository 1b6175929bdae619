"""The three images that everything is measured with: the smallest of the kind, a shelf camera's, a phone's."""

import random
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFilter


class Picture(NamedTuple):
    """A JPEG of so many pixels, saved at the quality that makes it as large as its like are."""

    width: int
    height: int
    quality: int


PICTURES = {
    "tiny": Picture(64, 64, 94),  # 2.4 kB
    "shelf": Picture(1280, 960, 90),  # 400 kB
    "photo": Picture(4000, 3000, 70),  # 2 MB
}


def draw_all(folder: Path) -> list[str]:
    """Write NAME.jpg for each picture, the same bytes every time; the names."""
    for name, picture in PICTURES.items():
        _draw(picture).save(folder / f"{name}.jpg", quality=picture.quality)
    return list(PICTURES)


def _draw(picture: Picture) -> Image.Image:
    """Coloured noise, blurred as far as a photo's detail is: neither flat nor incompressible."""
    size = picture.width, picture.height
    chance = random.Random(picture.width)  # noqa: S311 - the same picture every time
    layers = []
    for _ in range(3):
        grain = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
        layers.append(grain.filter(ImageFilter.GaussianBlur(1.2)))
    return Image.merge("RGB", layers)
