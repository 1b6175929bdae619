"""Do the hours of a host count what it has answered, each answer once, and stay as they are?"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import floor, log

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from insights import refresh
from insights.models import BUCKET_RATIO, BUCKETS, HostHour, Refreshed
from jobs import actions, errors
from jobs.models import ImageResult, Job
from jobs.states import OnError
from tests.factories import make_stores, submit_visits
from tests.insights.conftest import end_at, finish_visits, urls, work

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def hours():
    return {(row.host, row.hour, row.owner_id): row.codes for row in HostHour.objects.all()}


def test_images_are_counted_by_host_hour_owner_and_code():
    owner = User.objects.create_user("owner")
    mine = finish_visits(("T-1", 4), bad=1, owner=owner, host="a.test")
    end_at(mine.images, NOON, NOON + timedelta(minutes=59, seconds=59), NOON + timedelta(hours=1))
    nobodys = finish_visits(("T-1", 2), host="a.test")
    end_at(nobodys.images, NOON)
    end_at(finish_visits(("T-1", 1), bad=1, error=errors.HTTPStatus(404), host="b.test").images, NOON)
    refresh.refresh()
    assert hours() == {
        ("a.test", NOON, owner.pk): {"not_an_image": 1, "": 1},
        ("a.test", NOON + timedelta(hours=1), owner.pk): {"": 2},
        ("a.test", NOON, None): {"": 2},
        ("b.test", NOON, None): {"http_404": 1},
    }


def test_what_was_not_tried_is_no_answer_of_the_host():
    make_stores("T-1")
    submit_visits(("nowhere", urls(2)), ("T-1", urls(4)), on_error=OnError.STOP_STORE)
    work(bad=1)
    actions.cancel(submit_visits(("T-1", urls(2))).pk, None)
    refresh.refresh()
    assert [row.codes for row in HostHour.objects.all()] == [{"not_an_image": 1}]


def test_each_duration_is_in_its_bucket():
    durations = [0, 1, 2, 99, 100, 101, 5999, 6000, 7522, 7524, 1_000_000]
    job = finish_visits(("T-1", len(durations)), host="a.test")
    for pk, duration in zip(job.images.values_list("pk", flat=True), durations, strict=True):
        ImageResult.objects.filter(pk=pk).update(fetch_ms=duration)
    # A duration that nobody measured.
    finish_visits(("T-1", 1), host="a.test")
    ImageResult.objects.filter(job__gt=job).update(fetch_ms=None)
    refresh.refresh()
    (row,) = HostHour.objects.all()
    expected = Counter(min(BUCKETS - 1, floor(log(max(1, each), BUCKET_RATIO))) for each in durations)
    assert row.fetch == [expected[bucket] for bucket in range(BUCKETS)]
    assert sum(row.codes.values()) == len(durations) + 1


@pytest.mark.parametrize("most", [1, 3, 100])
def test_slices_add_up_and_equal_the_source(monkeypatch, most):
    for host in ("a.test", "b.test"):
        job = finish_visits(("T-1", 9), bad=2, host=host)
        end_at(job.images, *(NOON + timedelta(minutes=13 * n) for n in range(9)))
        ImageResult.objects.filter(job=job).update(fetch_ms=F("id") % 7 * 100)
    monkeypatch.setattr(refresh, "MOST_IMAGES", most)
    refresh.refresh()
    counted, expected = Counter(), Counter()
    for row in HostHour.objects.all():
        counted.update({(row.host, row.hour, code): number for code, number in row.codes.items()})
        counted.update({(row.host, row.hour, bucket): number for bucket, number in enumerate(row.fetch) if number})
    for image in ImageResult.objects.all():
        hour = image.finished_at.replace(minute=0, second=0, microsecond=0)
        expected[image.host, hour, image.error_code] += 1
        expected[image.host, hour, floor(log(max(1, image.fetch_ms), BUCKET_RATIO))] += 1
    assert counted == expected


def test_another_refresh_counts_nothing_twice():
    finish_visits(("T-1", 5))
    refresh.refresh()
    before = hours()
    refresh.refresh()
    assert hours() == before
    finish_visits(("T-1", 2))
    refresh.refresh()
    assert sum(sum(codes.values()) for codes in hours().values()) == 7


def test_an_hour_that_is_over_stays_whatever_becomes_of_its_images():
    job = finish_visits(("T-1", 5), bad=3)
    end_at(job.images, NOON)
    refresh.refresh()
    before = list(HostHour.objects.values())
    actions.retry(job.pk, None)
    work()
    refresh.refresh()
    assert list(HostHour.objects.filter(hour=NOON).values()) == before
    # What was answered later is in its own hour.
    assert sum(codes.get("", 0) for codes in hours().values()) == 5
    actions.delete(job.pk, None)
    Job.with_deleted.all().delete()
    refresh.refresh()
    list(refresh.rebuild())
    assert list(HostHour.objects.filter(hour=NOON).values()) == before


def test_after_a_day_without_a_refresh_all_hours_since_are_there():
    job = finish_visits(("T-1", 30))
    begun = Refreshed.objects.create(pk=1, mark=NOON)
    end_at(job.images, *(NOON + timedelta(hours=n) for n in range(30)))
    refresh.refresh()
    assert HostHour.objects.count() == 30
    begun.refresh_from_db()
    assert begun.mark > NOON + timedelta(hours=30)


def test_a_rebuild_counts_hours_anew_unless_fewer_images_are_left():
    first, second = finish_visits(("T-1", 4), bad=1), finish_visits(("T-1", 3))
    end_at(first.images, NOON)
    end_at(second.images, NOON + timedelta(hours=5))
    refresh.refresh()
    right = hours()
    HostHour.objects.filter(hour=NOON).update(codes={"": 1, "tls": 1})
    list(refresh.rebuild())
    assert hours() == right
    HostHour.objects.filter(hour=NOON).update(codes={"": 5})
    HostHour.objects.exclude(hour=NOON).delete()
    list(refresh.rebuild())
    assert hours() == {**right, ("images.test", NOON, None): {"": 5}}
