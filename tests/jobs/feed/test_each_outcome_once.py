"""Is every outcome in the feed once, whichever way its image has become final?"""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from jobs import deletion, queue
from jobs.deletion import slices
from jobs.errors import HTTPStatus, NotAnImage, ReadTimeout
from jobs.models import FinishedBatch, ImageResult, ResultsFeed, Visit, Worker
from jobs.models.finished_batch import MOST_IMAGES
from jobs.reporting import results_feed
from jobs.reporting.feed_gaps import fill
from jobs.states import OnError
from tests.factories import failure, look, make_stores, make_worker, submit_job, submit_visits, success
from tests.jobs.feed.reading import Reader, broken, outcomes, record_all

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def audited(since_ever, settings):
    settings.MAX_ATTEMPTS = 1
    yield
    assert broken() == []


def test_completed_and_failed_images_are_there_once_and_others_are_not():
    job = submit_job(5)
    worker = make_worker()
    claims = queue.claim(worker, limit=4)
    queue.record(worker, [success(claims[0]), failure(claims[1], NotAnImage()), success(claims[2])])
    reader = Reader()
    rows, has_more = reader.page()
    assert [(row["image_id"], row["state"]) for row in rows] == [
        (claims[0].image_id, "completed"), (claims[1].image_id, "failed"), (claims[2].image_id, "completed"),
    ]  # fmt: skip
    assert not has_more
    queue.release(worker, claims[3:])
    record_all()
    assert sorted(reader.rest()) == sorted(set(outcomes(job)) - {(row["image_id"], 0) for row in rows})


def test_an_image_that_waits_for_another_attempt_is_not_there_yet(settings):
    settings.MAX_ATTEMPTS = 2
    submit_job(1)
    worker = make_worker()
    queue.record(worker, [failure(claim, ReadTimeout()) for claim in queue.claim(worker, limit=1)])
    assert Reader().rest() == []


def test_images_that_are_never_fetched_are_there():
    job = submit_visits(("T-1", ["http://a.test/1"]), ("unknown", ["http://a.test/2", "http://a.test/3"]))
    first, *unknown = outcomes(job)
    reader = Reader()
    assert reader.rest() == unknown
    record_all()
    assert reader.rest() == [first]


def test_canceled_images_are_there_those_in_flight_among_them():
    job = submit_job(MOST_IMAGES + 2)
    worker = make_worker()
    in_flight = queue.claim(worker, limit=2)
    assert queue.cancel(job.pk) == MOST_IMAGES
    reader = Reader()
    assert len(reader.rest(limit=300)) == MOST_IMAGES
    queue.release(worker, in_flight)
    assert sorted(reader.rest()) == sorted((claim.image_id, 0) for claim in in_flight)
    assert len(outcomes(job)) == MOST_IMAGES + 2
    assert look(job).canceled == MOST_IMAGES + 2


@pytest.mark.parametrize("number", [MOST_IMAGES, MOST_IMAGES + 1, 2 * MOST_IMAGES + 1])
def test_a_store_that_is_skipped_is_there_in_batches(number):
    make_stores("T-1")
    job = submit_job(number + 1, on_error=OnError.STOP_STORE)
    record_all(lambda claim: failure(claim, NotAnImage()))
    assert sorted(Reader().rest()) == outcomes(job)
    assert max(FinishedBatch.objects.values_list("size", flat=True)) == MOST_IMAGES
    assert all(batch.size == len(batch.images) == len(batch.generations) for batch in FinishedBatch.objects.all())


def test_crash_loops_are_there(settings):
    settings.MAX_CRASHES = 1
    job = submit_job(3)
    queue.claim(make_worker(), limit=3)
    assert queue.rescue().crash_loops == 3
    assert not Worker.objects.exists()
    assert sorted(Reader().rest()) == outcomes(job)


def test_a_retried_image_is_there_with_its_new_outcome_and_no_more_with_the_old_one():
    job = submit_job(3)
    record_all(lambda claim: failure(claim, HTTPStatus(404)))
    early, late = Reader(), Reader()
    assert len(early.rest()) == 3
    queue.retry(job.pk)
    assert early.rest() == late.rest() == []
    # Canceled before it was claimed again, its claim number is that of the outcome before.
    queue.cancel(job.pk)
    rows, _ = early.page()
    assert [(row["generation"], row["error_code"]) for row in rows] == [(1, "canceled")] * 3
    assert sorted(late.rest()) == sorted(Reader().rest()) == outcomes(job)


def test_what_is_deleted_is_not_there_and_its_batches_go_with_it(monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)
    monkeypatch.setattr(slices, "MOST_ROWS", 2)
    jobs = []
    for _ in range(2):
        jobs.append(submit_job(3))
        record_all(size=1)
    reader = Reader()
    rows, _ = reader.page(limit=2)
    deletion.mark(jobs[0].pk, None)
    assert sorted(Reader().rest()) == outcomes(jobs[1])
    while deletion.delete_slice(wait=True):
        pass
    assert set(FinishedBatch.objects.values_list("job", flat=True)) == {jobs[1].pk}
    # The batch that the place is of has gone.
    assert {row["job_id"] for row in rows} == {jobs[0].pk}
    assert sorted(reader.rest()) == outcomes(jobs[1])


def test_no_position_is_given_twice_though_all_batches_were_deleted(monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)
    job = submit_job(2)
    record_all(size=1)
    reader = Reader()
    assert len(reader.rest()) == 2
    deletion.mark(job.pk, None)
    while deletion.delete_slice(wait=True):
        pass
    assert not FinishedBatch.objects.exists()
    later = submit_job(1)
    record_all()
    assert reader.rest() == outcomes(later)
    assert ResultsFeed.objects.get().last_position == 3


def test_much_metadata_makes_pages_shorter_and_loses_nothing(monkeypatch):
    job = submit_job(7)
    record_all(size=3)
    Visit.objects.filter(job=job).update(metadata={"a": "x" * 9})
    monkeypatch.setattr(results_feed, "MOST_METADATA", 20)
    reader, pages, has_more = Reader(), [], True
    while has_more:
        rows, has_more = reader.page()
        pages.append([(row["image_id"], row["generation"]) for row in rows])
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert sorted(each for page in pages for each in page) == outcomes(job)
    monkeypatch.setattr(results_feed, "MOST_METADATA", 9)
    alone = Reader()
    assert [len(alone.page()[0]) for _ in range(7)] == [1] * 7


def test_owners_read_what_is_theirs():
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    hers, his, nobodys = submit_job(2, owner=anna), submit_job(2, owner=bert), submit_job(2)
    record_all()
    assert Reader([anna.pk]).rest() == outcomes(hers)
    assert Reader([bert.pk]).rest(limit=1) == outcomes(his)
    assert Reader([None]).rest() == outcomes(nobodys)
    assert sorted(Reader([bert.pk, anna.pk]).rest(limit=1)) == sorted(outcomes(hers) + outcomes(his))
    assert Reader([]).rest() == []
    assert sorted(Reader().rest()) == sorted(outcomes(hers) + outcomes(his) + outcomes(nobodys))


def test_what_ended_before_there_was_a_feed_is_filed_by_a_command_and_once():
    jobs = [submit_job(3), submit_job(2), submit_job(1)]
    record_all(size=2)
    before = sorted(Reader().rest())
    reader = Reader()
    kept = FinishedBatch.objects.order_by("pk").first()
    FinishedBatch.objects.exclude(pk=kept.pk).delete()
    reader.rest()
    assert sum(filled.images for filled in fill()) == 6 - kept.size
    assert sorted(Reader().rest()) == before == sorted(outcome for job in jobs for outcome in outcomes(job))
    assert len(reader.rest()) == 6 - kept.size
    assert sum(filled.images for filled in fill()) == 0
    assert ImageResult.objects.count() == len(before)


def test_the_command_says_what_it_has_filed(capsys):
    submit_job(3)
    record_all()
    FinishedBatch.objects.all().delete()
    call_command("fill_results_feed")
    call_command("fill_results_feed")
    assert capsys.readouterr().out.splitlines() == [
        "Looked at 1 job and filed 3 images.", "Looked at 1 job and filed 0 images.",
    ]  # fmt: skip


@pytest.mark.parametrize("images", [1, 2, 3])
def test_the_command_goes_through_the_jobs_some_at_a_time(monkeypatch, images):
    monkeypatch.setattr("jobs.reporting.feed_gaps.MOST_IMAGES", images)
    for number in (1, 3, 1, 1):
        submit_job(number)
    record_all()
    FinishedBatch.objects.all().delete()
    slices_of = list(fill())
    assert sum(filled.images for filled in slices_of) == 6
    assert sum(filled.jobs for filled in slices_of) == 4
    assert len(slices_of) == {1: 4, 2: 3, 3: 3}[images]
