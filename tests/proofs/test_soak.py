"""A short soak of a real server, and the figures that are made of one."""

import csv

import pytest

from proofs.report import Report
from proofs.samples import fit_line
from proofs.soak import limits, show_soak
from proofs.soak_samples import Sample, memory_growth, show_samples
from proofs.world.broker import TriedBroker
from proofs.world.service import World

# A few seconds, all warm-up and next to other tests, show neither what is held nor how long answers take.
HELD = ("N7", "N9", "threads", "descriptors", "connections over", "samples")


def test_a_short_soak_ends_with_every_job_done_and_nothing_downloaded_twice(world: World, monkeypatch):
    monkeypatch.setattr("proofs.soak_load.LEAST_WAITING", 40)
    report = Report()

    show_soak(report, world, seconds=1.5, seed=2)

    assert [row.cells for row in report.missed if not row.cells[0].startswith(HELD)] == []


def test_a_short_soak_of_workers_and_a_broker_samples_each_of_them(
    world: World, broker: TriedBroker, tmp_path, monkeypatch
):
    monkeypatch.setattr("proofs.soak_load.LEAST_WAITING", 40)
    report, file = Report(), tmp_path / "samples.csv"
    monkeypatch.setattr(world, "settings", world.settings | broker.settings)

    show_soak(report, world, seconds=0.5, seed=2, workers=1, broker=broker, file=file)

    assert [row.cells for row in report.missed if not row.cells[0].startswith(HELD)] == []
    with file.open(newline="") as rows:
        assert {row["process"] for row in csv.DictReader(rows)} == {"server", "worker-1"}


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
        ({"waiting": lambda n: 64 * (n == 5)}, []),
        ({"waiting": lambda n: 65 * (n == 5)}, ["messages in the queue at most"]),
    ],
)
def test_what_grows_or_jumps_after_the_warm_up_is_a_missed_bar(values, bars):
    report = Report()

    show_samples(report, {"server": samples(**values)}, limits(workers=0, has_broker=True))

    assert [row.cells[0] for row in report.missed] == bars


@pytest.mark.parametrize(
    ("values", "bar", "found"),
    [
        ({"rss_mb": lambda n: 100 + n}, "N7 RSS, growth over the last half of it", "+5.0 MB (worker-2)"),
        ({"threads": lambda n: 30 + n % 4}, "threads over the last half", "30 to 33 (worker-2)"),
        ({"descriptors": lambda n: 40 + n}, "descriptors over the last half", "60 to 69 (worker-2)"),
    ],
)
def test_one_worker_that_grows_among_steady_ones_misses_the_bar_and_is_named(values, bar, found):
    report = Report()
    series = {"server": samples(), "worker-1": samples(), "worker-2": samples(**values), "worker-3": samples()}

    show_samples(report, series, limits(workers=3, has_broker=False))

    assert [row.cells[:2] for row in report.missed] == [(bar, found)]


@pytest.mark.parametrize(("workers", "has_broker", "most"), [(0, True, 7), (8, False, 39), (8, True, 47)])
def test_so_many_connections_are_what_the_processes_need(workers, has_broker, most):
    found = []
    for number in (most, most + 1):
        report = Report()
        show_samples(
            report, {"server": samples(connections=lambda _, n=number: n)}, limits(workers, has_broker=has_broker)
        )
        found.append([row.cells[0] for row in report.missed])
    assert found == [[], ["connections at most"]]


def test_too_few_samples_are_a_missed_bar():
    report = Report()

    show_samples(report, {"server": samples(), "worker-1": samples()[:5]}, limits(workers=1, has_broker=False))

    assert [row.cells[:2] for row in report.missed] == [("samples of each process", "5")]


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
