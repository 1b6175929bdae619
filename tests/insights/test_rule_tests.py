"""Does the back-test of a rule count what the rule does, on this database's own data?"""

from datetime import timedelta

import pytest

from insights import alerts, rule_tests
from insights.audience import EVERYBODY
from insights.models import Refreshed, RuleCheck
from insights.rules import RULES
from tests.insights.alert_visits import NOW, TODAY, host, make_areas, make_places, person, usual_visits, visit, weekly

pytestmark = pytest.mark.django_db


def test_without_data_nothing_is_said():
    for rule in RULES.values():
        tested = rule.test(EVERYBODY, TODAY)
        assert (tested.n, tested.found, tested.invented) == (0, 0, 0)
    assert rule_tests.per_thousand(0, 29).why == "too_few"
    found = rule_tests.per_thousand(3, 30)
    assert (found.value, round(found.low), round(found.high), found.n) == (100, 35, 256, 30)


def test_past_days_of_areas_are_counted_quiet_ones_invented_and_falls_planted():
    make_areas("A")
    usual_visits("A", 60, few=[20, 30], fewer=10)
    tested = rule_tests.of_areas(EVERYBODY, TODAY)
    assert (tested.n, tested.found, tested.invented) == (35, 2, 35)
    assert tested.false <= 1
    assert tested.planted == 7
    assert tested.planted_found == 7


def test_past_days_of_hosts_are_counted():
    host("photos.test", failing=range(1, 10))
    tested = rule_tests.of_hosts(EVERYBODY, TODAY)
    assert (tested.n, tested.found, tested.invented, tested.false) == (35, 9, 35, 0)


def test_a_gap_that_ended_with_a_visit_was_a_false_alarm():
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=40)))
    visit({TODAY - timedelta(days=12): ["A-1"], TODAY - timedelta(days=5): ["A-1"]})
    tested = rule_tests.of_gaps(EVERYBODY, TODAY)
    assert (tested.n, tested.found) == (2, 1)


def test_pairs_of_visits_are_counted():
    make_places()
    person(("near", 0), ("far", 6), ("near", 60), ("nearby", 90), ("nearby", 95))
    tested = rule_tests.of_pairs(EVERYBODY, TODAY)
    assert (tested.n, tested.found) == (3, 1)


def test_back_tests_are_made_once_a_day_and_kept():
    alerts.evaluate(NOW)
    tested = set(RuleCheck.objects.values_list("tested_at", flat=True))
    assert tested == {NOW}
    assert RuleCheck.objects.count() == len(RULES)
    alerts.evaluate(NOW + timedelta(hours=23))
    assert set(RuleCheck.objects.values_list("tested_at", flat=True)) == {NOW}
    alerts.evaluate(NOW + timedelta(hours=24))
    assert NOW not in set(RuleCheck.objects.values_list("tested_at", flat=True))


@pytest.fixture(autouse=True)
def refreshed(db):
    Refreshed.objects.create(pk=1, mark=NOW)
