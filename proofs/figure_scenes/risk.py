"""Are stores' risks shown where stores differ from their hosts, and not where they do not?"""

from __future__ import annotations

import math

from insights.back_tests import HELD_OUT, RiskTest, risk_test
from insights.shrinkage import strength
from proofs.figure_scenes.stores import DAYS, World, draw, rates
from proofs.report import Report

SEEDS = 10
SIGNAL = World("one store in twenty is bad")
ALIKE = World("stores are like their hosts", bad=0)


def tested(world: World, seed: int) -> RiskTest | None:
    """The test of a world's risks, fitted to the earlier days and held against the later ones."""
    visits = draw(world, seed).visits
    cut = DAYS - DAYS // HELD_OUT
    before = rates(visit for visit in visits if visit.day < cut)
    after = {rate.store_id: rate for rate in rates((v for v in visits if v.day >= cut), fewest=1)}
    return risk_test(before, after, strength([store.beside for store in before]))


def prove(report: Report, seed: int, scale: float) -> None:
    draws = math.ceil(SEEDS * scale)
    table = report.table(
        f"Risk, {draws} draws of 2,000 stores: 61 days predict 30", "world", "shown", "log skill over hosts",
        "Brier skill", "calibration error", "strength",
    )  # fmt: skip
    for world in (SIGNAL, ALIKE):
        tests = [test for number in range(draws) if (test := tested(world, seed + number))]
        shown = sum(test.is_passed for test in tests)
        figures = (
            [test.log_skill.value or 0 for test in tests], [test.brier_skill.value or 0 for test in tests],
            [test.calibration_error for test in tests],
        )  # fmt: skip
        means = (f"{sum(values) / len(values):+.4f}" for values in figures)
        table.add(world.name, shown, *means, f"{min(t.strength for t in tests):.0f} on", ok=True)
        # One interval in forty is above 0 by chance.
        most = math.ceil(draws / 10)
        bar, ok = (f"{draws}", shown == draws) if world is SIGNAL else (f"<= {most}", shown <= most)
        report.bar(f"risks shown, {world.name}", f"{shown} of {draws}", bar, ok=ok)
