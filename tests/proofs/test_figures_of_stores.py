"""Are problem stores and risks, on small synthetic data whose truth is known, what they say?"""

import pytest

from insights.shrinkage import MOST_STRENGTH
from proofs.figure_scenes import risk
from proofs.figure_scenes.problem_stores import HELD, LEAST_PRECISION, LEAST_RECALL, WORLDS, Found, found


@pytest.mark.parametrize("world", HELD, ids=lambda world: world.name)
def test_who_is_called_a_problem_is_bad_and_most_of_the_bad_are_found(world):
    total = sum((found(world, seed) for seed in range(2)), Found())
    assert total.bad > 150
    assert total.precision >= LEAST_PRECISION
    assert total.recall >= LEAST_RECALL


def test_without_a_bad_store_hardly_any_is_called_a_problem():
    world = next(world for world in WORLDS if world.bad == 0)
    total = found(world, 1)
    assert total.flagged <= 1
    # A lower bound above 5 % blames stores for their hosts.
    assert total.naive > 50


def test_risks_earn_their_place_where_stores_differ_from_their_hosts():
    test = risk.tested(risk.SIGNAL, 1)
    assert test.is_passed
    assert test.log_skill.low > 0.05
    assert test.brier_skill.low > 0.03
    assert test.calibration_error < 0.02
    assert test.strength < 100


def test_where_they_do_not_the_strength_leaves_nothing_of_the_stores_and_nothing_is_shown():
    tests = [risk.tested(risk.ALIKE, seed) for seed in range(3)]
    assert not any(test.is_passed for test in tests)
    assert max(test.strength for test in tests) == MOST_STRENGTH
