"""What may be changed of categories and keywords, what would it move, and how much is too much?"""

import pytest

from stores import rule_changes
from stores.importer import import_stores
from stores.models import Category, Keyword, Kind, Store, StoreGroup
from stores.rule_changes import (
    RuleRefused,
    add_category,
    add_keyword,
    delete_category,
    made_keyword,
    preview_adding,
    preview_removing,
    remove_keyword,
    rename_category,
)
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def kiosks():
    names = ["ROY KIOSK", "ROY KIOSK AND BAKERY", "ROY KIOSKS", "BAKERY KIOSK", "ROY STORE"]
    import_stores(store_file(*[f"A,{name},X{number}" for number, name in enumerate(names)]))
    return add_category("Kiosk")


def of(name):
    return list(Store.objects.filter(category__name=name).order_by("store_id").values_list("name", flat=True))


def test_a_keyword_moves_what_its_preview_said(kiosks):
    found = preview_adding(made_keyword("kiosk", Kind.STRONG, kiosks))
    assert found.is_of_all
    assert found.looked_at == 5
    assert sorted(found.moves, key=str) == [("Bakery", "Kiosk", 1), (None, "Kiosk", 1)]
    assert sorted(found.examples) == ["BAKERY KIOSK", "ROY KIOSK"]
    assert of("Kiosk") == []
    keyword = add_keyword("kiosk", Kind.STRONG, kiosks)
    assert of("Kiosk") == ["ROY KIOSK", "BAKERY KIOSK"]
    assert preview_removing(keyword).moved == 2
    remove_keyword(keyword)
    assert of("Kiosk") == []
    assert of("Bakery") == ["ROY KIOSK AND BAKERY", "BAKERY KIOSK"]


def test_a_preview_of_very_many_stores_looks_at_those_that_have_the_word(kiosks, monkeypatch):
    monkeypatch.setattr(rule_changes, "MOST_PREVIEWED", 4)
    found = preview_adding(made_keyword("KIOSK", Kind.STRONG, kiosks))
    assert (found.is_of_all, found.looked_at, found.moved) == (False, 3, 2)


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("", Kind.STRONG, "This field cannot be blank."),
        ("--", Kind.STRONG, "A keyword needs a letter or a digit."),
        ("A", Kind.STRONG, "A single letter is an initial in most names; only an ending may be one."),
        ("A", Kind.WEAK, "A single letter is an initial in most names; only an ending may be one."),
        ("ICE CREAM", Kind.STRONG, "This is several words: only a phrase or an ending may be."),
        ("ICE", Kind.PHRASE, "A phrase has two words or more; choose strong or weak for a single one."),
        ("X" * 65, Kind.STRONG, "Ensure this value has at most 64 characters (it has 65)."),
        ("ß" * 64, Kind.STRONG, "A keyword has at most 64 characters."),
        ("ICE", "odd", "Value 'odd' is not a valid choice."),
        ("ICE", Kind.VENUE, "A keyword of this kind has no category."),
    ],
)
def test_a_keyword_that_no_name_could_have_is_refused(kiosks, text, kind, sentence):
    with pytest.raises(RuleRefused) as refused:
        made_keyword(text, kind, kiosks)
    assert refused.value.sentence == sentence


def test_a_telling_keyword_needs_a_category():
    with pytest.raises(RuleRefused, match="needs a category"):
        made_keyword("ICE", Kind.STRONG, None)


@pytest.mark.parametrize(("text", "whose"), [("BAKERY", "of Bakery"), ("Stores!", "(venue)")])
def test_a_keyword_is_of_one_category_alone(kiosks, text, whose):
    with pytest.raises(RuleRefused) as refused:
        add_keyword(text, Kind.STRONG, kiosks)
    assert whose in refused.value.sentence
    assert "is a keyword already" in refused.value.sentence


def test_there_are_bounds_and_both_sides_of_them(kiosks, monkeypatch):
    monkeypatch.setattr(rule_changes, "MOST_KEYWORDS", Keyword.objects.count() + 1)
    monkeypatch.setattr(rule_changes, "MOST_CATEGORIES", Category.objects.count() + 1)
    add_keyword("KIOSK", Kind.STRONG, kiosks)
    add_category("One more")
    with pytest.raises(RuleRefused, match="the most there may be"):
        add_keyword("STALLS", Kind.STRONG, kiosks)
    with pytest.raises(RuleRefused, match="the most there may be"):
        add_category("Two more")


@pytest.mark.parametrize("name", ["", "  ", "Bakery", "None", "uncategorised", "x" * 65, "in\u200bvisible"])
def test_names_of_categories_are_short_and_once_and_visible(kiosks, name):
    with pytest.raises(RuleRefused):
        add_category(name)
    with pytest.raises(RuleRefused):
        rename_category(kiosks, name)


def test_a_renamed_category_keeps_its_stores(kiosks):
    rename_category(Category.objects.get(name="Bakery"), "Bread")
    assert of("Bread") == ["ROY KIOSK AND BAKERY", "BAKERY KIOSK"]


def test_a_deleted_category_frees_its_stores_those_chosen_by_hand_too(kiosks):
    Store.objects.filter(name="ROY STORE").update(category=kiosks, category_by_hand=True, category_why="chosen by a")
    Store.objects.filter(name="ROY KIOSK AND BAKERY").update(category=kiosks, category_by_hand=True)
    add_keyword("KIOSK", Kind.STRONG, kiosks)
    delete_category(kiosks)
    assert not Keyword.objects.filter(text="KIOSK").exists()
    assert of("Bakery") == ["ROY KIOSK AND BAKERY", "BAKERY KIOSK"]
    row = Store.objects.get(name="ROY STORE")
    assert (row.category, row.category_why, row.category_by_hand) == (None, "", False)


def test_a_category_of_very_many_stores_is_not_deleted_in_a_request(kiosks, monkeypatch):
    monkeypatch.setattr(rule_changes, "MOST_FREED", 1)
    bakery = Category.objects.get(name="Bakery")
    with pytest.raises(RuleRefused, match="more than 1 stores: remove its keywords first"):
        delete_category(bakery)
    monkeypatch.setattr(rule_changes, "MOST_FREED", 2)
    delete_category(bakery)


def test_a_category_that_makes_a_group_is_not_deleted(kiosks):
    StoreGroup.objects.create(name="all kiosks", category=kiosks)
    with pytest.raises(RuleRefused, match="change the group's rule first"):
        delete_category(kiosks)
