"""The three images used for all measurements: a very small one, one of a shelf camera, one of a phone."""

import random
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFilter


class Picture(NamedTuple):
    """A JPEG of this size in pixels, at the quality that gives it a realistic file size."""

    width: int
    height: int
    quality: int


PICTURES = {
    "tiny": Picture(64, 64, 94),  # 2.4 kB
    "shelf": Picture(1280, 960, 90),  # 400 kB
    "photo": Picture(4000, 3000, 70),  # 2 MB
}


def draw_all(folder: Path) -> list[str]:
    """Write NAME.jpg for each picture, the same bytes every time; returns the names."""
    for name, picture in PICTURES.items():
        draw(picture).save(folder / f"{name}.jpg", quality=picture.quality)
    return list(PICTURES)


def draw(picture: Picture) -> Image.Image:
    """Coloured noise, blurred like the detail of a photo: neither flat nor incompressible."""
    size = picture.width, picture.height
    chance = random.Random(picture.width)  # noqa: S311 - the same picture every time
    layers = []
    for _ in range(3):
        grain = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
        layers.append(grain.filter(ImageFilter.GaussianBlur(1.2)))
    return Image.merge("RGB", layers)
