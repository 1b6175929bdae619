"""Does an interval of a failure rate hold the true rate as often as it says, where images fail together?"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from insights.statistics import Blocks, rate, wilson
from proofs.report import Report

AREAS, WEEKS = 4_000, 13
VISITS_A_DAY, IMAGES = 4, 5
LEAST_COVERAGE = 0.90
# An image of a host that is away fails nine times of ten; an outage takes some days and comes once in eight weeks.
AWAY, OUTAGE_DAYS, OUTAGES_A_DAY = 0.9, 4, 1 / 56

type Day = tuple[int, int]


@dataclass(frozen=True, slots=True)
class World:
    """`days` draws (failed, images) of each day of an area; `is_held` where its coverage has a bar."""

    name: str
    days: Callable[[random.Random], Iterator[Day]]
    truth: float
    is_held: bool = True


def independent(chance: random.Random) -> Iterator[Day]:
    for images in _images(chance):
        yield sum(chance.random() < 0.04 for _ in range(images)), images


def whole_visits(chance: random.Random) -> Iterator[Day]:
    """A visit's images fail all or not at all, and some days are bad ones."""
    for images in _images(chance):
        bad = 0.04 * chance.gammavariate(2, 0.5)
        yield sum(IMAGES * (chance.random() < bad) for _ in range(images // IMAGES)), images


def outages(chance: random.Random) -> Iterator[Day]:
    """Beside one image in a hundred, those of the days on which the area's one host is away."""
    # As in the long run: an outage may have begun before the first day.
    left = OUTAGE_DAYS if chance.random() < _share_away() else 0
    left = chance.randint(1, OUTAGE_DAYS) if left else 0
    for images in _images(chance):
        if not left and chance.random() < OUTAGES_A_DAY:
            left = OUTAGE_DAYS
        share = AWAY if left else 0.01
        left = max(0, left - 1)
        yield sum(chance.random() < share for _ in range(images)), images


def _share_away() -> float:
    """The long run's share of days within an outage: each lasts OUTAGE_DAYS, after 1/OUTAGES_A_DAY - 1 days without."""
    return OUTAGE_DAYS / (OUTAGE_DAYS + 1 / OUTAGES_A_DAY - 1)


def _images(chance: random.Random) -> Iterator[int]:
    """Images of each day, by visits that come at random."""
    for _ in range(7 * WEEKS):
        visits, spent = 0, chance.expovariate(1)
        while spent < VISITS_A_DAY:
            visits, spent = visits + 1, spent + chance.expovariate(1)
        yield visits * IMAGES


WORLDS = (
    World("images fail independently", independent, 0.04),
    World("visits fail whole", whole_visits, 0.04),
    World("host outages", outages, 0.01 + (AWAY - 0.01) * _share_away(), is_held=False),
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of areas whose interval holds the truth: of images taken one by one, by days, by weeks."""

    images: float
    days: float
    weeks: float


def coverage(world: World, areas: int, seed: int) -> Coverage:
    chance = random.Random(f"{seed} {world.name}")  # noqa: S311 - drawn again at every run
    held = [0, 0, 0]
    for _ in range(areas):
        days = list(world.days(chance))
        weeks = [
            (sum(failed for failed, _ in days[at : at + 7]), sum(images for _, images in days[at : at + 7]))
            for at in range(0, len(days), 7)
        ]
        total = Blocks.of(days)
        for number, (low, high) in enumerate(
            (wilson(total.ratio, total.size), _bounds(total), _bounds(Blocks.of(weeks)))
        ):
            held[number] += low <= world.truth <= high
    return Coverage(*(each / areas for each in held))


def _bounds(blocks: Blocks) -> tuple[float, float]:
    found = rate(blocks)
    return found.low or 0.0, found.high if found.high is not None else 1.0


def prove(report: Report, seed: int, scale: float) -> None:
    areas = math.ceil(AREAS * scale)
    table = report.table(
        f"Coverage of a nominal 95 %, {areas:,} areas of {WEEKS} weeks", "world", "images alone", "days", "weeks"
    )
    for world in WORLDS:
        found = coverage(world, areas, seed)
        shown = (f"{share:.3f}" for share in (found.images, found.days, found.weeks))
        table.add(world.name, *shown, ok=True)
        bar = f">= {LEAST_COVERAGE}" if world.is_held else "printed, no bar"
        report.bar(
            f"coverage, {world.name}", f"{found.weeks:.3f}", bar,
            ok=not world.is_held or found.weeks >= LEAST_COVERAGE,
        )  # fmt: skip
