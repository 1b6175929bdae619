"""Does an audit find every summary that says what its images do not?"""

from datetime import timedelta

import pytest
from django.db.models import F

from insights import refresh
from insights.models import Refreshed, VisitSummary
from jobs import actions
from jobs.models import Job
from tests.insights.conftest import finish_visits, forge, work, wrong
from tests.jobs.reporting.auditing import broken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visits():
    """Three summed visits, one with a failed image."""
    finish_visits(("T-1", 3), ("T-1", 2), ("T-1", 1), bad=1)
    refresh.refresh()
    return list(VisitSummary.objects.order_by("pk"))


def pass_by():
    Refreshed.objects.update(mark=F("mark") + timedelta(seconds=refresh.OVERLAP_SECONDS + 1))


@pytest.mark.parametrize(
    "change",
    [
        "images = images + 1", "completed = 0", "failed = failed + 1", "unprocessed = 1", "fetched = 9", "fetch_ms = 9",
        "turnaround = NULL", "host = ''", "code = 'http_404'", "owner_id = 7", "store_id = 'T-2'", "job_id = 0",
        "visited_at = now()",
    ],
)  # fmt: skip
def test_a_wrong_sum_is_found(visits, change):
    pass_by()
    assert broken() == {}
    forge(f"{change} WHERE visit_id = {visits[1].pk}")
    assert broken() == {"summaries": 1}


def test_a_summary_that_is_missing_is_found_and_says_what_it_should_be(visits):
    VisitSummary.objects.filter(pk=visits[0].pk).delete()
    assert [what for _, what in wrong()] == [
        f"visit {visits[0].pk} has 3 images, 2 completed, 1 failed and 0 unprocessed; summed are 0, 0, 0 and 0"
    ]


def test_a_summary_whose_counts_are_right_says_that_the_rest_is_not(visits):
    forge(f"host = 'other.test' WHERE visit_id = {visits[0].pk}")
    assert [what.endswith(", and the rest differs") for _, what in wrong()] == [True]


def test_what_ended_since_the_mark_is_not_asked_for(visits):
    pass_by()
    Refreshed.objects.update(mark=F("mark") - timedelta(days=1))
    forge("images = 0")
    assert broken() == {}


def test_what_was_never_summed_is_not_asked_for():
    finish_visits(("T-1", 3))
    assert broken() == {}


def test_visits_whose_rows_have_gone_are_not_asked_for(visits):
    pass_by()
    Job.with_deleted.all().delete()
    forge("images = 0")
    assert broken() == {}


def test_a_retry_since_the_mark_is_not_asked_for_and_then_it_is(visits):
    actions.retry(visits[0].job_id, None)
    assert wrong() != []
    assert broken() == {}
    refresh.refresh()
    assert wrong() == []
    work()
    refresh.refresh()
    assert wrong() == []
    forge(f"failed = 1 WHERE visit_id = {visits[0].pk}")
    assert len(wrong()) == 1
