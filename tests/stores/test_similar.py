"""Which stores have a similar name, by which words, and in which order?"""

import pytest
from django.db import connection

from stores import similar
from stores.models import Category, Keyword, Store
from stores.models.keyword import Kind
from stores.similar import similar_stores, similar_to_name
from stores.words import words_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def keywords():
    pan, bakery = Category.objects.create(name="Pan shop"), Category.objects.create(name="Bakery")
    Keyword.objects.all().delete()
    for text in ("CORNER", "STORE", "GHAR", "NEW", "THE", "STOP", "PARADISE", "POINT"):
        Keyword.objects.create(text=text, kind=Kind.VENUE)
    for text in ("PAN", "PAAN"):
        Keyword.objects.create(text=text, kind=Kind.STRONG, category=pan)
    Keyword.objects.create(text="CAKE", kind=Kind.WEAK, category=bakery)
    Keyword.objects.create(text="BAKERY", kind=Kind.STRONG, category=bakery)


def put(*names):
    pan = Category.objects.get(name="Pan shop")
    first = Store.objects.count()
    Store.objects.bulk_create(
        Store(
            store_id=f"S{first + at}", name=name, area_code="A", words=words_of(name),
            category=pan if "PAN" in words_of(name) else None,
        )
        for at, name in enumerate(names)
    )  # fmt: skip


def names(found):
    return [each.store.name for each in found]


def analyze():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE stores_store")


@pytest.mark.parametrize("has_statistics", [False, True])
def test_a_trade_with_other_words_for_a_place_comes_before_a_trade_with_somebodys_name(has_statistics):
    owners = [f"{first}{last}" for first in ("SA", "RA", "MO", "KA") for last in ("HA", "JU", "NA", "LI", "TI")]
    put(*(f"{owner} PAN GHAR" for owner in owners), *(f"{owner} CORNER" for owner in owners), "SOFTY CORNER")
    put("Pan Paradise", "The Pan Stop", "Pan Corner", "New Cake Corner", "PAAN GHAR")
    if has_statistics:
        analyze()
    asked = Store.objects.get(name="Pan Corner")
    assert names(similar_stores(asked))[:3] == ["Pan Paradise", "The Pan Stop", "PAAN GHAR"]
    assert names(similar_to_name("PAN CORNER"))[:3] == ["Pan Corner", "Pan Paradise", "The Pan Stop"]
    found = names(similar_stores(asked))
    assert found.index("SAHA PAN GHAR") < found.index("KATI PAN GHAR") or found.index("KATI PAN GHAR") > 2
    assert "SOFTY CORNER" not in found[:20]


def test_the_same_words_score_one_and_none_in_common_is_not_similar():
    put("Saha Pan Ghar", "SAHA PAN GHAR.", "Moon Cake")
    first = Store.objects.get(store_id="S0")
    (found,) = similar_stores(first)
    assert (found.store.store_id, found.score, found.shared, found.same_category) == (
        "S1", 1, ["SAHA", "PAN", "GHAR"], True,
    )  # fmt: skip


def test_a_rare_name_tells_more_than_a_frequent_one():
    put(*(f"Das {letter}{letter}" for letter in "ABCDEFGHIJ"), "Zorro Das", "Zorro Store", "Das Store")
    assert names(similar_to_name("Zorro Das"))[:2] == ["Zorro Das", "Zorro Store"]


def test_another_word_of_the_same_trade_counts_nearly_as_much_and_is_not_shared():
    put("Paan Point", "Pan Point", "Cake Point")
    found = similar_to_name("Pan Point")
    assert [(each.store.name, each.shared, each.same_category) for each in found] == [
        ("Pan Point", ["PAN", "POINT"], True),
        ("Paan Point", ["POINT"], False),
    ]
    assert 0.8 < found[1].score < found[0].score == 1


def test_names_of_nothing_but_places_are_compared_by_these():
    put("New Store", "Store", "Corner Point", "Das Store")
    assert names(similar_to_name("new store"))[:2] == ["New Store", "Store"]
    assert "Corner Point" not in names(similar_to_name("new store"))


def test_a_name_without_a_word_and_an_empty_store_master_are_like_nothing():
    assert similar_to_name("...") == similar_to_name("") == similar_to_name("Pan") == []
    put("...")
    assert similar_stores(Store.objects.get()) == []


def test_so_many_are_found_at_most():
    put(*(f"Pan {number}" for number in range(60)))
    assert len(similar_to_name("pan")) == similar.MOST
    assert len(similar_to_name("pan", 3)) == 3


def test_those_with_an_own_word_are_compared_first(monkeypatch):
    put(*(f"Pan {number}" for number in range(10)), "Das Pan")
    monkeypatch.setattr(similar, "MOST_SCORED", 3)
    assert names(similar_to_name("Das Pan"))[0] == "Das Pan"


def test_a_name_of_very_many_words_is_cut(django_assert_max_num_queries):
    put("A1 B2")
    with django_assert_max_num_queries(8):
        assert names(similar_to_name("A1 " + " ".join(f"W{number}" for number in range(200)))) == ["A1 B2"]


@pytest.mark.parametrize("word", ["it's {x}", "%s", '"', "{}", "\\"])
def test_no_name_breaks_the_statement(word):
    put(f"Pan {word}")
    assert len(similar_to_name(f"Pan {word}")) == 1
