"""Which weeks are unusual, and which are not judged?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights.area_sums import By
from insights.areas import FAILURES, FETCH, MEDIAN, VISITS
from insights.models import VisitSummary
from insights.periods import first_day, known
from insights.scope import Scope, as_of, start_of, today
from insights.trends import FEWEST_VISITS, FEWEST_WEEKS, MEASURES, RUNNING, band_of, stores_by, trends
from tests.insights.visits import make_areas, make_visits

pytestmark = pytest.mark.django_db


def trend(measure=VISITS, weeks=13, user=None, by=By.AREA, **narrowed):
    scope = known(Scope(user, first_day(weeks), today(), **narrowed))
    return {found.label: found for found in trends(scope, as_of(), measure, stores_by(scope, by), by)}


def test_weeks_with_half_the_visits_are_unusual_and_no_others():
    make_areas("A", "B", stores=60)
    make_visits("A", stores=60, fewer=(1, 2))
    make_visits("B", stores=60)
    found = trend()
    monday = today() - timedelta(days=today().weekday())
    assert [week.monday for week in found["A"].unusual] == [monday - timedelta(days=14), monday - timedelta(days=7)]
    assert found["B"].unusual == []


def test_the_running_week_is_never_judged():
    make_areas("A", stores=60)
    make_visits("A", stores=60)
    VisitSummary.objects.filter(visited_at__gte=start_of(today() - timedelta(days=today().weekday()))).delete()
    *whole, running = trend()["A"].weeks
    assert (running.why, running.value, running.is_unusual) == (RUNNING, 0, False)
    assert not any(week.why for week in whole[1:])


@pytest.mark.parametrize(("hours_left", "why"), [(3, RUNNING), (0, "")])
def test_a_week_runs_until_its_last_hour(hours_left, why):
    make_areas("A", stores=60)
    make_visits("A", stores=60)
    sunday = today() - timedelta(days=today().weekday() + 1)
    scope = known(Scope(None, first_day(), sunday))
    mark = scope.end - timedelta(hours=hours_left)
    (found,) = trends(scope, mark, VISITS, {"A": 60})
    assert found.weeks[-1].why == why


def test_each_week_is_its_own_sum():
    make_areas("A")
    make_visits("A")
    for week in trend()["A"].weeks[1:-1]:
        begin = start_of(week.monday)
        visits = VisitSummary.objects.filter(visited_at__gte=begin, visited_at__lt=begin + timedelta(days=7))
        assert (week.n, week.value) == (visits.count(), visits.count() / 10)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_has_weeks_around_what_is_usual(measure):
    make_areas("A", stores=40)
    make_visits("A", stores=40, failing=0.1)
    found = trend(measure)["A"]
    assert found.band.low <= found.band.usual <= found.band.high
    usual = {FAILURES: 0.1, MEDIAN: 60, FETCH: 250, VISITS: 1}[measure]
    assert found.band.usual == pytest.approx(usual, rel=0.15)
    assert len(found.unusual) < 4


def test_a_week_of_fewer_than_thirty_images_has_no_rate():
    make_areas("A", stores=5)
    make_visits("A", stores=5, images=5)
    found = trend(FAILURES)["A"]
    assert {week.why for week in found.weeks[1:-1] if week.n < 30} == {"too_few"}
    assert all((week.value is None) == (week.n < 30) for week in found.weeks)


def test_of_few_weeks_nobody_says_what_is_usual():
    weeks = [(60, 1.0)] * FEWEST_WEEKS
    assert band_of(VISITS, weeks[1:], stores=60) is None
    assert band_of(VISITS, weeks, stores=60).usual == 1


def test_of_few_visits_nobody_says_what_is_usual():
    few, enough = FEWEST_VISITS - 1, FEWEST_VISITS
    assert band_of(VISITS, [(few, few / 5)] * 8, stores=5) is None
    assert band_of(VISITS, [(enough, enough / 5)] * 8, stores=5) is not None


def test_weeks_that_are_all_alike_have_the_band_of_chance():
    band = band_of(VISITS, [(100, 1.0)] * 12, stores=100)
    assert (band.low, band.high) == (pytest.approx(0.8), pytest.approx(1.2))
    band = band_of(FAILURES, [(100, 0.1)] * 12, stores=100)
    assert (band.low, band.high) == (pytest.approx(0.04), pytest.approx(0.16))


def test_stores_without_a_category_are_a_row_of_their_own():
    make_areas("A", stores=30)
    make_visits("A", stores=30)
    found = trend(by=By.CATEGORY)
    assert "" in found
    assert sum(week.n for each in found.values() for week in each.weeks) == VisitSummary.objects.count()


def test_who_is_not_staff_sees_weeks_of_their_own_jobs_alone():
    anna = User.objects.create_user("anna")
    make_areas("A", stores=30)
    hers = make_visits("A", stores=30, owner=anna.pk)
    make_visits("A", stores=30, owner=anna.pk + 1)
    for measure in (VISITS, MEDIAN):
        assert sum(week.n for week in trend(measure, user=anna)["A"].weeks) <= hers
