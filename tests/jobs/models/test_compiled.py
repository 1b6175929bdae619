"""Querysets that are compiled once find what the querysets find, with other values each time."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F, IntegerField, Value

from jobs.models import ImageResult, Job, Visit, Worker
from jobs.models.compiled import ANY_NUMBER, Select, SelectForEach, SelectValues, Update, UpdateForEach
from jobs.models.expressions import Given
from tests.factories import defer, make_worker, submit_job

pytestmark = pytest.mark.django_db


def test_a_select_takes_other_values_and_another_limit_each_time():
    jobs = [submit_job(3), submit_job(2)]
    of_job = Select(lambda: ImageResult.objects.filter(job=Given("job")).order_by("-id").values_list("id")[:ANY_NUMBER])
    for job in jobs:
        ids = sorted(job.images.values_list("id"), reverse=True)
        assert of_job(job=job.pk, limit=2) == ids[:2]
        assert of_job(job=job.pk, limit=9) == ids


def test_a_select_is_compiled_once():
    built = []
    ids = Select(lambda: built.append(1) or Job.objects.values_list("id"))
    assert ids() == ids() == []
    assert len(built) == 1


def test_a_select_converts_what_it_reads_as_the_queryset_does():
    job = submit_job(1)
    Job.objects.update(store_errors=[{"store_id": "S"}])
    read = Select(lambda: Job.objects.values_list("id", "store_errors", "created_at"))
    assert read() == list(Job.objects.values_list("id", "store_errors", "created_at"))
    assert read()[0][:2] == (job.pk, [{"store_id": "S"}])


def test_a_value_that_was_not_given_is_missed_by_name():
    with pytest.raises(KeyError, match="worker"):
        Select(lambda: Worker.objects.filter(pk=Given("worker")).values_list("pk"))(worker_id=1)


def test_a_compiled_update_takes_other_values_each_time():
    first, second = (submit_job(1) for _ in range(2))
    update = Update(
        lambda: ImageResult.objects.filter(job=Given("job")), attempts=F("attempts") + Given("more"), crashes=Value(2)
    )
    assert update(job=first.pk, more=3) == 1
    assert update(job=second.pk, more=4) == 1
    assert update(job=0, more=5) == 0
    assert list(ImageResult.objects.order_by("id").values_list("attempts", "crashes")) == [(3, 2), (4, 2)]


def test_for_each_row_a_queryset_finds_its_own_up_to_its_own_limit():
    jobs = [submit_job(3), submit_job(3), submit_job(3)]
    first_of_jobs = SelectForEach(
        lambda row: (
            ImageResult.objects.filter(job_id=row["job"])
            .exclude(id__any=Given("without"))
            .order_by("id")
            .values_list("job_id", "id")[:ANY_NUMBER]
        ),
        job=Visit._meta.get_field("job"),
        limit=IntegerField(),
    )
    skipped = jobs[1].images.order_by("id")[0].pk
    rows = [{"job": jobs[0].pk, "limit": 1}, {"job": jobs[1].pk, "limit": 2}, {"job": 0, "limit": 5}]
    expected = [(job.pk, image.pk) for job in jobs[:2] for image in job.images.order_by("id")]
    assert first_of_jobs(rows, without=[skipped]) == [expected[0], *expected[4:6]]
    assert first_of_jobs([], without=[]) == []


def test_the_values_of_a_column_are_found_in_order_behind_one_and_no_more_than_asked_for():
    job = submit_job(9)
    for name, count in (("c:1", 3), ("a:1", 2), ("b:1", 2)):
        defer(job, name, count)
    names = SelectValues(ImageResult.objects.deferred, "waits_for")
    assert names("", 9) == ["a:1", "b:1", "c:1"]
    assert names("", 2) == ["a:1", "b:1"]
    assert names("a:1", 9) == ["b:1", "c:1"]
    assert names("c:1", 9) == []


def test_any_of_an_array_is_what_in_is():
    ids = list(submit_job(3).images.order_by("id").values_list("id", flat=True))
    for some in ([], ids[:1], ids, [0], ids + ids):
        assert set(ImageResult.objects.filter(id__any=some)) == set(ImageResult.objects.filter(id__in=some))
    found = ImageResult.objects.filter(url__any=["http://images.test/1.jpg", "'"])
    assert [image.pk for image in found] == [ids[1]]


def test_what_is_behind_a_place_is_neither_the_place_nor_before_it():
    job = submit_job(4)
    ImageResult.objects.update(rank=5)
    first, second, third, fourth = job.images.order_by("id")
    ImageResult.objects.filter(pk=first.pk).update(rank=6)
    behind = ImageResult.objects.behind(5, second.pk).order_by("id")
    assert list(behind) == [first, third, fourth]
    assert ImageResult.objects.behind(float("-inf"), 0).count() == 4
    assert not ImageResult.objects.behind(float("inf"), 0).exists()


@pytest.mark.django_db(transaction=True)
def test_a_key_share_lets_updates_pass_and_no_delete(other):
    worker = make_worker()
    with transaction.atomic():
        assert list(Worker.objects.filter(pk=worker).for_key_share().values_list("pk", flat=True)) == [worker]
        other.execute("UPDATE jobs_worker SET pid = 7 WHERE id = %s", [worker])
        other.commit()
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            other.execute("DELETE FROM jobs_worker WHERE id = %s", [worker])
        other.rollback()
    other.execute("DELETE FROM jobs_worker WHERE id = %s", [worker])
    other.commit()


def test_an_update_for_each_row_updates_what_was_found_for_it_once():
    jobs = [submit_job(3), submit_job(3), submit_job(3)]
    hold_first = UpdateForEach(
        SelectForEach(
            lambda row: ImageResult.objects.filter(job_id=row["job"], held=False).order_by("id").values_list("id")[:1],
            job=Visit._meta.get_field("job"),
        ),
        ImageResult,
        returning=["job", "held"],
        held=True,
    )
    held = hold_first([{"job": jobs[0].pk}, {"job": jobs[1].pk}, {"job": 0}])
    assert sorted(held) == [(jobs[0].pk, True), (jobs[1].pk, True)]
    assert [list(job.images.order_by("id").values_list("held", flat=True)) for job in jobs] == [
        [True, False, False],
        [True, False, False],
        [False, False, False],
    ]
    assert hold_first([]) == []


def test_an_error_spoils_the_transaction_as_one_of_an_update_does():
    submit_job(1)
    broken = Update(ImageResult.objects.all, attempts=Given("attempts"))
    with pytest.raises(DatabaseError), transaction.atomic():
        broken(attempts="seven")
    assert not connection.needs_rollback
