"""`similar-stores` and `duplicate-stores`."""

import base64
import json

import pytest

from stores import duplicates, groups
from stores.models import Category, Keyword, Store, StoreGroup
from stores.models.keyword import Kind
from stores.words import words_of
from tests.api.v1.conftest import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stores():
    pan = Category.objects.create(name="Pan shop")
    Keyword.objects.create(text="PAN", kind=Kind.STRONG, category=pan)
    for text in ("CORNER", "PARADISE"):
        Keyword.objects.create(text=text, kind=Kind.VENUE)
    names = ["Pan Corner", "Pan Paradise", "Saha", "SAHA.", "Saha"]
    Store.objects.bulk_create(
        Store(
            store_id=f"S{number}", name=name, area_code=f"A{number // 4}", words=words_of(name),
            category=pan if "Pan" in name else None,
        )
        for number, name in enumerate(names)
    )  # fmt: skip


def test_stores_like_a_store_and_like_a_name(v1):
    (found,) = v1.get("similar-stores", {"store": "S0"}).json()["results"]
    assert (found["store"]["store_id"], found["shared"], found["same_category"]) == ("S1", ["PAN"], True)
    assert found["score"] == pytest.approx(2 / 2.2, abs=1e-6)
    named = v1.get("similar-stores", {"name": "pan corner", "limit": 1}).json()["results"]
    assert [(each["store"]["store_id"], each["score"]) for each in named] == [("S0", 1)]


@pytest.mark.parametrize(
    "query",
    [{}, {"store": "S0", "name": "Pan"}, {"name": ""}, {"name": "x" * 256}, {"store": "S0", "limit": "51"},
     {"store": "S0", "limit": "0"}, {"store": "S0", "area": "A0"}],
)  # fmt: skip
def test_what_is_not_understood_is_refused(v1, query):
    assert_problem(v1.get("similar-stores", query), 400, "invalid-request")


def test_a_store_that_there_is_not_is_like_none(v1):
    assert_problem(v1.get("similar-stores", {"store": "X"}), 404, "not-found")
    assert v1.get("similar-stores", {"name": "x" * 255}).json() == {"results": []}


def test_possible_duplicates_are_listed_by_area_and_words(v1):
    (found,) = v1.get("duplicate-stores").json()["results"]
    assert (found["area"], found["words"], found["stores_total"]) == ("A0", ["SAHA"], 2)
    assert [store["store_id"] for store in found["stores"]] == ["S2", "S3"]


def test_they_are_narrowed_to_an_area_and_a_group(v1):
    assert v1.get("duplicate-stores", {"area": "A1"}).json()["results"] == []
    group = StoreGroup.objects.create(name="Mine")
    groups.put(group, ["S2", "S4"])
    assert v1.get("duplicate-stores", {"group": group.pk}).json()["results"] == []
    groups.put(group, ["S3"])
    assert len(v1.get("duplicate-stores", {"group": group.pk}).json()["results"]) == 1
    assert v1.get("duplicate-stores", {"group": group.pk + 1}).json() == {"results": [], "next_cursor": None}


def test_they_come_in_pages_some_of_which_may_be_empty(v1, monkeypatch):
    monkeypatch.setattr(duplicates, "MOST_READ", 2)
    Store.objects.create(store_id="S5", name="Saha", area_code="A1", words=["SAHA"])
    found, query = [], {"limit": 1}
    for _ in range(20):
        page = v1.get("duplicate-stores", query).json()
        found += [each["area"] for each in page["results"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == ["A0", "A1"]


@pytest.mark.parametrize(
    "place", [[], ["A"], ["A", "B"], [1, ["B"]], ["A", [1]], ["A\0", ["B"]], ["A", ["\ud800"]], {}, None, "AB"]
)
def test_a_cursor_that_is_not_ours_is_refused(v1, place):
    cursor = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    assert_problem(v1.get("duplicate-stores", {"cursor": cursor}), 400, "invalid-request")
    assert_problem(v1.get("duplicate-stores", {"cursor": "no"}), 400, "invalid-request")
