"""The rule for visits of areas: how many quiet days it calls unusual, and how many planted ones it finds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from insights.root_scale import HISTORY_DAYS
from insights.unusual import DAILY_VISITS, GAPS, READ_DAYS, is_overdue, is_watched, unusual_days_of_visits
from proofs.report import Report

FULL_AREAS = 400
FULL_STORES = 2_000
MOST_FALSE, LEAST_FOUND = 5, 0.95
HELD_VISITS = 50
FIRST = date(2026, 3, 2)
# Share of a day's visits that is left where a fall is planted.
LEFT = 0.2
# What a week's days are of a mean day.
FLAT = (1.0,) * 7
WORKING = (1.2, 1.25, 1.1, 1.2, 1.3, 0.6, 0.35)
MARKET = (1.9, 0.7, 0.7, 1.9, 0.7, 0.6, 0.5)
WEEKS: dict[tuple[float, ...], str] = {FLAT: "alike", WORKING: "a working week", MARKET: "two market days"}


@dataclass(slots=True)
class Trial:
    """`days` quiet area-days of mean `visits`, of which `false` were called unusual; of `planted` falls `hits` were
    found.

    `shape`: how visits vary beyond chance, as the shape of a gamma distribution; None is not at all.
    """

    visits: int
    shape: float | None
    weekdays: tuple[float, ...]
    days: int = 0
    false: int = 0
    planted: int = 0
    hits: int = 0

    @property
    def is_held(self) -> bool:
        """Whether nearly all falls must be found: there are many visits, and they vary by chance alone."""
        return self.visits == HELD_VISITS and self.shape is None


def trial(seed: int, areas: int) -> Iterator[Trial]:
    random = Random(seed)  # noqa: S311 - draws data, protects nothing
    for visits in (10, 50, 150):
        for shape in (None, 20.0, 8.0):
            for weekdays in WEEKS:
                found = Trial(visits, shape, weekdays)
                for _ in range(areas):
                    _try(found, random)
                yield found


def _try(found: Trial, random: Random) -> None:
    days = [_visits(found, place, random) for place in range(READ_DAYS)]
    found.days += READ_DAYS - HISTORY_DAYS
    found.false += sum(1 for _ in unusual_days_of_visits(days, FIRST))
    place = random.randrange(HISTORY_DAYS, READ_DAYS)
    few = [*days[:place], sum(random.random() < LEFT for _ in range(days[place])), *days[place + 1 :]]
    day = FIRST + timedelta(days=place)
    found.planted += 1
    found.hits += any(anomaly.since == anomaly.until == day for anomaly in unusual_days_of_visits(few, FIRST))


def _visits(found: Trial, place: int, random: Random) -> int:
    mean = found.visits * found.weekdays[place % 7]
    if found.shape:
        mean *= random.gammavariate(found.shape, 1 / found.shape)
    return poisson(mean, random)


def poisson(mean: float, random: Random) -> int:
    """As many arrivals as there are before their mean time is over."""
    arrivals, at = 0, random.expovariate(1.0)
    while at < mean:
        arrivals += 1
        at += random.expovariate(1.0)
    return arrivals


def false_gaps(seed: int, stores: int, *, regular: bool) -> tuple[int, int]:
    """Of so many gaps between visits that all ended, how many were overdue before: (overdue, gaps)."""
    random = Random(seed)  # noqa: S311 - draws data, protects nothing
    overdue = gaps = 0
    for _ in range(stores):
        past = [_gap(random, regular=regular) for _ in range(GAPS)]
        for _ in range(20):
            gap = _gap(random, regular=regular)
            gaps += 1
            overdue += is_overdue(gap, past)
            past = [*past[1:], gap]
    return overdue, gaps


def _gap(random: Random, *, regular: bool) -> float:
    """Days, 7 on average: nearly as often as planned with now and then a visit left out, or at any time at all."""
    if not regular:
        return max(1.0, round(random.expovariate(1 / 7)))
    skipped = 0
    while random.random() < 0.05:
        skipped += 1
    return max(1.0, round(7 * (1 + skipped) + random.gauss(0, 1.5)))


def prove(report: Report, seed: int, scale: float) -> None:
    areas = math.ceil(FULL_AREAS * scale)
    table = report.table(
        f"Unusual area-days, {areas:,} areas of {READ_DAYS} days", "visits a day", "vary", "weekdays",
        "false per 1,000",
        "-80 % found",
    )  # fmt: skip
    for found in trial(seed, areas):
        false, share = 1000 * found.false / found.days, found.hits / found.planted
        varied = "by chance" if found.shape is None else f"by {100 / found.shape**0.5:.0f} % more"
        week = WEEKS[found.weekdays]
        is_daily = is_watched([found.visits] * HISTORY_DAYS, DAILY_VISITS)
        shown = f"{share:.3f}" if is_daily else "watched by the week"
        table.add(found.visits, varied, week, f"{false:.2f}", shown, ok=True)
        name = f"{found.visits} visits a day, varying {varied}, weekdays {week}"
        report.bar(f"false alarms, {name}", f"{false:.2f}", f"<= {MOST_FALSE} per 1,000", ok=false <= MOST_FALSE)
        if found.is_held:
            report.bar(f"-80 % found, {name}", f"{share:.3f}", f">= {LEAST_FOUND}", ok=share >= LEAST_FOUND)
    table = report.table("Overdue stores, gaps that had ended", "stores", "false per 1,000 gaps", "gaps")
    for regular in (True, False):
        overdue, gaps = false_gaps(seed, math.ceil(FULL_STORES * scale), regular=regular)
        table.add("regular" if regular else "random", f"{1000 * overdue / gaps:.1f}", f"{gaps:,}", ok=True)
