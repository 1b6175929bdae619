"""Does a summary say what its visit's images do, and only what has changed is written?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.utils import timezone

from insights import refresh
from insights.models import Refreshed, VisitSummary
from insights.scope import as_of
from jobs import actions, deletion, errors, queue
from jobs.models import ImageResult, Job, Visit
from jobs.states import OnError
from tests.factories import failure, make_stores, make_worker, submit_job, submit_visits, success
from tests.insights.conftest import finish_visits, forge, refreshed, spread_ends, sums, urls, work, wrong
from tests.jobs.deletion.conftest import no_grace  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def far_back(monkeypatch):
    """Look again at nothing before the mark."""
    monkeypatch.setattr(refresh, "OVERLAP_SECONDS", 0.0)


def test_nothing_is_as_of_now():
    assert as_of() is None
    before = timezone.now()
    assert refresh.refresh() == refresh.Done(0, 0)
    assert before - timedelta(seconds=1) < as_of() <= timezone.now() + timedelta(seconds=1)
    assert not VisitSummary.objects.exists()


def test_a_visit_is_summed_from_all_of_its_images():
    owner = User.objects.create_user("owner")
    make_stores("T-1", "T-2")
    job = finish_visits(("T-1", 3), ("T-2", 2), bad=2, owner=owner, host="photos.test")
    ImageResult.objects.filter(job=job).update(fetch_ms=F("id") - F("id") + 40)
    assert refreshed() == [(3, 1, 2, 0), (2, 2, 0, 0)]
    first, second = VisitSummary.objects.order_by("pk")
    assert (first.job_id, first.owner_id, first.store_id, first.visited_at) == (job.pk, owner.pk, "T-1", None)
    assert (first.fetched, first.fetch_ms, first.host, first.code) == (3, 120, "photos.test", "not_an_image")
    assert (second.fetched, second.fetch_ms, second.code) == (2, 80, "")
    ends = (
        ImageResult.objects.filter(visit=first.visit_id).order_by("-finished_at").values_list("finished_at", flat=True)
    )
    assert first.turnaround == pytest.approx((ends[0] - job.created_at).total_seconds())


def test_the_instant_of_the_visit_is_copied():
    submit_job(1)
    at = timezone.now() - timedelta(days=200)
    Visit.objects.update(visited_at=at)
    work()
    refresh.refresh()
    assert VisitSummary.objects.get().visited_at == at


def test_what_was_not_tried_is_neither_a_failure_nor_a_duration():
    make_stores("T-1")
    job = submit_visits(("nowhere", urls(2)), ("T-1", urls(4)), on_error=OnError.STOP_STORE)
    # The rest of its store is skipped.
    work(bad=1)
    assert refreshed() == [(2, 0, 0, 2), (4, 0, 1, 3)]
    unknown, stopped = VisitSummary.objects.order_by("pk")
    assert (unknown.turnaround, unknown.code, unknown.fetched) == (None, "", 0)
    assert (stopped.code, stopped.turnaround > 0) == ("not_an_image", True)
    assert {image.error_code for image in ImageResult.objects.filter(job=job)} == {
        "unknown_store",
        "not_an_image",
        "skipped",
    }


def test_a_canceled_image_was_not_tried():
    job = submit_job(3)
    work(limit=1)
    actions.cancel(job.pk, None)
    assert refreshed() == [(3, 1, 0, 2)]


def test_a_visit_under_way_has_no_turnaround_yet():
    submit_job(3)
    work(limit=2)
    assert refreshed() == [(3, 2, 0, 0)]
    assert VisitSummary.objects.get().turnaround is None
    work()
    assert refreshed() == [(3, 3, 0, 0)]
    assert VisitSummary.objects.get().turnaround > 0


def test_a_visit_of_which_nothing_has_ended_is_not_summed():
    submit_job(3)
    assert refreshed() == []


def test_the_most_frequent_host_and_code_are_named_and_of_equals_the_first():
    submit_job([*urls(2, "b.test"), *urls(2, "c.test"), *urls(1, "a.test")])
    worker = make_worker()
    claims = queue.claim(worker, limit=5)
    wrong = [errors.TooLarge(), errors.NotAnImage(), errors.NotAnImage(), errors.TooLarge()]
    queue.record(
        worker, [*(failure(each, error) for each, error in zip(claims, wrong, strict=False)), success(claims[4])]
    )
    refresh.refresh()
    summary = VisitSummary.objects.get()
    assert (summary.host, summary.code) == ("b.test", "not_an_image")


def test_a_second_refresh_changes_nothing():
    finish_visits(("T-1", 3), bad=1)
    assert refresh.refresh().visits == 1
    before = list(VisitSummary.objects.values())
    # The overlap is summed once more, and written nowhere.
    assert refresh.refresh() == refresh.Done(0, 0)
    assert list(VisitSummary.objects.values()) == before
    assert wrong() == []


def test_a_late_device_touches_one_row(far_back):
    make_stores("T-1", "T-2")
    finish_visits(*[("T-1", 2)] * 20)
    refresh.refresh()
    rows = dict(row_versions())
    submit_visits(("T-2", urls(1)))
    Visit.objects.filter(store_id="T-2").update(visited_at=timezone.now() - timedelta(days=90))
    work()
    done = refresh.refresh()
    assert (done.images, done.visits) == (1, 1)
    (late,) = set(row_versions()) - set(rows.items())
    assert late[0] == VisitSummary.objects.get(store_id="T-2").pk


def row_versions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT visit_id, ctid::text FROM insights_visitsummary")
        return cursor.fetchall()


def test_a_retry_of_old_images_takes_them_back_until_they_have_ended_again(far_back):
    job = finish_visits(("T-1", 3), ("T-1", 2), bad=2)
    assert refreshed() == [(3, 1, 2, 0), (2, 2, 0, 0)]
    actions.retry(job.pk, None)
    done = refresh.refresh()
    assert (done.visits, sums()) == (1, [(3, 1, 0, 0), (2, 2, 0, 0)])
    assert VisitSummary.objects.order_by("pk").first().turnaround is None
    assert wrong() == []
    work(bad=1)
    assert refreshed() == [(3, 2, 1, 0), (2, 2, 0, 0)]
    assert wrong() == []


def test_of_a_retried_job_only_visits_that_were_reopened_are_summed(far_back):
    job = finish_visits(*[("T-1", 1)] * 9, bad=1)
    refresh.refresh()
    forge("completed = 7")
    actions.retry(job.pk, None)
    refresh.refresh()
    assert [row[1] for row in sums()] == [0] + [7] * 8


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_slices_of_any_size_sum_the_same(monkeypatch, most):
    make_stores("T-1", "T-2")
    finish_visits(("T-1", 3), ("T-2", 2), ("nowhere", 4), bad=2)
    job = finish_visits(("T-1", 4), ("T-2", 3), bad=4)
    actions.retry(job.pk, None)
    monkeypatch.setattr(refresh, "MOST_IMAGES", most)
    # Of the last job's first visit nothing is final any more.
    assert refreshed() == [(3, 1, 2, 0), (2, 2, 0, 0), (4, 0, 0, 4), (3, 3, 0, 0)]
    assert wrong() == []


def test_a_slice_holds_at_most_so_many_images(monkeypatch):
    finish_visits(*[("T-1", 1)] * 10)
    spread_ends()
    monkeypatch.setattr(refresh, "MOST_IMAGES", 4)
    assert [each.images for each in refresh.slices()] == [4, 4, 2]


def test_what_ended_at_one_instant_is_one_slice(monkeypatch):
    job = submit_job(9)
    actions.cancel(job.pk, None)
    monkeypatch.setattr(refresh, "MOST_IMAGES", 4)
    assert [each.images for each in refresh.slices()] == [9, 0]
    assert sums() == [(9, 0, 0, 9)]


def test_what_is_summed_by_then_is_kept_and_the_next_refresh_goes_on_there(monkeypatch):
    finish_visits(*[("T-1", 1)] * 10)
    spread_ends()
    monkeypatch.setattr(refresh, "MOST_IMAGES", 4)
    monkeypatch.setattr(refresh, "OVERLAP_SECONDS", 0.0)
    for _ in refresh.slices():
        break
    assert len(sums()) == 4
    assert refresh.refresh() == refresh.Done(6, 6)
    assert sums() == [(1, 1, 0, 0)] * 10


def test_what_ended_shortly_before_the_mark_is_summed_once_more(monkeypatch):
    finish_visits(("T-1", 2))
    spread_ends()
    Refreshed.objects.create(pk=1, mark=timezone.now())
    monkeypatch.setattr(refresh, "OVERLAP_SECONDS", 0.5)
    assert refreshed() == []
    monkeypatch.setattr(refresh, "OVERLAP_SECONDS", 60.0)
    assert refreshed() == [(2, 2, 0, 0)]


# --- deletion


def test_the_summaries_of_a_deleted_job_stay():
    job = finish_visits(("T-1", 3), bad=1)
    refresh.refresh()
    kept = list(VisitSummary.objects.values())
    actions.delete(job.pk, None)
    refresh.refresh()
    assert list(VisitSummary.objects.values()) == kept
    while deletion.delete_slice(wait=True):
        refresh.refresh()
    assert not ImageResult.objects.exists()
    assert list(VisitSummary.objects.values()) == kept
    assert wrong() == []


def test_of_a_job_half_of_whose_images_are_gone_nothing_is_summed(monkeypatch):
    job = finish_visits(("T-1", 4))
    refresh.refresh()
    actions.delete(job.pk, None)
    ImageResult.objects.filter(pk__in=ImageResult.objects.values("pk")[:2]).delete()
    Refreshed.objects.update(mark=timezone.now() - timedelta(days=1))
    assert refreshed() == [(4, 4, 0, 0)]
    list(refresh.rebuild())
    assert sums() == [(4, 4, 0, 0)]


# --- rebuild


def test_a_rebuild_mends_what_is_wrong_and_keeps_what_has_no_rows_any_more():
    old = finish_visits(("T-1", 3))
    finish_visits(("T-1", 2), ("T-1", 2), bad=1)
    refresh.refresh()
    Job.with_deleted.filter(pk=old.pk).delete()
    right = sums()
    forge("failed = 0, completed = 1 WHERE images = 2")
    VisitSummary.objects.filter(pk=VisitSummary.objects.order_by("-pk").first().pk).delete()
    written = sum(each.visits for each in refresh.rebuild())
    assert (written, sums()) == (2, right)
    assert sum(each.visits for each in refresh.rebuild()) == 0


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_rebuild_in_slices_of_any_size_sums_the_same(monkeypatch, most):
    finish_visits(("T-1", 3), ("T-1", 2), bad=1)
    finish_visits(("T-1", 4))
    refresh.refresh()
    right = sums()
    forge("images = 0")
    monkeypatch.setattr(refresh, "MOST_IMAGES", most)
    list(refresh.rebuild())
    assert sums() == right


def test_a_rebuild_of_what_was_never_summed_is_a_refresh():
    finish_visits(("T-1", 3))
    list(refresh.rebuild())
    assert sums() == [(3, 3, 0, 0)]
