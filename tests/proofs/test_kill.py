"""The figures that are made of a storm; for a small one see `test_kill_broker.py` and `test_webhook_deliveries.py`."""

import math

import pytest

from proofs.kill_findings import show_audit, show_ledger, show_log, show_rescues
from proofs.kill_watch import Rescue
from proofs.report import Report
from proofs.samples import percentile
from proofs.world.ledger import Comparison
from proofs.world.service import World


@pytest.mark.parametrize(
    ("share", "sample"), [(0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.95, 95), (0.951, 96), (1, 100)]
)
def test_a_percentile_is_a_sample_that_so_many_do_not_exceed(share, sample):
    assert percentile([*range(100, 0, -1)], share) == sample


def test_no_sample_has_no_percentile():
    assert math.isnan(percentile([], 0.5))


def missed(report: Report) -> list[str]:
    return [row.cells[0][:2] for row in report.bars.missed]


@pytest.mark.parametrize(
    ("slow", "slowest", "bars"),
    [(0.1, 4.9, []), (2.0, 4.9, ["N2"]), (0.1, 5.0, ["N2"])],
)
def test_a_slow_rescue_is_a_missed_bar(slow, slowest, bars):
    report = Report()
    rescues = [Rescue("kill", [number], 0, 8, seconds) for number, seconds in enumerate([0.1] * 17 + [slow] * 2)]

    show_rescues(report, [*rescues, Rescue("kill", [99], 0, 8, slowest)], first_claims=[], lease=5)

    assert missed(report) == bars


def test_images_that_are_never_rescued_are_a_missed_row_and_no_figure():
    report = Report()

    show_rescues(report, [Rescue("freeze", [1], 0, 8, None)], first_claims=[], lease=5)

    assert len(report.missed) == 2


@pytest.mark.parametrize(("seconds", "bars"), [(5.9, []), (6.0, ["N3"])])
def test_a_frozen_process_is_rescued_within_the_lease_and_a_second(seconds, bars):
    report = Report()

    show_rescues(report, [Rescue("freeze", [1], 0, 8, seconds)], first_claims=[], lease=5)

    assert missed(report) == bars


@pytest.mark.parametrize(("downloads", "bars"), [(9, ["N6"]), (10, []), (15, []), (16, ["N6"])])
def test_as_many_downloads_as_were_hit_may_be_too_many_and_none_too_few(downloads, bars):
    report = Report()

    show_ledger(report, Comparison(images=10, attempts=10, downloads=downloads), allowed=5)

    assert missed(report) == bars


def test_a_frozen_process_whose_writes_nobody_had_to_refuse_proves_nothing():
    report = Report()
    stale = {"event": "stale outcome dropped", "worker": 7}

    show_log(report, [stale], frozen=[8])

    assert missed(report) == ["N3"]


def test_a_job_that_finishes_twice_is_a_missed_bar():
    report = Report()

    show_log(report, [{"event": "job finished", "job": 1}] * 2, frozen=[])

    assert missed(report) == ["jo"]


def test_a_job_that_counts_what_it_does_not_hold_is_found_by_the_audit(world: World):
    world.cluster.query(
        "INSERT INTO jobs_job (status, on_error, priority, total, completed, failed, canceled, store_errors)"
        " VALUES ('ongoing', 'continue', 0, 1, 0, 0, 0, '[]')"
    )
    report = Report()

    show_audit(report, world)

    assert [row.cells[0] for row in report.bars.missed] == ["manage.py audit"]
    world.forget()
    show_audit(report, world)
    assert report.bars.rows[-1] not in report.bars.missed
