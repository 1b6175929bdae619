"""The editor of categories, and categories on the pages of stores."""

import pytest

from stores import categorising
from stores.importer import import_stores
from stores.models import Category, Keyword, Store
from tests.dashboard.conftest import HOSTILE
from tests.factories import allow, make_stores
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores():
    rows = ["A,ROY BAKERY,X1,1,2,Asia/Kolkata", "A,ROY KIOSK,X2,,,", "B,SEN KIOSK,X3,,,", "B,OLD KIOSK,X4,,,"]
    import_stores(store_file(*rows, header="AreaCode,StoreName,StoreID,Latitude,Longitude,Timezone"))


@pytest.fixture
def editor(page, anna):
    page.force_login(allow(anna, "change_store"))
    return page


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def listed(answer):
    return [store.store_id for store in answer.context["stores"]]


def change(editor, **fields):
    return editor.post("/stores/categories/change/", fields, follow=True)


def test_the_list_says_what_is_covered_and_never_hides_the_uncategorised(page, stores):
    answer = page.get("/stores/categories/")
    assert "1 of 4 stores (25 %) have a category" in answer.text
    assert 'aria-label="3 uncategorised stores"' in answer.text
    assert "KIOSK" in answer.text
    assert "New category" not in answer.text


@pytest.mark.parametrize("path", ["", "other-words/"])
def test_an_empty_store_master_has_a_page(page, path):
    assert page.get(f"/stores/categories/{path}").status_code == 200


def test_stores_of_an_older_release_are_said_to_be_looked_at(page):
    make_stores("X1")
    assert "The stores are being looked at" in page.get("/stores/categories/").text


def test_one_click_on_a_suggestion_mends_the_kiosks(editor, stores):
    assert "New category Kiosk" in editor.get("/stores/categories/").text
    fields = {"act": "add_keyword", "from": "list", "text": "KIOSK", "kind": "strong", "new": "yes"}
    answer = change(editor, **fields)
    assert said(answer) == ["KIOSK is a keyword now. 4 of 4 stores (100 %) have a category."]
    assert listed(editor.get("/stores/", {"category": "Kiosk"})) == ["X2", "X3", "X4"]
    assert "KIOSK" not in [word for word, _ in answer.context["suggestions"]]


@pytest.mark.parametrize("kind", ["name", "venue"])
def test_a_suggestion_can_be_dismissed(editor, stores, kind):
    answer = change(editor, act="add_keyword", **{"from": "list"}, text="KIOSK", kind=kind)
    assert said(answer)[0].startswith("KIOSK is a keyword now.")
    assert answer.context["suggestions"] == []
    assert "KIOSK" in editor.get("/stores/categories/other-words/").text


def test_a_keyword_is_previewed_before_it_is_added_and_before_it_is_removed(editor, stores):
    dairy = Category.objects.get(name="Dairy")
    asked = {"category": dairy.pk, "text": "kiosk", "kind": "strong"}
    answer = editor.get("/stores/categories/preview/", asked)
    assert "<strong>3 stores</strong> would get another category, of 4 that nobody chose one for" in answer.text
    assert Store.objects.filter(category=dairy).count() == 0
    change(editor, act="add_keyword", category=dairy.pk, text="KIOSK", kind="strong", of=dairy.pk)
    assert Store.objects.filter(category=dairy).count() == 3
    keyword = Keyword.objects.get(text="KIOSK")
    assert f"?remove={keyword.pk}" in editor.get(f"/stores/categories/{dairy.pk}/").text
    answer = editor.get("/stores/categories/preview/", {"remove": keyword.pk})
    assert "<strong>3 stores</strong>" in answer.text
    answer = change(editor, act="remove_keyword", category=dairy.pk, keyword=keyword.pk)
    assert said(answer) == ["KIOSK is no keyword any more. 1 of 4 stores (25 %) have a category."]
    assert answer.redirect_chain == [(f"/stores/categories/{dairy.pk}/", 302)]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"text": "BAKERY", "kind": "venue"}, "BAKERY is a keyword already, of Bakery: remove it there first."),
        ({"text": "", "kind": "venue", "category": "other"}, "This field cannot be blank."),
        ({"text": "", "kind": "venue"}, "This field cannot be blank."),
        ({"text": "KIOSK", "kind": "odd"}, "Value 'odd' is not a valid choice."),
        ({"text": "KIOSK", "kind": "strong", "category": "9" * 30}, "A keyword of this kind needs a category."),
        ({"remove": "no"}, "There is no such keyword any more."),
        ({"remove": "9" * 18}, "There is no such keyword any more."),
    ],
)
def test_what_cannot_be_previewed_says_why(editor, stores, asked, sentence):
    answer = editor.get("/stores/categories/preview/", asked, follow=True)
    assert said(answer) == [sentence]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"act": "add_category", "name": "Bakery"}, "Category with this Name already exists."),
        ({"act": "add_category", "name": "none"}, "none is what stores without a category are called."),
        ({"act": "rename", "category": "1" * 18, "name": "X"}, "There is no such category any more."),
        ({"act": "delete"}, "There is no such category any more."),
        ({"act": "remove_keyword", "keyword": "x"}, "There is no such keyword any more."),
        ({"act": "add_keyword", "text": "A", "kind": "strong", "new": "yes"},
         "A single letter is an initial in most names; only an ending may be one."),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_says_why(editor, stores, fields, sentence):
    before = Category.objects.count(), Keyword.objects.count()
    assert said(change(editor, **fields)) == [sentence]
    assert (Category.objects.count(), Keyword.objects.count()) == before


def test_a_category_is_added_renamed_and_deleted(editor, stores):
    assert said(change(editor, act="add_category", name=" Kiosk ")) == ["Kiosk was added; it needs keywords now."]
    kiosk = Category.objects.get(name="Kiosk")
    assert said(change(editor, act="rename", category=kiosk.pk, name="Stand")) == ["It is called Stand now."]
    bakery = Category.objects.get(name="Bakery")
    answer = change(editor, act="delete", category=bakery.pk)
    assert said(answer) == ["Bakery was deleted. 0 of 4 stores (0 %) have a category."]
    assert editor.get(f"/stores/categories/{bakery.pk}/").status_code == 404


def test_while_stores_are_looked_at_the_pages_say_how_far_it_is(page, stores):
    with categorising.changing_rules():
        pass
    for path in ("", f"{Category.objects.first().pk}/"):
        assert "The stores are being looked at" in page.get(f"/stores/categories/{path}").text
    categorising.go_on()
    assert "being looked at" not in page.get("/stores/categories/").text


def test_keywords_come_page_by_page(page, stores, monkeypatch):
    monkeypatch.setattr("dashboard.pages.categories.KEYWORDS", 60)
    first = page.get("/stores/categories/other-words/")
    rest = page.get("/stores/categories/other-words/", {"after": first.context["next"]})
    texts = [keyword.text for answer in (first, rest) for keyword, _ in answer.context["keywords"]]
    assert texts == list(Keyword.objects.filter(category=None).values_list("text", flat=True))


def test_a_stores_page_says_its_category_why_and_where_it_is(page, stores):
    text = page.get(f"/stores/{Store.objects.get(store_id='X1').pk}/").text
    assert "by the word BAKERY" in text
    assert "1, 2" in text
    assert "Asia/Kolkata" in text
    assert "Choose the category" not in text
    text = page.get(f"/stores/{Store.objects.get(store_id='X2').pk}/").text
    assert "Uncategorised</a>, no word of the name tells one" in text


def test_a_category_is_chosen_by_hand_and_left_to_the_rules_again(editor, stores):
    store = Store.objects.get(store_id="X1")
    path = f"/stores/{store.pk}/category/"
    answer = editor.post(path, {"category": Category.objects.get(name="Dairy").pk}, follow=True)
    assert said(answer) == ["Dairy was chosen, and no rule changes it."]
    assert "chosen by anna" in answer.text
    answer = editor.post(path, {"category": "none"}, follow=True)
    assert said(answer) == ["No category was chosen, and no rule changes it."]
    assert "as the rules say" in answer.text
    answer = editor.post(path, {"category": "rules"}, follow=True)
    assert "by the word BAKERY" in answer.text
    assert editor.post(path, {"category": "x"}).status_code == 404
    assert editor.post("/stores/0/category/", {"category": "none"}).status_code == 404


@pytest.mark.parametrize(
    ("category", "found"),
    [("Bakery", ["X1"]), ("none", ["X2", "X3", "X4"]), ("no such", []), ("", ["X1", "X2", "X3", "X4"])],
)
def test_the_list_is_filtered_by_category_and_shows_the_reason(page, stores, category, found):
    answer = page.get("/stores/", {"category": category})
    assert listed(answer) == found
    assert ("by the word BAKERY" in answer.text) == ("X1" in found)


def test_a_list_costs_as_many_queries_for_many_stores(page, stores, django_assert_max_num_queries):
    bakery = Category.objects.get(name="Bakery")
    Store.objects.bulk_create(Store(store_id=f"Y{n}", name="S", area_code="A", category=bakery) for n in range(40))
    with django_assert_max_num_queries(9):
        page.get("/stores/")


def test_who_may_not_change_stores_may_look_and_change_nothing(page, stores):
    store = Store.objects.first()
    assert page.get("/stores/categories/preview/", {"text": "KIOSK", "kind": "venue"}).status_code == 403
    assert page.post("/stores/categories/change/", {"act": "add_category", "name": "X"}).status_code == 403
    assert page.post(f"/stores/{store.pk}/category/", {"category": "none"}).status_code == 403
    assert page.get(f"/stores/categories/{Category.objects.first().pk}/").status_code == 200


def test_what_a_category_and_a_name_say_is_text(editor):
    import_stores(store_file(*[f"A,{HOSTILE},X{number}" for number in range(3)]))
    change(editor, act="add_category", name=HOSTILE)
    category = Category.objects.get(name=HOSTILE)
    categorising.choose(Store.objects.first(), category, HOSTILE)
    asked = {"text": "SCRIPT", "kind": "strong", "category": category.pk}
    for path in ("categories/", f"categories/{category.pk}/", "", f"{Store.objects.first().pk}/"):
        assert HOSTILE not in editor.get(f"/stores/{path}").text
    assert HOSTILE not in editor.get("/stores/categories/preview/", asked).text


def test_the_admin_chooses_by_hand_and_judges_a_new_name(admin_client, stores):
    store = Store.objects.get(store_id="X1")
    page = f"/admin/stores/store/{store.pk}/change/"
    fields = {"name": "ROY BAKERY", "area_code": "A", "latitude": "", "longitude": "", "timezone": ""}
    admin_client.post(page, {**fields, "name": "OLD TEA STALL", "category": store.category_id})
    store.refresh_from_db()
    assert (store.category.name, store.words) == ("Tea and coffee", ["OLD", "TEA", "STALL"])
    dairy = Category.objects.get(name="Dairy")
    admin_client.post(page, {**fields, "category": dairy.pk})
    store.refresh_from_db()
    assert (store.category, store.category_by_hand, store.category_why) == (dairy, True, "chosen by admin")
    admin_client.post(page, {**fields, "category": dairy.pk})
    store.refresh_from_db()
    assert (store.category.name, store.category_by_hand) == ("Bakery", False)


@pytest.mark.parametrize("model", ["category", "keyword"])
def test_the_admin_lists_the_rules(admin_client, stores, model):
    assert admin_client.get(f"/admin/stores/{model}/").status_code == 200
