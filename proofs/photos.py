"""Edited photos are found again, and different photos are not taken for one.

Photos are drawn from seeds: shelves with packs of many sizes, light from one side, and noise. Each is edited in the
ways that apps and people do, and hashed as the service does it, from the JPEG. The pairs of different photos are all
pairs of some that were drawn.
"""

import argparse
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from jobs.imaging.difference_hash import MOST_DIFFERENT, DifferenceHash
from jobs.imaging.look import FLAT
from jobs.imaging.photo_evidence import Level, photo_evidence
from proofs.report import Report

PHOTOS, DIFFERENT = 300, 1_500
LEAST_FOUND = 0.98
SIZE = 960, 720
_BITS = 2**64 - 1

type Edit = Callable[[Image.Image], tuple[Image.Image, int]]


@dataclass(frozen=True, slots=True)
class Way:
    """`edit` makes another picture and says with which JPEG quality it is stored; `is_promised` has a bar."""

    name: str
    edit: Edit
    is_promised: bool = True


def _cropped(image: Image.Image, part: float) -> Image.Image:
    across, down = round(image.width * part / 2), round(image.height * part / 2)
    return image.crop((across, down, image.width - across, image.height - down))


def _with_time(image: Image.Image) -> Image.Image:
    stamped = image.copy()
    ImageDraw.Draw(stamped).rectangle((0, image.height * 0.95, image.width, image.height), fill="black")
    return stamped


WAYS = (
    Way("encoded anew, quality 60", lambda image: (image, 60)),
    Way("encoded anew, quality 30", lambda image: (image, 30)),
    Way("half its size", lambda image: (image.resize((image.width // 2, image.height // 2)), 85)),
    Way("a third of its size", lambda image: (image.resize((image.width // 3, image.height // 3)), 85)),
    Way("brighter by a fifth", lambda image: (ImageEnhance.Brightness(image).enhance(1.2), 85)),
    Way("darker by a fifth", lambda image: (ImageEnhance.Brightness(image).enhance(0.8), 85)),
    Way("cropped by 1 %", lambda image: (_cropped(image, 0.01), 85), is_promised=False),
    Way("turned by 1 degree", lambda image: (image.rotate(1, Image.Resampling.BICUBIC), 85), is_promised=False),
    Way("a bar with the time", lambda image: (_with_time(image), 85), is_promised=False),
    Way("cropped by 3 %", lambda image: (_cropped(image, 0.03), 85), is_promised=False),
    Way("mirrored", lambda image: (image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 85), is_promised=False),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--photos", type=int, default=PHOTOS, help="photos that are edited (default: %(default)s)")
    parser.add_argument(
        "--different", type=int, default=DIFFERENT, help="photos of which all pairs are compared (default: %(default)s)"
    )


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    prove_edits(report, options.photos)
    prove_others(report, options.different)
    return report


def prove_edits(report: Report, photos: int) -> None:
    """How many photos are found again, by the way in which they were edited."""
    found = dict.fromkeys(WAYS, 0)
    compared = 0
    for seed in range(photos):
        photo = draw(seed)
        original = hash_of(photo, 90)
        if original is None:
            continue
        compared += 1
        for way in WAYS:
            edited = hash_of(*way.edit(photo))
            found[way] += edited is not None and is_same(original, edited)
    table = report.table(f"Of {compared} drawn photos, found again", "edit", "found")
    for way, number in found.items():
        share = number / compared
        if way.is_promised:
            report.bar(f"found again: {way.name}", f"{share:.1%}", f">= {LEAST_FOUND:.0%}", ok=share >= LEAST_FOUND)
        else:
            table.add(way.name, f"{share:.1%}", ok=True)


def prove_others(report: Report, photos: int) -> None:
    """How many pairs of different photos are taken for one."""
    hashes = [each for each in (hash_of(draw(seed), 85) for seed in range(10**6, 10**6 + photos)) if each is not None]
    pairs, wrong, nearest = compare_all(hashes)
    report.bar(f"of {pairs:,} pairs of different photos, taken for one", wrong, "0", ok=wrong == 0)
    table = report.table("The two different photos that are most alike", "different bits of 128", "limit")
    table.add(nearest, MOST_DIFFERENT, ok=nearest > MOST_DIFFERENT)


def compare_all(hashes: Sequence[DifferenceHash]) -> tuple[int, int, int]:
    """How many pairs there are, how many would be taken for one by their distance alone, and the least distance."""
    numbers = [(each.rows & _BITS) << 64 | each.columns & _BITS for each in hashes]
    wrong, nearest, pairs = 0, 128, 0
    for place, one in enumerate(numbers):
        for other in numbers[:place]:
            distance = (one ^ other).bit_count()
            wrong += distance <= MOST_DIFFERENT
            nearest = min(nearest, distance)
        pairs += place
    return pairs, wrong, nearest


def hash_of(image: Image.Image, quality: int) -> DifferenceHash | None:
    """As the service hashes its JPEG; None where it has too little contrast to be compared."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    seen = photo_evidence(file, "JPEG", Level.LOOK)
    return seen.hash if seen and seen.look and seen.look.contrast >= FLAT else None


def is_same(one: DifferenceHash, other: DifferenceHash) -> bool:
    """Whether the service takes the two for one: by their distance, and because half of a hash is the same."""
    rows, columns = (one.rows ^ other.rows) & _BITS, (one.columns ^ other.columns) & _BITS
    halves = (rows >> 32, rows & 0xFFFF_FFFF, columns >> 32, columns & 0xFFFF_FFFF)
    return rows.bit_count() + columns.bit_count() <= MOST_DIFFERENT and 0 in halves


def draw(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Shelves with packs, as a photo of them: uneven light, a little blur, noise."""
    chance = random.Random(seed)  # noqa: S311 - the same photo every time
    width, height = size
    image = Image.new("RGB", size, tuple(chance.randrange(60, 200) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for top, bottom in _boards(chance, height):
        pen.rectangle((0, bottom - 6, width, bottom), fill=tuple(chance.randrange(30, 120) for _ in range(3)))
        at = chance.randrange(-60, 10)
        while at < width:
            broad, tall = chance.randrange(25, 130), chance.randrange(40, 100) * (bottom - top) // 100
            kind = tuple(chance.randrange(256) for _ in range(3))
            label = tuple(chance.randrange(256) for _ in range(3))
            for _ in range(chance.randrange(1, 5)):
                pen.rectangle((at, bottom - 6 - tall, at + broad, bottom - 7), fill=kind, outline="black")
                pen.rectangle((at + 4, bottom - tall + 8, at + broad - 4, bottom - tall // 2), fill=label)
                at += broad + chance.randrange(0, 8)
    light = Image.linear_gradient("L").rotate(chance.randrange(360)).resize(size)
    lit = Image.composite(image, ImageEnhance.Brightness(image).enhance(chance.uniform(0.4, 0.8)), light)
    blurred = lit.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 1.2)))
    noise = Image.frombytes("L", size, chance.randbytes(width * height))
    return Image.blend(blurred, noise.convert("RGB"), 0.04)


def _boards(chance: random.Random, height: int) -> Iterator[tuple[int, int]]:
    """From where to where each board of the shelf reaches, from the top to the bottom."""
    top = chance.randrange(-80, 20)
    while top < height:
        bottom = top + chance.randrange(90, 240)
        yield top, bottom
        top = bottom
