"""At which hour of the week, by whose clock, is a visit made?"""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User

from insights.hours import hour_of_week
from insights.models import VisitSummary
from insights.scope import Scope

pytestmark = pytest.mark.django_db


def visit(pk, at, **changed):
    values = {"job_id": 1, "store_id": "S", "images": 1, "completed": 1, "failed": 0, "unprocessed": 0, "fetched": 1}
    VisitSummary.objects.create(visit_id=pk, visited_at=at, fetch_ms=1, **{**values, **changed})


def slots(scope):
    counts = hour_of_week(scope).counts
    return {(day, hour): counts[day][hour] for day in range(7) for hour in range(24) if counts[day][hour]}


@pytest.mark.parametrize(
    ("zone", "slot"),
    # A Monday of March, and one of August, when New York is an hour nearer.
    [("UTC", {(0, 4): 2}), ("Asia/Kolkata", {(0, 9): 1, (0, 10): 1}), ("America/New_York", {(6, 23): 1, (0, 0): 1})],
)
def test_the_hour_is_that_of_the_setting_and_keeps_summer_time(settings, zone, slot):
    settings.INSIGHTS_TIME_ZONE = zone
    visit(1, datetime(2026, 3, 2, 4, 29, tzinfo=UTC))
    visit(2, datetime(2026, 8, 3, 4, 31, tzinfo=UTC))
    assert slots(Scope(None, date(2026, 1, 1), date(2026, 12, 31))) == slot


def test_a_visit_before_1970_has_an_hour_as_well():
    visit(1, datetime(1969, 12, 29, 5, tzinfo=UTC))
    assert slots(Scope(None, date(1969, 1, 1), date(1970, 1, 1))) == {(0, 5): 1}


def test_only_visits_of_the_scope_are_counted():
    anna = User.objects.create_user("anna")
    visit(1, datetime(2026, 3, 2, 4, tzinfo=UTC), owner_id=anna.pk)
    visit(2, datetime(2026, 3, 2, 5, tzinfo=UTC), owner_id=anna.pk + 1)
    day = date(2026, 3, 2)
    assert slots(Scope(anna, day, day)) == {(0, 4): 1}
    assert slots(Scope(anna, day, day, group=7)) == {}
    assert slots(Scope(anna, day, day, store="other")) == {}
