"""How far a job has come, for those who are told in the transaction of the move."""

import pytest

from jobs.queue.milestones import Milestone, Reached, passed


@pytest.mark.parametrize(
    ("started", "before", "now", "expected"),
    [
        (False, 0, 0, [(Milestone.STARTED, 0)]),
        (False, 0, 1, [(Milestone.STARTED, 0)]),
        (True, 23, 24, []),
        (True, 24, 25, [(Milestone.PROGRESS, 25)]),
        (True, 25, 26, []),
        (True, 24, 75, [(Milestone.PROGRESS, 75)]),
        (True, 74, 99, [(Milestone.PROGRESS, 75)]),
        (True, 10, 100, [(Milestone.ENDED, 0)]),
        (False, 0, 100, [(Milestone.STARTED, 0), (Milestone.ENDED, 0)]),
    ],
)
def test_a_job_reaches_what_lies_between_its_counts(started, before, now, expected):
    found = list(passed(7, 3, started=started, before=before, now=now, total=100))
    assert found == [Reached(7, 3, milestone, percent) for milestone, percent in expected]


def test_a_job_of_three_images_passes_its_quarters_with_them():
    counts = [list(passed(7, 3, started=True, before=done, now=done + 1, total=3)) for done in range(3)]
    assert [[each.percent for each in reached] for reached in counts] == [[25], [50], [0]]
