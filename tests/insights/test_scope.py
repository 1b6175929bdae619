"""Whose visits, of which days and stores, is a figure about?"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from insights.area_sums import sums
from insights.failures import By, failures
from insights.models import VisitSummary
from insights.periods import blocks
from insights.scope import Scope, start_of, today
from stores.models import Category, Store, StoreGroup

pytestmark = pytest.mark.django_db


def summary(visit_id: int, **changed: object) -> VisitSummary:
    values: dict[str, object] = {
        "job_id": 1, "store_id": "S1", "visited_at": datetime(2026, 3, 2, 12, tzinfo=UTC), "images": 3, "completed": 2,
        "failed": 1, "unprocessed": 0, "fetched": 3, "fetch_ms": 30,
    }  # fmt: skip
    return VisitSummary.objects.create(visit_id=visit_id, **{**values, **changed})


def ids(scope: Scope) -> set[int]:
    return set(scope.visits().values_list("visit_id", flat=True))


def test_who_is_not_staff_sees_the_visits_of_their_own_jobs_alone():
    alice, boss = User.objects.create_user("alice"), User.objects.create_superuser("boss")
    summary(1, owner_id=alice.pk)
    summary(2, owner_id=boss.pk)
    summary(3, owner_id=None)
    day = date(2026, 3, 2)
    assert ids(Scope(alice, day, day)) == {1}
    assert ids(Scope(None, day, day)) == {3}
    assert ids(Scope(boss, day, day)) == {1, 2, 3}


@pytest.mark.parametrize(
    ("instant", "is_in"),
    [("2026-03-01T18:29:59+00:00", False), ("2026-03-01T18:30:00+00:00", True), ("2026-03-02T18:29:59+00:00", True),
     ("2026-03-02T18:30:00+00:00", False)],
)  # fmt: skip
def test_a_day_begins_and_ends_where_the_setting_says(settings, instant, is_in):
    settings.INSIGHTS_TIME_ZONE = "Asia/Kolkata"
    summary(1, visited_at=datetime.fromisoformat(instant))
    assert ids(Scope(None, date(2026, 3, 2), date(2026, 3, 2))) == ({1} if is_in else set())


@pytest.mark.parametrize(("days", "is_in"), [(0, True), (1, False), (400, False)])
def test_a_visit_of_tomorrow_has_not_been_made(days, is_in):
    summary(1, visited_at=start_of(today() + timedelta(days=days)))
    for since in (today() - timedelta(days=20), today() + timedelta(days=days)):
        assert Scope(None, since, today() + timedelta(days=300)).visits().exists() is is_in


def test_area_category_group_and_store_narrow_it():
    bakery = Category.objects.create(name="Bakery")
    first = Store.objects.create(store_id="S1", name="Sun Bakery", area_code="A", category=bakery)
    Store.objects.create(store_id="S2", name="Moon", area_code="B")
    by_rule = StoreGroup.objects.create(name="By rule", area="A", name_part="sun")
    by_hand = StoreGroup.objects.create(name="By hand")
    by_hand.by_hand.add(Store.objects.get(store_id="S2"))
    for visit_id, store_id in enumerate(("S1", "S2", "unknown"), start=1):
        summary(visit_id, store_id=store_id)
    day = date(2026, 3, 2)
    assert ids(Scope(None, day, day)) == {1, 2, 3}
    assert ids(Scope(None, day, day, area="A")) == {1}
    assert ids(Scope(None, day, day, category="Bakery")) == {1}
    assert ids(Scope(None, day, day, category="")) == {2}
    assert ids(Scope(None, day, day, group=by_rule.pk)) == {1}
    assert ids(Scope(None, day, day, group=by_hand.pk)) == {2}
    assert ids(Scope(None, day, day, group=by_hand.pk + 100)) == set()
    assert ids(Scope(None, day, day, store=first.store_id)) == {1}


@pytest.mark.parametrize("few", [0, 1, 2])
def test_visits_of_few_and_of_many_stores_are_the_same(monkeypatch, few, django_assert_num_queries):
    monkeypatch.setattr("insights.scope.FEW_STORES", few)
    for visit_id, store_id in enumerate(("S1", "S2", "S3", "S1", "unknown"), start=1):
        summary(visit_id, store_id=store_id)
    for store_id, area in (("S1", "A"), ("S2", "A"), ("S3", "B"), ("S4", "C")):
        Store.objects.create(store_id=store_id, name="x", area_code=area)
    day = date(2026, 3, 2)
    found = {}
    for area in ("A", "B", "C", "D"):
        scope = Scope(None, day, day, area=area)
        summed = sums(scope, blocks(scope, None))
        rows = failures(scope, By.AREA, 10)
        found[area] = (
            ids(scope),
            {label: each[0].visits for label, each in summed.items()},
            [row.images for row in rows],
        )
    assert found == {
        "A": ({1, 2, 4}, {"A": 3}, [9]),
        "B": ({3}, {"B": 1}, [3]),
        "C": (set(), {}, []),
        "D": (set(), {}, []),
    }
    # Which stores these are is asked once, for whichever days, and anew for others.
    with django_assert_num_queries(1):
        scope.visits(), replace(scope, since=date(2026, 1, 1)).visits(), replace(scope, area="A").visits()
