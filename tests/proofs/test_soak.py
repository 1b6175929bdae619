"""A short soak of a real server, and the figures that are made of one."""

import pytest

from proofs.figures import fit_line
from proofs.report import Report
from proofs.soak import Sample, memory_growth, show_samples, show_soak
from proofs.world.service import World


def test_a_short_soak_ends_with_every_job_done_and_nothing_downloaded_twice(world: World, monkeypatch):
    # What still waits at the end is worked off at the pace of a host that refuses every tenth image.
    monkeypatch.setattr("proofs.soak.LEAST_WAITING", 40)
    report = Report()

    show_soak(report, world, seconds=3, seed=2)

    # Three seconds, all warm-up and next to other tests, show neither what is held nor how long answers take.
    held = ("N7", "N9", "threads", "descriptors", "connections over", "samples")
    assert [row.cells for row in report.missed if not row.cells[0].startswith(held)] == []


def samples(**values) -> list[Sample]:
    """Thirty, two seconds apart; `values` are functions of the sample's number."""
    steady = {
        "rss_mb": lambda _: 100.0,
        "threads": lambda _: 30,
        "descriptors": lambda _: 40,
        "connections": lambda _: 5,
    }
    held = {**steady, **values}
    return [Sample(2.0 * n, **{name: value(n) for name, value in held.items()}) for n in range(30)]


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ({}, []),
        ({"rss_mb": lambda n: 100 + 20 * (n < 10)}, []),
        ({"rss_mb": lambda n: 100 + n}, ["N7 RSS, growth over the last half of it"]),
        ({"threads": lambda n: 30 + n % 3}, []),
        ({"threads": lambda n: 30 + n % 4}, ["threads over the last half"]),
        ({"descriptors": lambda n: 40 + 3 * n}, []),
        ({"descriptors": lambda n: 40 + 4 * n}, ["descriptors over the last half"]),
        ({"connections": lambda n: 3 + n % 5}, []),
        ({"connections": lambda n: 8 if n == 0 else 5}, ["connections at most"]),
    ],
)
def test_what_grows_or_jumps_after_the_warm_up_is_a_missed_bar(values, bars):
    report = Report()

    show_samples(report, samples(**values))

    assert [row.cells[0] for row in report.missed] == bars


def test_growth_is_that_of_the_last_quarter_over_the_one_before():
    assert memory_growth(samples(rss_mb=float)[:8]) == 2.0


def test_a_line_through_exact_samples_has_their_slope_and_no_error():
    line = fit_line([0, 1, 2, 3], [5, 7, 9, 11])

    assert (line.slope, line.error) == (2, 0)


def test_a_line_through_scattered_samples_says_how_uncertain_it_is():
    # By hand: the residuals are -0.4, 1.2, -1.2 and 0.4; their squares sum to 3.2, those of x to 5.
    line = fit_line([0, 1, 2, 3], [0, 2, 0, 2])

    assert line.slope == pytest.approx(0.4)
    assert line.error == pytest.approx((3.2 / 2 / 5) ** 0.5)
