"""Are the stores that are called problems truly bad, and how many of the bad are found, with hosts that are away?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from insights.problems import flagged
from insights.shrinkage import strength
from insights.statistics import wilson
from insights.store_rates import StoreRates
from proofs.figure_scenes.stores import World, draw, rates
from proofs.report import Report

LEAST_PRECISION, LEAST_RECALL = 0.95, 0.65
SEEDS = 5

WORLDS = (
    World("hosts as usual"),
    World("two of twenty hosts away for nine days", outages=2),
    World("half of the causes take whole visits", outages=2, whole=0.5),
    World("a visit every other week", visits=6, outages=2),
    World("bad stores that lose a tenth to a fifth", outages=2, own=(0.1, 0.2)),
    World("no bad store", bad=0, outages=2),
)
# Of the others what is found is printed: what can be known of few visits, or of faults that are small, is little.
HELD = WORLDS[:2]


@dataclass(frozen=True, slots=True)
class Found:
    """How many stores are bad, how many were flagged, and how many of these are bad; `naive` by Wilson above 5 %."""

    bad: int = 0
    flagged: int = 0
    right: int = 0
    naive: int = 0
    naive_right: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def precision(self) -> float:
        return self.right / self.flagged if self.flagged else math.nan

    @property
    def recall(self) -> float:
        return self.right / self.bad if self.bad else math.nan


def found(world: World, seed: int) -> Found:

    drawn = draw(world, seed)
    stores = rates(drawn.visits)
    m = strength([store.beside for store in stores])
    named = {store.store_id for store in flagged(StoreRates({s.store_id: s for s in stores}, stores, m))}
    naive = {store.store_id for store in stores if wilson(store.failed / store.images, store.images)[0] > 0.05}
    return Found(len(drawn.bad), len(named), len(named & drawn.bad), len(naive), len(naive & drawn.bad))


def prove(report: Report, seed: int, scale: float) -> None:
    table = report.table(
        f"Problem stores, {math.ceil(SEEDS * scale)} draws of 2,000 stores and 13 weeks each",
        "world", "bad", "flagged", "of them bad", "recall", "a lower bound above 5 % flags", "of them bad",
    )  # fmt: skip
    for world in WORLDS:
        total = sum((found(world, seed + number) for number in range(math.ceil(SEEDS * scale))), Found())
        wrong = "" if not total.naive else f"{total.naive_right / total.naive:.2f}"
        table.add(
            world.name, str(total.bad), str(total.flagged), f"{total.precision:.3f}", f"{total.recall:.3f}",
            str(total.naive), wrong, ok=True,
        )  # fmt: skip
        is_held = world in HELD
        report.bar(
            f"precision, {world.name}", f"{total.precision:.3f}", f">= {LEAST_PRECISION}" if is_held else "printed",
            ok=not is_held or total.precision >= LEAST_PRECISION,
        )  # fmt: skip
        report.bar(
            f"recall, {world.name}", f"{total.recall:.3f}", f">= {LEAST_RECALL}" if is_held else "printed",
            ok=not is_held or total.recall >= LEAST_RECALL,
        )  # fmt: skip
