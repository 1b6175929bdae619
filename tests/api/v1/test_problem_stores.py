"""What does the API say of problem stores, failures by something, and risk?"""

import pytest
from django.contrib.auth.models import User

from insights.models import Refreshed
from proofs.figure_scenes.stores import draw
from stores.models import Category, Store, StoreGroup
from tests.api.v1.conftest import assert_problem
from tests.factories import make_staff
from tests.insights.drawn_visits import HOST, SIGNAL, others, regular, store_visits, whole_period

pytestmark = pytest.mark.django_db


def keys(response):
    assert response.status_code == 200, response.content
    return [row["key"] for row in response.json()["results"]]


def test_a_problem_store_is_listed_beside_its_host(v1):
    Store.objects.create(store_id="bad", name="Corner", area_code="A")
    store_visits([*others(), *regular("bad", HOST, 30)])
    answer = v1.get("problems", {"from": f"{whole_period().since}"}).json()
    assert set(answer) == {"as_of", "time_zone", "since", "until", "results", "next_cursor"}
    assert (answer["as_of"], answer["time_zone"], answer["next_cursor"]) == (None, "UTC", None)
    (row,) = answer["results"]
    assert (row["key"], row["name"], row["code"]) == ("bad", "Corner", "not_an_image")
    assert (row["rate"]["value"], row["rate"]["n"]) == (30 / 65, 65)
    beside = row["beside_host"]
    assert (beside["host"], beside["hosts"], beside["is_problem"]) == (HOST, 1, True)
    assert beside["posterior"] > 0.95
    assert beside["rate"]["low"] < beside["rate"]["value"] < beside["rate"]["high"] < row["rate"]["low"]
    assert 0 < beside["excess"]["low"] < beside["excess"]["value"] < 30


def test_a_store_by_its_id_is_shown_whatever_it_is(v1):
    store_visits([*others(), *regular("a/b", HOST, 1), *regular("alone", "own.example", 1)])
    assert keys(v1.get("problems")) == []
    (row,) = v1.get("problems", {"store": "a/b"}).json()["results"]
    assert (row["key"], row["beside_host"]["is_problem"]) == ("a/b", False)
    (row,) = v1.get("problems", {"store": "alone"}).json()["results"]
    assert row["beside_host"]["rate"] == {"value": None, "n": 0, "why": "no_others"}
    assert row["beside_host"]["posterior"] is None
    assert keys(v1.get("problems", {"store": "none"})) == []


def test_failures_are_listed_by_area_host_category_and_group(v1):
    bakery = Category.objects.create(name="Bakery")
    first = Store.objects.create(store_id="S1", name="Sun", area_code="A", category=bakery)
    Store.objects.create(store_id="S2", name="Moon", area_code="B")
    by_rule = StoreGroup.objects.create(name="All of A", area="A")
    by_hand = StoreGroup.objects.create(name="Both")
    by_hand.by_hand.set(Store.objects.all())
    store_visits([*regular("S1", HOST, 40), *regular("S2", HOST, 10), *regular("gone", "other.example", 5)])

    def listed(by, **narrowed):
        rows = v1.get("problems", {"by": by, "from": f"{whole_period().since}", **narrowed}).json()["results"]
        return [(row["key"], row["name"], round(row["rate"]["value"] * row["rate"]["n"])) for row in rows]

    assert listed("area") == [("A", "", 40), ("B", "", 10), ("", "", 5)]
    assert listed("host") == [(HOST, "", 50), ("other.example", "", 5)]
    assert listed("category") == [("Bakery", "", 40), ("", "", 15)]
    assert listed("group") == [(str(by_hand.pk), "Both", 50), (str(by_rule.pk), "All of A", 40)]
    assert listed("host", area="A") == [(HOST, "", 40)]
    assert listed("category", group=by_rule.pk) == [("Bakery", "", 40)]
    assert listed("group", area="B") == [(str(by_hand.pk), "Both", 10)]
    assert listed("area", store=first.store_id) == [("A", "", 40)]
    assert listed("area", group=12345) == []
    (row, *_) = v1.get("problems", {"by": "area"}).json()["results"]
    assert (row["beside_host"], row["code"]) == (None, "not_an_image")
    assert row["rate"]["low"] < row["rate"]["value"] < row["rate"]["high"]


def test_without_a_group_there_are_no_failures_by_group(v1):
    store_visits(regular("S1", HOST, 40))
    assert keys(v1.get("problems", {"by": "group"})) == []


@pytest.mark.parametrize("by", ["store", "host"])
def test_rankings_come_page_by_page(v1, by):
    bad = [visit for number in range(5) for visit in regular(f"bad{number}", HOST, 30 + number)]
    store_visits([*others(number=60), *bad, *(v for n in range(3) for v in regular(f"x{n}", f"h{n}.example", 9 - n))])
    whole = keys(v1.get("problems", {"by": by}))
    assert len(whole) >= 4
    found, query = [], {"by": by, "limit": 2}
    while True:
        answer = v1.get("problems", query).json()
        found += [row["key"] for row in answer["results"]]
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert found == whole


@pytest.mark.parametrize("path", ["problems", "problems?by=host", "problems?by=area", "problems?store=bad"])
def test_who_is_not_staff_is_shown_visits_of_their_own_jobs(as_user, person, path):
    other = User.objects.create_user("other")
    store_visits([*others(), *regular("bad", HOST, 30)], owner_id=other.pk)
    assert keys(as_user(person).get(path)) == []
    assert len(keys(as_user(other).get(path))) == 1
    assert len(keys(as_user(make_staff("view_job")).get(path))) == 1


def test_risks_are_those_of_ones_own_jobs_with_their_test(as_user, person):
    Refreshed.objects.create(pk=1, mark="2026-01-31T17:00:00Z")
    drawn = draw(SIGNAL, seed=1)
    store_visits(drawn.visits, owner_id=person.pk)
    answer = as_user(person).get("risk", {"limit": 3}).json()
    assert (answer["as_of"], answer["is_shown"]) == ("2026-01-31T17:00:00Z", True)
    assert answer["test"]["log_skill"]["low"] > 0
    assert {row["store_id"] for row in answer["results"]} <= drawn.bad
    following = as_user(person).get("risk", {"limit": 3, "cursor": answer["next_cursor"]}).json()
    assert following["results"][0]["risk"]["value"] <= answer["results"][-1]["risk"]["value"]
    answer = as_user(User.objects.create_user("other")).get("risk").json()
    assert (answer["is_shown"], answer["test"], answer["results"]) == (False, None, [])


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("problems", {"by": "code"}, "by"),
        ("problems", {"kind": "x"}, "kind"),
        ("problems", {"from": "2026-02-01", "to": "2026-01-31"}, "from"),
        ("problems", {"from": "2020-01-01", "to": "2026-01-31"}, "from"),
        ("problems", {"limit": "0"}, "limit"),
        ("risk", {"store": "x"}, "store"),
        ("risk", {"cursor": "x"}, "cursor"),
    ],
)
def test_what_cannot_be_read_is_refused(v1, path, query, name):
    problem = assert_problem(v1.get(path, query), 400, "invalid-request")
    assert [error["parameter"] for error in problem["errors"]] == [name]
