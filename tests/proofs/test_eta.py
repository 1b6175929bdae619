"""A small version of the proof that jobs end when they are said to."""

from random import Random

from insights.forecast_ranges import COVERS, TOLERANCE
from proofs.eta import back_test, job


def test_the_ranges_of_simulated_jobs_hold_as_many_ends_as_they_promise():
    for stage, found in back_test(Random(1), 200).items():
        assert found.judged >= 150, stage
        # Of so few, chance alone may add a twentieth to what is tolerated.
        assert abs(found.covered / found.judged - COVERS) <= TOLERANCE + 0.05, stage


def test_the_naive_forecasts_of_simulated_jobs_are_mostly_too_early():
    assert all(found.high - 1 > 2 * (1 - found.low) for found in back_test(Random(2), 100).values())


def test_a_simulated_job_takes_its_time():
    times = job(Random(3))
    assert times == sorted(times)
    assert times[0] > 0
