"""What failed in a job, in groups that can be filtered, retried and exported."""

import pytest

from jobs import errors, queue
from jobs.models import ImageResult
from jobs.reporting import failures as module
from jobs.reporting.failures import failures
from stores.models import Store
from tests.factories import failure, make_worker, submit_job, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def job():
    Store.objects.create(store_id="north", name="North", area_code="N")
    Store.objects.create(store_id="south", name="South", area_code="S")
    job = submit_visits(
        ("north", ["http://a.test/1", "http://a.test/2"]),
        ("south", ["http://a.test/3", "http://b.test/4"]),
        ("no", ["x"]),
    )
    worker = make_worker()
    found = [errors.NotAnImage(), errors.NotAnImage(), errors.NotAnImage(), errors.HTTPStatus(404)]
    queue.record(worker, [failure(*each) for each in zip(queue.claim(worker, limit=4), found, strict=True)])
    return job


def test_the_largest_group_comes_first(job):
    groups = [(group.code, group.host, group.area, group.images) for group in failures(job.pk).groups]
    assert groups == [
        ("not_an_image", "a.test", "N", 2),
        ("http_404", "b.test", "S", 1),
        ("not_an_image", "a.test", "S", 1),
        ("unknown_store", "", "", 1),
    ]


def test_each_groups_filter_finds_exactly_its_images(job):
    images = ImageResult.objects.filter(job=job)
    for group in failures(job.pk).groups:
        assert images.matching(group.image_filter).count() == group.images


def test_a_group_says_what_one_of_its_images_said_and_whether_a_retry_can_help(job):
    group = failures(job.pk).groups[1]
    assert (group.message, group.retryable) == ("The server answered 404 instead of 200.", False)


def test_beyond_the_largest_groups_others_are_counted(job, monkeypatch):
    monkeypatch.setattr(module, "MOST_GROUPS", 3)
    found = failures(job.pk)
    assert (len(found.groups), found.more, found.images) == (3, 1, 5)


def test_other_jobs_are_ignored(job):
    assert failures(submit_job(1).pk) == module.Failures([], 0, 0)


def test_it_is_one_query(job, django_assert_num_queries):
    with django_assert_num_queries(1):
        failures(job.pk)


@pytest.mark.parametrize(("most", "areas"), [(5, {"N", "S", ""}), (4, {None})])
def test_areas_are_told_apart_only_where_few_images_failed(job, monkeypatch, most, areas):
    monkeypatch.setattr(module, "MOST_BY_AREA", most)
    found = failures(job.pk)
    assert {group.area for group in found.groups} == areas
    assert found.images == 5
    assert sum(ImageResult.objects.matching(group.image_filter).count() for group in found.groups) == 5
