"""Do simulated jobs end when they are said to? Small versions of the scene `eta` of the proof of figures."""

from random import Random

import pytest

from insights.forecast_ranges import COVERS, STAGES, TOLERANCE
from proofs.figure_scenes.eta import back_test, job, prove
from proofs.report import Report


@pytest.fixture(scope="module")
def tests():
    return back_test(Random(1), 200)


@pytest.mark.parametrize("stage", STAGES)
def test_the_ranges_hold_as_many_ends_as_they_promise(tests, stage):
    found, _ = tests[stage]
    assert found.judged >= 150
    assert abs(found.covered / found.judged - COVERS) <= TOLERANCE


@pytest.mark.parametrize("stage", STAGES)
def test_the_forecasts_alone_are_mostly_too_early(tests, stage):
    _, early = tests[stage]
    assert early > 0.6


def test_the_scene_has_a_bar_for_every_stage():
    report = Report()
    prove(report, 2, 0.25)
    assert not report.missed


def test_a_simulated_job_takes_its_time():
    times = job(Random(3))
    assert times == sorted(times)
    assert times[0] > 0
