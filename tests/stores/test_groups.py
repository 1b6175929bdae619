"""Which stores are in a group, by its rule and by hand, and which names and rules are refused?"""

import pytest
from django.core.exceptions import ValidationError

from stores import groups
from stores.models import Category, Store, StoreGroup

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stores():
    bakery = Category.objects.create(name="Bakery")
    Store.objects.bulk_create(
        [
            Store(store_id="A1", name="Sun Bakery", area_code="A", category=bakery),
            Store(store_id="A2", name="Sun Tailor", area_code="A"),
            Store(store_id="B1", name="Moon bakery", area_code="B", category=bakery),
            Store(store_id="B2", name="100% Sun_day", area_code="B"),
        ]
    )


def group(name="Mine", **rule):
    made = StoreGroup(name=name, **rule)
    groups.save(made)
    return made


def ids(stores):
    return sorted(stores.values_list("store_id", flat=True))


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({}, []),
        ({"area": "A"}, ["A1", "A2"]),
        ({"name_part": "sun"}, ["A1", "A2", "B2"]),
        ({"area": "A", "name_part": "BAK"}, ["A1"]),
        ({"name_part": "%"}, ["B2"]),
        ({"name_part": "n_d"}, ["B2"]),
        ({"area": "nowhere"}, []),
    ],
)
def test_a_rule_finds_what_fits_all_of_it(rule, found):
    made = group(**rule)
    assert ids(made.stores()) == found == ids(made.matching())


def test_a_rule_by_category_finds_its_stores_until_the_category_is_deleted():
    made = group(category=Category.objects.get())
    assert ids(made.stores()) == ["A1", "B1"]
    Category.objects.get().delete()
    assert not StoreGroup.objects.exists()


def test_stores_by_hand_are_in_it_besides_those_of_the_rule_and_once():
    made = group(area="A")
    assert groups.put(made, ["B2", "A1", "X"]) == ["X"]
    assert groups.put(made, ["B2"]) == []
    assert ids(made.stores()) == ["A1", "A2", "B2"]
    assert ids(made.matching()) == ["A1", "A2"]
    groups.take(made, ["B2", "A2", "X"])
    assert ids(made.stores()) == ["A1", "A2"]


def test_a_deleted_store_is_in_no_group_and_a_deleted_group_has_no_stores():
    made = group()
    groups.put(made, ["A1", "B1"])
    Store.objects.get(store_id="A1").delete()
    assert ids(made.stores()) == ["B1"]
    number = made.pk
    made.delete()
    assert ids(Store.objects.in_group(number)) == []


def test_names_and_rules_are_trimmed():
    made = group("  North \n", area=" A ", name_part=" sun ")
    assert (made.name, made.area, made.name_part) == ("North", "A", "sun")
    assert ids(made.stores()) == ["A1", "A2"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\u200bb", "a\0b"])
def test_a_name_that_is_blank_too_long_or_invisible_is_refused(name):
    with pytest.raises(ValidationError) as refused:
        group(name)
    assert list(groups.sentences(refused.value)) == ["name"]


def test_a_name_of_exactly_64_characters_is_one_and_no_other_group_gets_it():
    made = group("x" * 64)
    with pytest.raises(ValidationError, match="Another group has this name"):
        group(f" {'x' * 64} ")
    # Its own name is not another's.
    groups.save(made)


def test_a_part_of_names_has_at_most_100_characters():
    group(name_part="x" * 100)
    with pytest.raises(ValidationError):
        group("Other", name_part="x" * 101)


def test_a_group_has_so_many_stores_by_hand_and_no_more(monkeypatch):
    monkeypatch.setattr(groups, "MOST_BY_HAND", 2)
    made = group()
    groups.put(made, ["A1", "A2"])
    with pytest.raises(groups.TooManyByHand):
        groups.put(made, ["B1"])
    assert ids(made.stores()) == ["A1", "A2"]


def test_stores_are_counted_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(groups, "MOST_COUNTED", 3)
    assert groups.counted(group(area="A").stores()) == 2
    assert groups.counted(group("All", name_part="n").stores()) == 3


def test_its_rule_is_said_in_words():
    bakery = Category.objects.get()
    assert group().rule_in_words == ""
    assert group("R", area="A", category=bakery, name_part="sun").rule_in_words == (
        "stores in area A and of category Bakery and named like \u201csun\u201d"
    )
