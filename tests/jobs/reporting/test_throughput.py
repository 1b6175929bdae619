"""How fast a job goes, and its images over time."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from jobs import errors, queue
from jobs.models import ImageResult, Job, Worker
from jobs.reporting import throughput as module
from jobs.reporting.throughput import FEWEST_IMAGES, MOST_INTERVALS, paces, seconds_for, throughput
from tests.factories import KNOWN_STORE, failure, look, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


def finish(count, error=None):
    worker = make_worker()
    claims = queue.claim(worker, limit=count)
    queue.record(worker, [failure(claim, error) if error else success(claim) for claim in claims])
    return [claim.image_id for claim in claims]


def back_date(images, seconds):
    """Make images appear to have finished earlier, despite the trigger that protects final images."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE jobs_imageresult SET finished_at = finished_at - make_interval(secs => %s) WHERE id = ANY(%s)",
            [seconds, list(images)],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_there_is_a_pace_once_enough_images_have_finished():
    job = submit_job(FEWEST_IMAGES + 20)
    finish(FEWEST_IMAGES - 1)
    assert paces([look(job)], {}) == {}
    back_date(finish(1), 10)
    pace = paces([look(job)], {})[job.pk]
    assert pace.images_per_second == pytest.approx(2.0, rel=0.1)
    # 20 images are left, at two per second; chance may have hidden half as many again.
    assert pace.left == pytest.approx(10, abs=1)
    assert pace.left / pace.fastest == pytest.approx(1 + 2 / FEWEST_IMAGES**0.5)
    assert pace.now <= Job.objects.filter(pk=job.pk).annotate(now=Now()).get().now + timedelta(seconds=1)


@pytest.mark.parametrize("ask", [queue.pause, queue.cancel])
def test_a_job_that_is_not_running_has_no_pace(ask):
    job = submit_job(FEWEST_IMAGES + 20)
    finish(FEWEST_IMAGES)
    ask(job.pk)
    assert paces([look(job)], {}) == {}


def test_images_that_finished_long_ago_do_not_count():
    job = submit_job(FEWEST_IMAGES + 20)
    back_date(finish(FEWEST_IMAGES), 120)
    assert paces([look(job)], {}) == {}


def test_images_that_were_never_tried_do_not_count():
    job = submit_visits(("nowhere", [f"http://n/{n}" for n in range(30)]), (KNOWN_STORE, ["http://k/1", "http://k/2"]))
    finish(1)
    assert paces([look(job)], {}) == {}
    assert sum(each.failed for each in throughput(job.pk).intervals) == 0


def test_many_jobs_take_one_query(django_assert_num_queries):
    for _ in range(3):
        submit_job(2)
    finish(3)
    jobs = list(Job.objects.with_running())
    with django_assert_num_queries(1):
        paces(jobs, {})


def test_a_job_that_has_not_begun_has_no_throughput():
    assert throughput(submit_job(1).pk) is None


def test_the_intervals_hold_every_image_once_and_have_no_gaps():
    job = submit_job(10)
    back_date(finish(4), 95)
    back_date(finish(3, errors.NotAnImage()), 40)
    finish(3)
    seen = throughput(job.pk)
    assert seen.seconds == 2
    assert sum(each.completed for each in seen.intervals) == 7
    assert sum(each.failed for each in seen.intervals) == 3
    assert len(seen.intervals) in (48, 49)
    starts = [each.start for each in seen.intervals]
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(seconds=2)}


@pytest.mark.parametrize("seconds", [0, 58, 59, 3600, 400_000])
def test_a_plot_never_has_too_many_intervals(seconds):
    job = submit_job(2)
    back_date(finish(1), seconds)
    finish(1)
    seen = throughput(job.pk)
    assert len(seen.intervals) <= MOST_INTERVALS + 1
    assert sum(each.completed for each in seen.intervals) == 2


def test_without_a_living_worker_the_duration_is_unknown(settings):
    assert seconds_for(100) is None
    make_worker()
    settings.GPU_MIN_SECONDS = settings.GPU_MAX_SECONDS = 0.3
    # 4 slots, 0.3 s for the model and 0.1 s for a download.
    assert seconds_for(100) == pytest.approx(10.0)
    Worker.objects.update(beat_at=F("beat_at") - timedelta(hours=1))
    assert seconds_for(100) is None


def test_what_recent_images_took_overrides_the_usual_duration():
    submit_job(FEWEST_IMAGES)
    finish(FEWEST_IMAGES)
    assert ImageResult.objects.completed().count() == FEWEST_IMAGES
    assert seconds_for(100) == 0.0


def test_the_time_an_image_takes_is_that_of_the_latest_that_were_measured(monkeypatch):
    submit_job(60)
    finish(25)
    ImageResult.objects.completed().update(fetch_ms=400, measure_ms=100, gpu_ms=500)
    back_date(finish(30, errors.NotAnImage()), -60)
    slots = 4 * Worker.objects.count()
    assert seconds_for(slots) == pytest.approx(1)
    # Where too few of the latest were measured, the usual time counts.
    monkeypatch.setattr(module, "MOST_MEASURED", 30)
    assert seconds_for(slots) < 0.5
