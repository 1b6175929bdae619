"""When is a store overdue for a visit?"""

from datetime import timedelta

import pytest

from insights import alerts
from insights.models import Refreshed, VisitSummary
from tests.insights.alert_visits import NOW, TODAY, at, make_areas, raised, usual_visits, visit, weekly

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def refreshed(db):
    Refreshed.objects.create(pk=1, mark=NOW)


@pytest.mark.parametrize(("days", "is_overdue"), [(21, False), (22, True)])
def test_a_store_is_overdue_after_three_of_its_usual_gaps(days, is_overdue):
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=days)))
    assert alerts.evaluate(NOW) == is_overdue
    if is_overdue:
        assert raised() == [("overdue_store", "A-1", "2026-05-10", "2026-06-01", "open")]


def test_a_store_with_one_longer_gap_is_overdue_only_beyond_that():
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=30), 7) | weekly("A-1", TODAY - timedelta(days=30 + 42 + 35), 7))
    assert alerts.evaluate(NOW) == 0
    later = NOW + timedelta(days=7)
    Refreshed.objects.update(mark=later)
    assert alerts.evaluate(later) == 1


@pytest.mark.parametrize(("visits", "is_overdue"), [(12, False), (13, True)])
def test_a_store_with_fewer_than_twelve_gaps_is_not_judged(visits, is_overdue):
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=60), visits))
    assert alerts.evaluate(NOW) == is_overdue


def test_an_overdue_store_that_is_visited_again_is_over_and_may_become_overdue_anew():
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=40)))
    alerts.evaluate(NOW)
    visit({TODAY: ["A-1"]})
    later = NOW + timedelta(days=1)
    Refreshed.objects.update(mark=later)
    alerts.evaluate(later)
    assert [state for *_, state in raised()] == ["over"]
    later = NOW + timedelta(days=50)
    Refreshed.objects.update(mark=later)
    alerts.evaluate(later)
    assert [(since, state) for _, _, since, _, state in raised()] == [("2026-04-22", "over"), ("2026-06-01", "open")]


def test_a_store_that_the_store_master_does_not_hold_is_never_overdue():
    visit(weekly("gone", TODAY - timedelta(days=40)))
    assert alerts.evaluate(NOW) == 0


def test_stores_of_an_area_with_far_fewer_visits_are_not_overdue_besides():
    make_areas("HILL")
    usual_visits("HILL", few=range(1, 15), fewer=0)
    visit(weekly("HILL-9", TODAY - timedelta(days=40)))
    VisitSummary.objects.filter(store_id="HILL-9", visited_at__gte=at(TODAY - timedelta(days=39))).delete()
    alerts.evaluate(NOW)
    assert [rule for rule, *_ in raised()] == ["area_visits"]
