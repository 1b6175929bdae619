"""How often stores are visited, how long between visits, and which were visited twice at once or not at all?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights import rhythm, unvisited
from insights.gaps import CLASSES, gaps, median_of
from insights.scope import Scope, today
from stores.models import Store
from tests.insights.summaries import noon, store, visit, visits

pytestmark = pytest.mark.django_db


def scope(user=None, days=91, **narrowed):
    return Scope(user, today() - timedelta(days=days - 1), today(), **narrowed)


def test_visits_per_store_and_week_count_the_stores_without_a_visit_too():
    for number in range(4):
        store(f"S{number}")
    for number in range(2):
        visits(f"S{number}", range(56))
    found = rhythm.frequency(scope(days=56))
    assert (found.visits, found.stores, found.per_store_week.n) == (112, 4, 112)
    # 2 of 4 stores each day; the running day is not over.
    assert found.per_store_week.value == pytest.approx(3.5, rel=0.03)
    assert found.per_store_week.low <= 3.5 <= found.per_store_week.high


@pytest.mark.parametrize(("number", "is_known"), [(29, False), (30, True)])
def test_of_fewer_than_thirty_visits_no_frequency_is_given(number, is_known):
    store("S1")
    visits("S1", [0.5 * each for each in range(number)])
    assert (rhythm.frequency(scope()).per_store_week.value is not None) == is_known


def test_weeks_before_the_first_visit_of_any_store_are_none_without_visits():
    store("S1"), store("S2", area="B")
    visits("S1", range(20))
    visits("S2", range(20))
    assert rhythm.frequency(scope(area="A", days=20)).per_store_week.value is None
    visits("S1", [0.25 + each for each in range(20)])
    long, short = rhythm.frequency(scope(area="A", days=300)), rhythm.frequency(scope(area="A", days=21))
    assert long.per_store_week.value == pytest.approx(short.per_store_week.value)


def test_an_interval_is_wider_where_days_differ():
    store("S1"), store("S2", area="B")
    visits("S1", range(64))
    for day in range(0, 64, 16):
        visits("S2", [day + part / 32 for part in range(16)])
    even, odd = (rhythm.frequency(scope(area=area)).per_store_week for area in "AB")
    assert even.value == pytest.approx(odd.value)
    assert odd.high - odd.low > 3 * (even.high - even.low)


def test_the_median_gap_lies_between_a_stores_visits_and_not_across_stores():
    store("S1"), store("S2")
    visits("S1", range(0, 84, 7))
    visits("S2", range(0, 84, 3))
    found = gaps(scope(), 100)
    assert found.median.n == 11 + 27
    assert (found.median.value, found.every) == (3, 1)
    assert {each.label: each.gaps for each in found.classes if each.gaps} == {"3": 27, "7": 11}


def test_gaps_are_classed_by_whole_days_without_an_overlap_or_a_hole():
    store("S1")
    visits("S1", [0, 0.4, 1.1, 8.2, 18.3, 88])
    found = gaps(scope(), 6).classes
    assert [each.label for each in found if each.gaps] == ["0", "1", "7", "8 to 10", "61 or more"]
    assert [each.least for each in found] == list(CLASSES)
    assert [each.most + 1 for each in found[:-1]] == [each.least for each in found[1:]]


def test_between_repeats_there_is_no_gap():
    store("S1")
    visits("S1", [7, 7, 0])
    assert gaps(scope(), 3).median.n == 1


def test_the_medians_interval_is_wider_where_stores_differ():
    for number in range(12):
        store(f"A{number}", area="A")
        visits(f"A{number}", [sum((2, 8)[each % 2] for each in range(to)) for to in range(16)])
        store(f"B{number}", area="B")
        step = 2 if number % 2 else 8
        visits(f"B{number}", [step * each + number % 3 / 10 for each in range(1 + 88 // step)][:12])
    mixed, apart = (gaps(scope(area=area), 1).median for area in "AB")
    assert mixed.low <= mixed.value <= mixed.high
    assert (apart.low, apart.high) == (2, 8)


def test_of_very_many_visits_every_nth_store_is_looked_at():
    for number in range(6):
        store(f"S{number}")
        visits(f"S{number}", range(0, 60, 6))
    assert gaps(scope(), 60, most_visits=60).median.n == 54
    found = gaps(scope(), 60, most_visits=59)
    assert (found.every, found.median.n) == (2, 27)


@pytest.mark.parametrize(("number", "is_known"), [(29, False), (30, True)])
def test_one_stores_usual_gap_takes_thirty_gaps(number, is_known):
    found = median_of([7.0] * number)
    assert (found.value, found.n) == (7 if is_known else None, number)


def test_one_stores_interval_goes_by_ranks():
    found = median_of([float(day) for day in range(1, 101)])
    # The 40th and the 60th of 100 (Conover, Practical Nonparametric Statistics, 3.2).
    assert (found.low, found.value, found.high) == (41, 50.5, 60)


def test_repeats_are_visits_of_one_store_at_one_instant():
    at = noon(today())
    visit("S1", at), visit("S1", at), visit("S2", at), visit("S1", at + timedelta(seconds=1))
    found = rhythm.repeats(scope())
    assert [(each.store_id, each.visited_at, each.visits) for each in found.rows] == [("S1", at, 2)]
    assert (found.more, found.looked_at) == (False, 4)


def test_repeats_are_looked_for_among_the_latest_visits_alone():
    at = noon(today())
    for days in (0, 1, 1):
        visit("S1", at - timedelta(days=days))
    assert rhythm.repeats(scope(), looked_at=2).rows == []
    assert len(rhythm.repeats(scope(), looked_at=3).rows) == 1


@pytest.mark.parametrize(("number", "more"), [(50, False), (51, True)])
def test_at_most_fifty_repeats_are_listed(number, more):
    for days in range(number):
        visits("S1", [days, days])
    found = rhythm.repeats(scope())
    assert (len(found.rows), found.more) == (50, more)


def test_stores_without_a_visit_in_the_period_are_counted_and_listed_page_by_page():
    for number in range(5):
        store(f"S{number}")
    visits("S1", [3])
    visits("S2", [40])
    wanted = ["S0", "S2", "S3", "S4"]
    recent = scope(days=7)
    assert unvisited.count(recent, 5) == 4
    first = unvisited.page(recent, limit=3)
    assert [each.store_id for each in (*first.stores, *unvisited.page(recent, first.after).stores)] == wanted
    listed, after = [], 0
    while after is not None:
        found = unvisited.page(recent, after, looked_up=2)
        listed, after = [*listed, *(each.store_id for each in found.stores)], found.after
    assert listed == wanted


def test_too_many_stores_are_listed_without_being_counted():
    assert unvisited.count(scope(), unvisited.MOST_COUNTED) == 0
    assert unvisited.count(scope(), unvisited.MOST_COUNTED + 1) is None


def test_all_of_it_is_of_the_visits_that_one_may_see():
    anna, boss = User.objects.create_user("anna"), User.objects.create_superuser("boss")
    store("S1")
    visits("S1", [1, 1, *range(2, 60)], owner_id=boss.pk)
    for user, number in ((anna, 0), (boss, 60)):
        mine = scope(user)
        assert rhythm.frequency(mine).visits == number
        assert gaps(mine, number).median.n == (58 if number else 0)
        assert len(rhythm.repeats(mine).rows) == (1 if number else 0)
        assert len(unvisited.page(mine).stores) == (0 if number else 1)


def test_an_unknown_group_has_no_stores_and_no_visits():
    visits("S1", range(40))
    nobody = scope(group=7)
    assert rhythm.frequency(nobody).visits == rhythm.frequency(nobody).stores == gaps(nobody, 0).median.n == 0
    assert rhythm.repeats(nobody).rows == unvisited.page(nobody).stores == []
    assert Store.objects.count() == 0


def test_hours_are_those_of_the_services_clock(settings):
    settings.INSIGHTS_TIME_ZONE = "Asia/Kathmandu"
    at = noon(today()) - timedelta(days=14)
    for minutes in (0, 14, 15, 74):
        visit("S1", at + timedelta(minutes=minutes))
    hours = rhythm.frequency(scope(days=28)).hours
    # Five hours and three quarters ahead of UTC.
    assert {hour: visits for hour, visits in enumerate(hours.counts[at.weekday()]) if visits} == {17: 2, 18: 2}
    assert hours.visits == 4
