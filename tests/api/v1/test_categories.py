"""Categories and keywords over HTTP, and the category of a store."""

from urllib.parse import quote

import pytest
from django.contrib.auth.models import User

from access.models import Scope
from stores import categorising
from stores.importer import import_stores
from stores.models import Category, Keyword, Store
from tests.api.v1.conftest import assert_problem
from tests.factories import allow
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores():
    rows = ["A,ROY BAKERY,X1,1,2,UTC", "A,ROY KIOSK,X2,,,", "B,SEN KIOSK,a/b,,,", "B,OLD KIOSK,X4,,,"]
    import_stores(store_file(*rows, header="AreaCode,StoreName,StoreID,Latitude,Longitude,Timezone"))


@pytest.fixture
def editor(as_user):
    return as_user(allow(User.objects.create_user("editor"), "change_store"))


def store_ids(response):
    assert response.status_code == 200, response.content
    return [store["store_id"] for store in response.json()["results"]]


def test_a_store_says_its_category_and_why_and_where_it_is(v1, stores):
    row = v1.get("stores/X1").json()
    assert {name: row[name] for name in (
        "category", "category_why", "category_by_hand", "latitude", "longitude", "timezone",
    )} == {
        "category": "Bakery", "category_why": "by the word BAKERY", "category_by_hand": False,
        "latitude": 1, "longitude": 2, "timezone": "UTC",
    }  # fmt: skip
    row = v1.get("stores/X2").json()
    assert (row["category"], row["category_why"], row["latitude"], row["timezone"]) == (None, "", None, "")


def test_stores_are_filtered_by_category_and_uncategorised_ones_are_found(v1, stores):
    assert store_ids(v1.get("stores", {"category": "Bakery"})) == ["X1"]
    assert store_ids(v1.get("stores", {"category": "", "area": "B"})) == ["a/b", "X4"]
    assert store_ids(v1.get("stores", {"category": "no such"})) == []


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_of_stores_costs_one_query_whatever_their_categories(v1, stores, django_assert_num_queries, count):
    bakery = Category.objects.get(name="Bakery")
    Store.objects.bulk_create(
        Store(store_id=f"Y{number}", name="S", area_code="C", category=bakery) for number in range(count)
    )
    with django_assert_num_queries(1):
        assert len(store_ids(v1.get("stores", {"area": "C"}))) == count


def test_the_list_says_how_much_is_covered(v1, stores):
    found = v1.get("categories").json()
    assert (found["stores"], found["categorised"], found["uncategorised"], found["finished"]) == (4, 1, 3, True)
    assert {row["name"]: row["stores"] for row in found["results"]}["Bakery"] == 1


def test_a_kiosk_gets_its_category_by_one_keyword(v1, editor, stores):
    assert v1.get("keywords:suggestions").json() == {"results": [{"word": "KIOSK", "stores": 3}]}
    made = editor.post("categories", {"name": "Kiosk"})
    assert (made.status_code, made.json()["stores"]) == (201, 0)
    body = {"text": "kiosk", "kind": "strong", "category": "Kiosk"}
    preview = editor.post("keywords:preview", body).json()
    assert (preview["moved"], preview["of_all"]) == (3, True)
    assert preview["moves"] == [{"before": None, "after": "Kiosk", "stores": 3}]
    assert store_ids(v1.get("stores", {"category": "Kiosk"})) == []
    keyword = editor.post("keywords", body)
    assert (keyword.status_code, keyword.json()["text"]) == (201, "KIOSK")
    assert store_ids(v1.get("stores", {"category": "Kiosk"})) == ["X2", "a/b", "X4"]
    assert v1.get("keywords", {"category": "Kiosk"}).json()["results"] == [keyword.json()]
    assert editor.post(f"keywords/{keyword.json()['id']}", method="DELETE").status_code == 204
    assert store_ids(v1.get("stores", {"category": "Kiosk"})) == []


def test_keywords_are_listed_and_narrowed(v1, stores):
    assert v1.get("keywords", {"limit": 1}).json()["next_cursor"]
    venues = v1.get("keywords", {"kind": "venue", "category": ""}).json()["results"]
    assert {row["category"] for row in venues} == {None}
    assert "STORE" in [row["text"] for row in venues]
    assert_problem(v1.get("keywords", {"kind": "odd"}), 400, "invalid-request")


def test_a_category_is_renamed_and_deleted(v1, editor, stores):
    bakery = Category.objects.get(name="Bakery")
    assert editor.patch(f"categories/{bakery.pk}", {"name": "Bread"}).json() == {
        "id": bakery.pk, "name": "Bread", "stores": 1,
    }  # fmt: skip
    assert editor.post(f"categories/{bakery.pk}", method="DELETE").status_code == 204
    assert store_ids(v1.get("stores", {"category": "", "area": "A"})) == ["X1", "X2"]
    assert_problem(editor.post(f"categories/{bakery.pk}", method="DELETE"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": "BAKERY", "kind": "strong", "category": "Dairy"}, "#/text"),
        ({"text": "A", "kind": "strong", "category": "Dairy"}, "#/text"),
        ({"text": "KIOSK", "kind": "strong"}, "#/category"),
        ({"text": "KIOSK", "kind": "strong", "category": "no such"}, "#/category"),
        ({"text": "KIOSK", "kind": "strong", "category": "a\u200bb"}, "#/category"),
        ({"text": "KIOSK", "kind": "odd", "category": "Dairy"}, "#/kind"),
        ({"text": "KIOSK", "kind": ["odd"], "category": "Dairy"}, "#/kind"),
        ({"text": "x" * 65, "kind": "strong", "category": "Dairy"}, "#/text"),
        ({"text": "a\u200bb", "kind": "strong", "category": "Dairy"}, "#/text"),
        ({"kind": "venue"}, "#/text"),
        ({"text": "KIOSK", "kind": "venue", "more": 1}, "#/more"),
    ],
)
@pytest.mark.parametrize("path", ["keywords", "keywords:preview"])
def test_a_keyword_that_cannot_be_is_refused_with_its_place(editor, stores, path, body, pointer):
    problem = assert_problem(editor.post(path, body), 400, "invalid-submission")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "Bakery"}, {"name": 3}, {"name": "x" * 65}])
def test_a_name_that_cannot_be_is_refused(editor, stores, body):
    assert_problem(editor.post("categories", body), 400, "invalid-submission")


def test_a_category_of_too_many_stores_is_a_conflict(editor, stores, monkeypatch):
    monkeypatch.setattr("stores.rule_changes.MOST_FREED", 0)
    bakery = Category.objects.get(name="Bakery")
    problem = assert_problem(editor.post(f"categories/{bakery.pk}", method="DELETE"), 409, "conflict")
    assert "remove its keywords first" in problem["detail"]


def test_while_an_import_stores_a_change_of_the_rules_is_a_conflict(editor, stores, monkeypatch):
    def busy():
        raise categorising.RulesBusy

    monkeypatch.setattr(categorising, "_lock", busy)
    assert_problem(editor.post("categories", {"name": "Kiosk"}), 409, "conflict")


@pytest.mark.parametrize("store_id", ["X1", "a/b"])
def test_a_choice_by_hand_stays_until_it_is_taken_back(editor, stores, store_id):
    for path in (f"stores/{quote(store_id, safe='')}", f"stores?store_id={quote(store_id)}"):
        row = editor.patch(path, {"category": "Dairy"}).json()
        assert (row["category"], row["category_why"], row["category_by_hand"]) == ("Dairy", "chosen by editor", True)
        row = editor.patch(path, {"category": None}).json()
        assert (row["category"], row["category_by_hand"]) == (None, True)
        row = editor.patch(path, {"category_by_hand": False}).json()
        assert (row["category"], row["category_by_hand"]) == ("Bakery" if store_id == "X1" else None, False)


@pytest.mark.parametrize(
    "body",
    [{}, [], {"category": "no such"}, {"category": 3}, {"category": "a\0b"}, {"category_by_hand": True}, {"name": "X"},
     {"category": None, "category_by_hand": False}],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_refused(editor, stores, body):
    assert_problem(editor.patch("stores/X1", body), 400, "invalid-submission")
    assert Store.objects.filter(category_by_hand=True).count() == 0


def test_a_choice_needs_a_store(editor, stores):
    assert_problem(editor.patch("stores", {"category": None}), 400, "invalid-request")
    assert_problem(editor.patch("stores?store_id=none", {"category": None}), 404, "not-found")


def test_who_may_not_change_stores_changes_no_category(v1, as_user, person, stores):
    for client, status, slug in ((v1, 401, "not-signed-in"), (as_user(person), 403, "not-allowed")):
        for path, method, body in (
            ("categories", "POST", {"name": "Kiosk"}),
            (f"categories/{Category.objects.first().pk}", "DELETE", None),
            ("keywords", "POST", {"text": "KIOSK", "kind": "venue"}),
            ("keywords:preview", "POST", {"text": "KIOSK", "kind": "venue"}),
            (f"keywords/{Keyword.objects.first().pk}", "DELETE", None),
            ("stores/X1", "PATCH", {"category": None}),
            ("stores?store_id=X1", "PATCH", {"category": None}),
        ):
            assert_problem(client.post(path, body, method=method), status, slug)


def test_a_key_needs_the_scope_of_stores(with_key, stores):
    user = allow(User.objects.create_user("machine"), "change_store")
    body = {"category": "Dairy"}
    assert_problem(with_key(user, Scope.READ, Scope.MANAGE).patch("stores/X1", body), 403, "not-allowed")
    assert with_key(user, Scope.STORES).patch("stores/X1", body).status_code == 200
