"""A photo as the numbers that a model computes with, made by Pillow alone."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from PIL import Image, ImageOps

from jobs.imaging.upright import upright

NORMALISATIONS: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    # Mean and deviation of red, green and blue, as parts of 255.
    "unit": ((0, 0, 0), (1, 1, 1)),
    "signed": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    # Of the pictures of ImageNet, by which most published classifiers were trained.
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "byte": ((0, 0, 0), (1 / 255, 1 / 255, 1 / 255)),
}
"""What becomes of a byte: 0 to 1, -1 to 1, ImageNet's, 0 to 255 as it is."""

RESIZES: dict[str, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "stretch": lambda image, size: image.resize(size, Image.Resampling.BICUBIC),
    "crop": lambda image, size: ImageOps.fit(image, size, Image.Resampling.BICUBIC),
    "pad": lambda image, size: ImageOps.pad(image, size, Image.Resampling.BICUBIC, color=(114, 114, 114)),
}
"""How a photo gets a model's shape: its sides by different factors, its middle alone, or with gray at two sides."""

MOST_SIDE = 4096
COLOURS = 3


class UnusableShape(ValueError):
    """The text says which shapes are usable."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Of a model's input: pixels, and whether the colours come first (NCHW) or last (NHWC)."""

    width: int
    height: int
    colours_first: bool

    @classmethod
    def of(cls, shape: Sequence[object]) -> "Layout":
        """Of the four sides of an input, of which the first is the number of images; raises UnusableShape."""
        sides = [side if isinstance(side, int) and side > 0 else None for side in shape]
        if len(sides) == COLOURS + 1:
            first, second, last = sides[1:]
            if first == COLOURS and second and last and last != COLOURS:
                return cls._bounded(last, second, colours_first=True)
            if last == COLOURS and first and second:
                return cls._bounded(second, first, colours_first=False)
        raise UnusableShape(
            f"its input has the shape {list(shape)}; usable are [images, 3, height, width] and [images, height, "
            "width, 3] with a fixed height and width"
        )

    @classmethod
    def _bounded(cls, width: int, height: int, *, colours_first: bool) -> "Layout":
        if max(width, height) > MOST_SIDE:
            raise UnusableShape(f"its input is {width:,} x {height:,} pixels; usable are at most {MOST_SIDE:,} a side")
        return cls(width, height, colours_first)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        if self.colours_first:
            return COLOURS, self.height, self.width
        return self.height, self.width, COLOURS


@dataclass(frozen=True, slots=True)
class Tensors:
    """Makes the input of a model; `normalisation` and `resize` are keys of the tables above."""

    layout: Layout
    normalisation: str
    resize: str

    def of(self, file: IO[bytes]) -> bytes:
        """The photo as float32 in this machine's byte order, in the model's layout. Raises what `upright` raises."""
        size = self.layout.width, self.layout.height
        # Pillow reaches the exact size from a picture whose shorter side is as long as the longer one of the model's.
        photo = upright(file, lambda width, height: max(size) / min(width, height))
        means, deviations = NORMALISATIONS[self.normalisation]
        planes = [
            _floats(plane, 1 / (255 * deviation), -mean / deviation)
            for plane, mean, deviation in zip(RESIZES[self.resize](photo, size).split(), means, deviations, strict=True)
        ]
        if self.layout.colours_first:
            return b"".join(planes)
        mixed = array("f", bytes(len(planes) * len(planes[0])))
        for number, plane in enumerate(planes):
            mixed[number :: len(planes)] = array("f", plane)
        return mixed.tobytes()


def _floats(plane: Image.Image, factor: float, offset: float) -> bytes:
    return plane.convert("F").point(lambda value: value * factor + offset).tobytes()
