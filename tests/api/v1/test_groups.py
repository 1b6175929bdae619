"""`/api/v1/groups`, and what `?group=` narrows."""

import pytest
from django.contrib.auth.models import User

from access.models import Scope
from stores import groups
from stores.models import Category, Store, StoreGroup
from tests.api.v1.conftest import assert_problem
from tests.factories import allow, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(as_user):
    return as_user(allow(User.objects.create_user("editor"), "change_store"))


@pytest.fixture(autouse=True)
def stores():
    bakery = Category.objects.create(name="Bakery")
    Store.objects.bulk_create(
        Store(store_id=f"S{number}", name=f"Shop {number}", area_code=f"A{number % 2}", category=bakery)
        for number in range(4)
    )


def ids(answer):
    return [row["store_id"] for row in answer.json()["results"]]


def test_a_group_is_made_read_changed_and_deleted(editor):
    made = editor.post("groups", {"name": " Odd ", "area": "A1", "category": "Bakery"})
    assert made.status_code == 201
    group = made.json()
    assert made["Location"] == f"/api/v1/groups/{group['id']}"
    assert group | {"id": 0, "links": 0} == {
        "id": 0, "name": "Odd", "area": "A1", "category": "Bakery", "name_part": "", "links": 0, "stores": 2,
        "matching": 2, "by_hand": 0,
    }  # fmt: skip
    path = f"groups/{group['id']}"
    assert editor.get(path).json() == group
    assert ids(editor.client.get(group["links"]["stores"])) == ["S1", "S3"]
    changed = editor.patch(path, {"area": "", "name_part": "3", "category": ""}).json()
    assert (changed["area"], changed["category"], changed["name_part"], changed["stores"]) == ("", "", "3", 1)
    assert editor.post(path, method="DELETE").status_code == 204
    assert_problem(editor.get(path), 404, "not-found")
    assert ids(editor.client.get(group["links"]["stores"])) == []


def test_groups_are_listed_page_by_page(editor, v1):
    for name in ("C", "A", "B"):
        editor.post("groups", {"name": name})
    first = v1.get("groups", {"limit": 2}).json()
    rest = v1.get("groups", {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [row["name"] for row in first["results"] + rest["results"]] == ["C", "A", "B"]
    assert rest["next_cursor"] is None


def test_stores_are_put_in_and_taken_out_by_hand(editor):
    path = f"groups/{editor.post('groups', {'name': 'Mine'}).json()['id']}/members"
    assert editor.post(path, {"add": ["S2", "S0"]}).json()["by_hand"] == 2
    assert ids(editor.get(path)) == ["S0", "S2"]
    assert editor.post(path, {"add": ["S1"], "remove": ["S0", "unknown"]}).json()["stores"] == 2
    assert ids(editor.get(path, {"limit": 1})) == ["S1"]


def test_of_unknown_stores_none_is_put_in_and_all_are_named(editor):
    path = f"groups/{editor.post('groups', {'name': 'Mine'}).json()['id']}/members"
    editor.post(path, {"add": ["S3"]})
    problem = assert_problem(editor.post(path, {"add": ["S0", "X"], "remove": ["S3"]}), 422, "unknown-stores")
    assert [(error["pointer"], error["store_id"]) for error in problem["errors"]] == [("#/add/1", "X")]
    assert ids(editor.get(path)) == ["S3"]


def test_too_many_by_hand_are_a_conflict(editor, monkeypatch):
    monkeypatch.setattr(groups, "MOST_BY_HAND", 1)
    path = f"groups/{editor.post('groups', {'name': 'Mine'}).json()['id']}/members"
    assert editor.post(path, {"add": ["S0"]}).status_code == 200
    assert_problem(editor.post(path, {"add": ["S1"]}), 409, "conflict")
    assert ids(editor.get(path)) == ["S0"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "#/name"),
        ({"name": " "}, "#/name"),
        ({"name": "x" * 65}, "#/name"),
        ({"name": "Taken"}, "#/name"),
        ({"name": "New", "category": "Nothing"}, "#/category"),
        ({"name": "New", "area": 7}, "#/area"),
        ({"name": "New", "name_part": "x" * 101}, "#/name_part"),
        ({"name": "New", "rule": {}}, "#/rule"),
    ],
)
def test_a_group_that_breaks_the_rules_is_refused_with_its_place(editor, body, place):
    editor.post("groups", {"name": "Taken"})
    problem = assert_problem(editor.post("groups", body), 400, "invalid-submission")
    assert problem["errors"][0]["pointer"] == place
    assert StoreGroup.objects.count() == 1


def test_who_may_not_change_stores_reads_groups_and_changes_none(editor, as_user, v1, with_key):
    group = editor.post("groups", {"name": "Mine"}).json()["id"]
    other = User.objects.create_user("other")
    key = with_key(allow(other, "change_store"), Scope.READ)
    for person in (as_user(User.objects.create_user("third")), v1, key):
        assert person.get(f"groups/{group}").json()["name"] == "Mine"
        assert_problem(person.post("groups", {"name": "Other"}), 403, "not-allowed")
        assert_problem(person.patch(f"groups/{group}", {"name": "Other"}), 403, "not-allowed")
        assert_problem(person.post(f"groups/{group}/members", {"add": ["S1"]}), 403, "not-allowed")
        assert_problem(person.post(f"groups/{group}", method="DELETE"), 403, "not-allowed")
    assert list(StoreGroup.objects.values_list("name", flat=True)) == ["Mine"]


@pytest.fixture
def narrowed():
    """A group of S1 by its rule and S2 by hand."""
    group = StoreGroup.objects.create(name="Two", area="A1", name_part="1")
    groups.put(group, ["S2"])
    return group.pk


def test_lists_of_stores_are_narrowed_to_a_group(v1, narrowed):
    assert ids(v1.get("stores", {"group": narrowed})) == ["S1", "S2"]
    assert ids(v1.get("stores", {"group": narrowed, "area": "A0"})) == ["S2"]
    assert ids(v1.get("stores", {"group": narrowed + 1})) == []
    assert_problem(v1.get("stores", {"group": "Two"}), 400, "invalid-request")
    assert_problem(v1.get("stores", {"group": "0"}), 400, "invalid-request")


def test_lists_of_visits_and_images_are_narrowed_to_a_group_of_ones_own(v1, narrowed, as_user):
    theirs = User.objects.create_user("theirs")
    job = submit_visits(
        *((f"S{number}", [f"http://a.test/{number}"]) for number in range(3)), ("X", ["http://a.test/x"])
    )
    submit_visits(("S1", ["http://b.test/1"]), owner=theirs)
    assert ids(v1.get("visits", {"group": narrowed})) == ["S1", "S2"]
    assert ids(v1.get(f"jobs/{job.pk}/images", {"group": narrowed})) == ["S1", "S2"]
    assert ids(v1.get("visits", {"group": narrowed + 1})) == []
    assert ids(as_user(theirs).get("visits", {"group": narrowed})) == ["S1"]
    export = v1.client.get(f"/api/v1/jobs/{job.pk}/export", {"format": "csv", "group": narrowed})
    assert export.getvalue().decode().count("http://a.test/") == 2


def test_a_retry_can_be_of_a_group(v1, narrowed):
    job = submit_visits(*((f"S{number}", [f"http://a.test/{number}"]) for number in range(3)))
    v1.post(f"jobs/{job.pk}/cancel")
    assert v1.get(f"jobs/{job.pk}/retry", {"group": narrowed}).json()["matching"] == 2
    assert v1.post(f"jobs/{job.pk}/retry", {"group": narrowed}).json()["reopened"] == 2
    assert v1.get(f"jobs/{job.pk}/actions").json()["results"][-1]["parameters"] == {"group": str(narrowed)}
