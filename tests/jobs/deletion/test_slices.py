"""Is every image of a deleted job counted exactly once, in bounded transactions, whatever breaks off?"""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Sum

from jobs import deletion, failpoints, queue
from jobs.deletion import Slice, slices
from jobs.deletion.belongings import of_images, with_belongings
from jobs.models import (
    DayTotal,
    DeletedJob,
    FailedAttempt,
    FinishedBatch,
    IdempotencyKey,
    ImageResult,
    Job,
    JobAction,
    Visit,
)
from jobs.reporting.audit import audit
from retail_pulse.db import advisory_locks
from stores.models import Store
from tests.factories import KNOWN_STORE, submit_job, submit_visits
from tests.jobs.deletion.conftest import counted, ended_job, left
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def delete_all():
    """All slices, and an audit after each."""
    deleted = []
    while (slice_ := deletion.delete_slice(wait=True)) is not None:
        deleted.append(slice_)
        assert audit().is_clean
    return deleted


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(slices, "MOST_ROWS", 4)


def test_all_that_belonged_to_a_job_goes_and_nothing_else():
    kept, job = ended_job(), ended_job()
    queue.retry(kept.pk)
    JobAction.objects.create(job=job, verb="retry")
    deletion.mark(job.pk, None)
    assert delete_all() == [Slice(images=3, jobs=1)]
    assert Job.with_deleted.get() == kept
    assert set(Visit.objects.values_list("job", flat=True)) == {kept.pk}
    assert set(ImageResult.objects.values_list("job", flat=True)) == {kept.pk}
    assert set(FailedAttempt.objects.values_list("image__job", flat=True)) == {kept.pk}
    assert not JobAction.objects.exists()


@pytest.mark.parametrize(
    ("model", "referring"),
    [
        (Job, {ImageResult, Visit, IdempotencyKey, JobAction, FinishedBatch}),
        (Visit, {ImageResult}),
        (ImageResult, {FailedAttempt}),
    ],
)
def test_whatever_refers_to_a_job_or_its_rows_is_deleted_before_it(model, referring):
    """A new table that refers to one of them is added to the statements in `slices.py`, and then here."""
    relations = [field for field in model._meta.get_fields(include_hidden=True) if field.one_to_many]
    assert {relation.related_model for relation in relations} == referring


def test_images_are_counted_by_day_owner_area_store_host_and_code():
    anna = User.objects.create_user("anna")
    mine, nobodys = ended_job(completed=2, failed=1, owner=anna), ended_job(completed=1, failed=0, host="b.test")
    ended = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobs_imageresult DISABLE TRIGGER jobs_imageresult_stays_final")
        ImageResult.objects.update(finished_at=ended, fetch_ms=20, measure_ms=None)
        ImageResult.objects.filter(job=mine, state="completed").update(gpu_ms=250)
        cursor.execute("ALTER TABLE jobs_imageresult ENABLE TRIGGER jobs_imageresult_stays_final")
        # Whatever the session's time zone, days are those of UTC.
        cursor.execute("SET TIME ZONE 'Asia/Tokyo'")
    for job in (mine, nobodys):
        deletion.mark(job.pk, None)
    delete_all()
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    fields = ["day", "owner", "area", "store", "host", "code"]
    sums = ["images", "attempts", "bytes", "fetch_ms", "measure_ms", "gpu_ms"]
    key = (date(2026, 1, 31), anna.pk, "A-1", KNOWN_STORE, "images.test")
    assert set(DayTotal.objects.values_list(*fields, *sums)) == {
        (*key, "", 2, 2, 2000, 40, 0, 500),
        (*key, "not_an_image", 1, 1, 0, 20, 0, 0),
        (date(2026, 1, 31), None, "A-1", KNOWN_STORE, "b.test", "", 1, 1, 1000, 20, 0, 0),
    }


def test_totals_of_the_same_group_add_up_nobodys_too():
    for _ in range(3):
        deletion.mark(ended_job(completed=2, failed=1).pk, None)
        delete_all()
    assert counted() == {"": 6, "not_an_image": 3}
    assert DayTotal.objects.count() == 2
    assert DayTotal.objects.aggregate(bytes=Sum("bytes")) == {"bytes": 6000}


def test_images_of_a_store_that_is_gone_are_counted_without_an_area():
    job = ended_job(completed=1, failed=0)
    Store.objects.all().delete()
    deletion.mark(job.pk, None)
    delete_all()
    assert DayTotal.objects.values_list("area", "store").get() == ("", KNOWN_STORE)


def test_an_image_that_was_retried_counts_once_with_its_last_outcome():
    job = ended_job(completed=1, failed=2)
    queue.retry(job.pk)
    queue.cancel(job.pk)
    deletion.mark(job.pk, None)
    delete_all()
    assert counted() == {"": 1, "canceled": 2}


def test_a_large_job_goes_in_slices(small_slices):
    deletion.mark(submit_job(10, store_id="unknown").pk, None)
    assert delete_all() == [Slice(4, 0), Slice(4, 0), Slice(2, 1)]
    assert counted() == {"unknown_store": 10}


def test_a_slice_begins_behind_the_one_before_it(small_slices):
    """Else it would look through the index entries of all that is deleted, for as long as a snapshot is held."""
    job = submit_job(10, store_id="unknown")
    deletion.mark(job.pk, None)
    ids = list(ImageResult.objects.filter(job_id=job.pk).order_by("pk").values_list("pk", flat=True))
    for last in (ids[3], ids[7]):
        assert deletion.delete_slice(wait=True) == Slice(4, 0)
        assert DeletedJob.objects.get().last_image == last
    with failpoints.armed("prune.images:raise"), pytest.raises(failpoints.FailpointError):
        deletion.delete_slice(wait=True)
    assert DeletedJob.objects.get().last_image == ids[7]
    assert delete_all() == [Slice(2, 1)]


def test_visits_go_in_slices_too(small_slices):
    job = submit_visits(*[("unknown", [f"http://images.test/{number}.jpg"]) for number in range(10)])
    deletion.mark(job.pk, None)
    assert delete_all() == [Slice(4, 0), Slice(4, 0), Slice(2, 0), Slice(0, 0), Slice(0, 1)]
    assert not Visit.objects.exists()


def test_small_jobs_share_a_slice(small_slices):
    for _ in range(5):
        deletion.mark(ended_job(completed=1, failed=0).pk, None)
    assert delete_all() == [Slice(3, 3), Slice(2, 2)]


def test_a_slice_that_breaks_off_counts_nothing_and_the_next_one_everything():
    job = ended_job()
    deletion.mark(job.pk, None)
    with failpoints.armed("prune.images:raise"), pytest.raises(failpoints.FailpointError):
        deletion.delete_slice(wait=True)
    assert (left(job), counted()) == (3, {})
    assert audit().is_clean
    delete_all()
    assert counted() == {"": 2, "not_an_image": 1}


def test_nothing_is_deleted_before_every_request_has_read_what_it_found(monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 3600)
    job = ended_job()
    deletion.mark(job.pk, None)
    assert not deletion.is_anything_due()
    assert deletion.delete_slice(wait=True) is None
    DeletedJob.objects.update(deleted_at=job.finished_at - timedelta(hours=1, seconds=1))
    assert deletion.is_anything_due()
    assert deletion.delete_slice(wait=True) == Slice(3, 1)


def test_one_process_at_a_time_deletes(other):
    deletion.mark(ended_job().pk, None)
    other.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.DELETION])
    assert deletion.delete_slice(wait=False) is None
    waiting = Concurrent(lambda: deletion.delete_slice(wait=True))
    wait_for(blocked)
    assert DeletedJob.objects.get().gone_at is None
    other.commit()
    assert waiting.ended() == Slice(3, 1)


def test_a_slice_reads_its_images_from_the_index_whatever_the_planner_expects():
    job = ended_job()
    deletion.mark(job.pk, None)
    parameters = {"jobs": [job.pk], "after": [0], "most": 4}
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        statement = with_belongings(slices._COUNT_AND_DELETE_IMAGES, "image_id", of_images)
        cursor.execute(f"EXPLAIN {statement}", parameters)
        plan = "\n".join(row for (row,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "image_of_job" in plan
    assert "Seq Scan" not in plan
