"""Does an audit know what was deleted, at every moment, and find what vanished otherwise?"""

import pytest

from jobs import deletion, queue
from jobs.deletion import slices
from jobs.errors import NotAnImage
from jobs.models import DayTotal, ImageResult, Job, Worker
from jobs.reporting import audit
from tests.factories import failure, make_worker, submit_job, success
from tests.jobs.reporting.auditing import broken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def half_deleted(monkeypatch):
    """A job of which two images are gone and two are there."""
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)
    monkeypatch.setattr(slices, "MOST_ROWS", 2)
    submit_job(4)
    worker = make_worker()
    first, *others = queue.claim(worker, limit=4)
    queue.record(worker, [success(first), *(failure(claim, NotAnImage()) for claim in others)])
    Worker.objects.all().delete()
    deletion.mark(first.job_id, None)
    deletion.delete_slice(wait=True)
    assert ImageResult.objects.count() == 2
    return first.job_id


def test_a_job_is_clean_at_every_moment_of_its_deletion(half_deleted):
    while True:
        assert broken() == {}
        if deletion.delete_slice(wait=True) is None:
            break
    assert DayTotal.objects.count() == 2
    assert audit.audit().deleted == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs_daytotal SET images = images + 1",
        "DELETE FROM jobs_daytotal",
        "UPDATE jobs_daytotal SET code = 'http_404' WHERE code = ''",
        "DELETE FROM jobs_failedattempt WHERE image_id = (SELECT min(id) FROM jobs_imageresult);"
        "DELETE FROM jobs_imageresult WHERE id = (SELECT min(id) FROM jobs_imageresult)",
    ],
)
def test_an_image_counted_twice_or_not_at_all_is_found(half_deleted, statement, forged):
    forged(statement)
    assert broken() == {"totals": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs_deletedjob SET gone_at = now()",
        "UPDATE jobs_job SET is_deleted = false",
        "UPDATE jobs_deletedjob SET total = 5",
    ],
)
def test_a_record_that_contradicts_its_job_is_found(half_deleted, statement, forged):
    forged(statement)
    found = broken()
    assert found.pop("deleted") == 1
    # Visible again, the job lacks what is counted already.
    assert set(found) <= {"conservation", "totals"}


def test_a_deleted_job_that_is_not_on_record_is_found(half_deleted, forged):
    forged("DELETE FROM jobs_deletedjob")
    assert broken() == {"deleted": 1, "totals": 1}


def test_a_deleted_job_whose_rows_vanished_otherwise_is_found(half_deleted, forged):
    Job.with_deleted.all().delete()
    assert broken() == {"deleted": 1, "totals": 1}
