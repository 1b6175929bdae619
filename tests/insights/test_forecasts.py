"""When will a job end: is what is said made of past jobs, and as often right as it says?"""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from insights import forecasts
from insights.forecast_ranges import ALL_SIZES, is_shown, range_of, size_of, stage_of
from insights.models import Forecast, ForecastRange
from insights.past_forecasts import at_stages
from jobs import queue
from tests.factories import look, make_worker, submit_job, success

# --- what would have been forecast


def test_a_steady_job_was_forecast_rightly():
    times = [0.5 * number for number in range(1, 401)]
    forecast, rest = at_stages(times, 400, 0)
    assert forecast == pytest.approx([150, 100, 50, 20], rel=0.02)
    assert rest == pytest.approx([150, 100, 50, 20])


def test_a_job_that_slows_down_was_forecast_too_early():
    times = [0.1 * number for number in range(1, 201)] + [20 + number for number in range(1, 201)]
    forecast, rest = at_stages(times, 400, 0)
    assert rest[0] / forecast[0] > 5


def test_only_the_last_minute_counts():
    times = [0.1 * number for number in range(1, 101)] + [100 + number for number in range(1, 301)]
    forecast, _ = at_stages(times, 400, 0)
    # After half of the images, 60 in the last minute.
    assert forecast[1] == pytest.approx(200 * 59 / 60, rel=0.01)


@pytest.mark.parametrize(("images", "is_known"), [(76, False), (77, True)])
def test_a_forecast_takes_as_many_images_as_a_running_job_does(images, is_known):
    forecast, rest = at_stages([0.1 * number for number in range(images)], images, 0)
    assert (forecast[0] is not None) == (rest[0] is not None) == is_known


def test_images_that_were_never_tried_are_final_from_the_beginning():
    # A quarter of 400 is final before anything begins; of the others, 50 are processed at 37.5 %.
    forecast, rest = at_stages([float(number) for number in range(1, 301)], 400, 100)
    assert forecast[0] is None
    assert (forecast[1], rest[1]) == (pytest.approx(200 * 59 / 60, rel=0.01), 200)


def test_every_second_time_says_nearly_the_same():
    times = [0.05 * number for number in range(1, 2001)]
    some = at_stages(times[1::2], 2000, 0, 2)
    assert some[0] == pytest.approx(at_stages(times, 2000, 0)[0], rel=0.02)
    assert some[1] == pytest.approx(at_stages(times, 2000, 0)[1], rel=0.02)


@pytest.mark.parametrize(
    ("progress", "stage"), [(0.249, None), (0.25, 25), (0.499, 25), (0.5, 50), (0.75, 75), (0.9, 90), (0.999, 90)]
)
def test_a_job_is_at_the_last_stage_that_it_has_reached(progress, stage):
    assert stage_of(progress) == stage


@pytest.mark.parametrize(("images", "size"), [(1, 0), (999, 0), (1_000, 1), (9_999, 1), (10_000, 2)])
def test_jobs_are_of_three_sizes(images, size):
    assert size_of(images) == size


# --- ranges


def test_a_range_leaves_out_a_tenth_at_either_end():
    found = range_of(range(1, 100))
    assert (found.jobs, found.low, found.high) == (99, 10, 90)


@pytest.mark.parametrize(("jobs", "is_known"), [(29, False), (30, True)])
def test_below_thirty_jobs_there_is_no_range(jobs, is_known):
    assert (range_of([1.0] * jobs).low is not None) == is_known


def test_a_range_is_made_of_the_latest_jobs():
    found = range_of([100.0] * 300 + [1.0] * 240)
    assert (found.jobs, found.low, found.high) == (240, 1.0, 1.0)


def test_each_job_is_judged_by_those_before_it_alone():
    found = range_of([*range(30), 1_000, 1_000])
    # The first of the two was beyond anything seen; after it, so was the second: one in 31 is no tenth.
    assert (found.judged, found.covered) == (2, 0)


@pytest.mark.parametrize(
    ("judged", "covered", "shown"),
    [(29, 23, False), (30, 24, True), (100, 70, True), (100, 69, False), (100, 90, True), (100, 91, False)],
)
def test_a_range_is_shown_where_it_has_proved_itself(judged, covered, shown):
    assert is_shown(judged, covered) is shown


# --- what is kept and said

pytestmark = pytest.mark.django_db


def end(job):
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=job.total)])
    job.refresh_from_db()
    return job


def know(stage=50, size=ALL_SIZES, **known):
    ForecastRange.objects.create(
        **{"stage": stage, "size": size, "jobs": 60, "low": 0.5, "high": 3.0, "judged": 100, "covered": 80, **known}
    )


def running(share=0.5, images=100):
    job = submit_job(images)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=round(images * share))])
    return look(job)


def estimate(job):
    return forecasts.estimates([job], {})[job.pk]


def test_without_past_jobs_only_the_time_is_said_before_which_it_does_not_end():
    found = estimate(running())
    assert (found.latest, found.covers, found.jobs) == (None, None, 0)
    assert found.earliest > found.now


def test_with_proven_ranges_the_end_lies_between_multiples_of_the_forecast():
    know()
    job = running()
    found = estimate(job)
    left = (job.total - job.finished) / found.images_per_second
    assert (found.least, found.most) == (pytest.approx(0.5 * left), pytest.approx(3.0 * left))
    assert found.latest - found.earliest == pytest.approx(timedelta(seconds=2.5 * left), abs=timedelta(milliseconds=1))
    assert (found.covers, found.jobs) == (0.8, 60)


@pytest.mark.parametrize("known", [{"judged": 29, "covered": 23}, {"covered": 69}, {"stage": 75}])
def test_a_range_that_has_not_proved_itself_is_not_shown(known):
    know(**known)
    assert estimate(running()).latest is None


def test_jobs_of_the_same_size_go_before_all_and_hide_them_where_they_were_wrong():
    know()
    know(size=0, low=2.0, high=2.5)
    job = running()
    found = estimate(job)
    assert found.most == pytest.approx(found.least * 1.25)
    ForecastRange.objects.filter(size=0).update(covered=50)
    assert estimate(job).latest is None
    # Too few of them to judge: those of all sizes.
    ForecastRange.objects.filter(size=0).update(judged=29)
    assert estimate(job).jobs == 60


@pytest.mark.parametrize(("share", "is_known"), [(0.24, False), (0.25, True)])
def test_a_job_below_a_quarter_has_no_range(share, is_known):
    know(stage=25)
    assert (estimate(running(share)).latest is not None) == is_known


def test_estimates_take_two_queries(django_assert_num_queries):
    know()
    jobs = [running(), running()]
    with django_assert_num_queries(2):
        assert len(forecasts.estimates(jobs, {})) == 2


def spread(job, seconds):
    """Have the images of an ended job finish evenly over `seconds`, despite the trigger that protects them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE jobs_imageresult i SET finished_at = '2026-11-27T12:00Z'::timestamptz"
            " + make_interval(secs => %s::float * n / %s) FROM (SELECT id, row_number() OVER (ORDER BY id) AS n"
            " FROM jobs_imageresult WHERE job_id = %s) o WHERE o.id = i.id",
            [seconds, job.total, job.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_what_was_forecast_of_a_job_is_worked_out_once_it_has_ended():
    job = end(submit_job(200))
    spread(job, 40)
    assert forecasts.refresh() == 1
    kept = Forecast.objects.get()
    assert (kept.job_id, kept.images, kept.ended_at) == (job.pk, 200, job.finished_at)
    assert kept.rest == pytest.approx([30, 20, 10, 4])
    assert kept.forecast == pytest.approx([30, 20, 10, 4], rel=0.03)


def test_a_refresh_again_changes_nothing():
    end(submit_job(100))
    assert forecasts.refresh() == 1
    before = list(Forecast.objects.values()), list(ForecastRange.objects.values("stage", "size", "jobs"))
    assert forecasts.refresh() == 0
    assert (list(Forecast.objects.values()), list(ForecastRange.objects.values("stage", "size", "jobs"))) == before


def test_a_job_that_ended_a_little_earlier_and_is_seen_later_is_not_missed():
    first, second = end(submit_job(100)), end(submit_job(100))
    forecasts.refresh()
    Forecast.objects.filter(job_id=first.pk).delete()
    assert forecasts.refresh() == 1
    assert set(Forecast.objects.values_list("job_id", flat=True)) == {first.pk, second.pk}


def test_no_more_jobs_are_taken_at_once_than_asked():
    for _ in range(3):
        end(submit_job(1))
    assert [forecasts.refresh(2), forecasts.refresh(2), forecasts.refresh(2)] == [2, 1, 0]


@pytest.mark.parametrize("verb", ["pause", "cancel", "retry"])
def test_a_job_that_somebody_has_held_up_says_nothing_of_others(verb):
    job = end(submit_job(100))
    job.actions.create(verb=verb, images=1, parameters={})
    forecasts.refresh()
    assert Forecast.objects.get().forecast == [None] * 4
    assert {each.jobs for each in ForecastRange.objects.all()} == {0}


def test_every_stage_and_size_has_its_range_of_the_past_jobs():
    at = datetime(2026, 11, 27, tzinfo=UTC)
    Forecast.objects.bulk_create(
        Forecast(
            job_id=number,
            images=500 if number % 2 else 50_000,
            ended_at=at + timedelta(seconds=number),
            forecast=[10.0, 10.0, None, 10.0],
            rest=[10.0 + number % 10, 20.0, None, 30.0],
        )
        for number in range(80)
    )
    forecasts.write_ranges()
    found = {(each.stage, each.size): each for each in ForecastRange.objects.all()}
    assert len(found) == 4 * 4
    assert (found[25, ALL_SIZES].jobs, found[25, 0].jobs, found[25, 1].jobs, found[25, 2].jobs) == (80, 40, 0, 40)
    assert (found[50, 0].low, found[50, 0].high) == (2.0, 2.0)
    assert (found[75, ALL_SIZES].jobs, found[75, ALL_SIZES].low) == (0, None)
    assert found[25, ALL_SIZES].low < found[25, ALL_SIZES].high
    assert found[25, ALL_SIZES].judged == 50


def test_who_may_not_see_a_job_learns_nothing_of_it_from_the_back_test(client):
    end(submit_job(100, owner=User.objects.create_user("other")))
    forecasts.refresh()
    client.force_login(User.objects.create_user("me"))
    rows = client.get("/api/v1/forecasts").json()["ranges"]
    assert {key for row in rows for key in row} == {
        "stage", "size", "jobs", "low", "high", "judged", "covered", "is_shown",
    }  # fmt: skip
