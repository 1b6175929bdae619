"""Stores with visits drawn at random, some of them with a fault of their own, at hosts of which some are away."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from insights.figures import FEWEST
from insights.store_rates import StoreRate

DAYS = 91
# Each host's usual rate is this times one of these.
USUAL, FACTORS = 0.02, (0.5, 1, 1, 2)
# Some stores fail more often than others without being bad.
SOMEWHAT, SOMEWHAT_MORE = 0.03, 1.5
OUTAGE_DAYS, AWAY = 9, 0.9
IMAGES = (3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class World:
    """`outages` hosts are away for OUTAGE_DAYS; a share `bad` of the stores loses `own` (from, to) of its images.

    A share `whole` of the causes of failures take all images of a visit, the others one image each.
    """

    name: str
    hosts: int = 20
    stores_of_host: int = 100
    visits: int = 13
    outages: int = 0
    bad: float = 0.05
    own: tuple[float, float] = (0.2, 0.6)
    whole: float = 0.3


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit; `day` counts from 0 and has a fraction."""

    store_id: str
    host: str
    day: float
    images: int
    failed: int


@dataclass(frozen=True, slots=True)
class Drawn:
    visits: list[Visit]
    bad: frozenset[str]


def draw(world: World, seed: int) -> Drawn:
    chance = random.Random(f"{seed} {world.name}")  # noqa: S311 - drawn again at every run
    visits, bad = [], set()
    for number in range(world.hosts):
        host, usual = f"photos-{number}.example", USUAL * chance.choice(FACTORS)
        away = chance.uniform(0, DAYS - OUTAGE_DAYS) if number < world.outages else DAYS
        for of_host in range(world.stores_of_host):
            store_id, kind, own, rate = f"S-{number}-{of_host}", chance.random(), 0.0, usual
            if kind < world.bad:
                own = chance.uniform(*world.own)
                bad.add(store_id)
            elif kind < world.bad + SOMEWHAT:
                rate *= SOMEWHAT_MORE
            for _ in range(max(1, round(chance.gauss(world.visits, world.visits / 4)))):
                day, images = chance.random() * DAYS, chance.choice(IMAGES)
                if away <= day < away + OUTAGE_DAYS:
                    failed = images if chance.random() < AWAY else 0
                else:
                    usual_failures = _failed(chance, rate, 0, images, world.whole)
                    failed = _failed(chance, own, usual_failures, images, world.whole)
                visits.append(Visit(store_id, host, day, images, failed))
    return Drawn(visits, frozenset(bad))


def _failed(chance: random.Random, rate: float, before: int, images: int, whole: float) -> int:
    """Of images of which some have failed before: how many have, once a cause with this rate has had its turn."""
    if chance.random() < rate * whole:
        return images
    return before + sum(chance.random() < rate * (1 - whole) for _ in range(images - before))


def rates(visits: Iterable[Visit], fewest: int = FEWEST) -> list[StoreRate]:
    """What `insights.store_rates` finds by SQL, one by one: of stores with one host and `fewest` images at least."""
    stores: dict[tuple[str, str], list[Visit]] = defaultdict(list)
    for visit in visits:
        stores[visit.host, visit.store_id].append(visit)
    images: dict[str, int] = defaultdict(int)
    failed: dict[str, int] = defaultdict(int)
    within: dict[str, float] = defaultdict(float)
    independent: dict[str, float] = defaultdict(float)
    for (host, _), of_store in stores.items():
        n, x, number = sum(v.images for v in of_store), sum(v.failed for v in of_store), len(of_store)
        images[host] += n
        failed[host] += x
        if number > 1:
            rate = x / n
            within[host] += sum((v.failed - rate * v.images) ** 2 for v in of_store) * number / (number - 1)
            independent[host] += x * (1 - rate) * n / (n - 1)
    found = []
    for (host, store_id), of_store in stores.items():
        n, x = sum(v.images for v in of_store), sum(v.failed for v in of_store)
        effect = max(1.0, within[host] / independent[host]) if independent[host] else 1.0
        others = images[host] - n
        if n >= fewest and others >= FEWEST:
            usual = (failed[host] - x + 0.5) / (others + 1)
            found.append(StoreRate(store_id, n, x, n / effect, x / effect, others, usual, (others + 1) / effect))
    return found
