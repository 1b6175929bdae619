"""Do the scenes of `./run proof figures` meet their bars, at a small size?"""

import pytest

from proofs.figure_scenes.intervals import LEAST_COVERAGE, WORLDS, coverage
from proofs.figures import SCENES


def test_every_scene_is_a_module_with_a_proof(subtests):
    import importlib

    for name in SCENES:
        with subtests.test(name):
            assert callable(importlib.import_module(f"proofs.figure_scenes.{name}").prove)


@pytest.mark.parametrize("world", [world for world in WORLDS if world.is_held], ids=lambda world: world.name)
def test_an_interval_holds_the_true_rate_as_often_as_it_says(world):
    found = coverage(world, areas=200, seed=1)
    assert found.weeks >= LEAST_COVERAGE
    assert found.days >= LEAST_COVERAGE


def test_images_taken_one_by_one_promise_too_much():
    _, whole_visits, outages = WORLDS
    assert coverage(whole_visits, areas=100, seed=1).images < 0.8
    found = coverage(outages, areas=100, seed=1)
    assert found.images < 0.4
    # Weeks hold more of an outage than days do; neither holds all.
    assert found.images < found.days < found.weeks < LEAST_COVERAGE
