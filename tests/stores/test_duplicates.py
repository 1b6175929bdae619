"""Which stores may be one, and does every page of them end?"""

import random

import pytest

from stores import duplicates
from stores.duplicates import DuplicateKey, duplicates_of, find_duplicates
from stores.models import Store
from stores.words import words_of

pytestmark = pytest.mark.django_db


def put(*rows):
    """Stores by area and name; their ids are their numbers."""
    first = Store.objects.count()
    Store.objects.bulk_create(
        Store(store_id=f"S{first + at}", name=name, area_code=area, words=words_of(name))
        for at, (area, name) in enumerate(rows)
    )


def shown(sets):
    return [(each.area, each.number, [store.store_id for store in each.stores]) for each in sets]


def test_names_of_the_same_words_in_one_area_are_duplicates_and_no_others():
    put(("A", "Raj's Caf\u00e9"), ("A", "RAJS CAFE."), ("B", "rajs cafe"), ("A", "Cafe Rajs"), ("A", "Rajs Cafe 2"))
    assert shown(find_duplicates().sets) == [("A", 2, ["S0", "S1"])]
    first = Store.objects.get(store_id="S0")
    assert [store.store_id for store in duplicates_of(first)] == ["S1"]
    assert not duplicates_of(Store.objects.get(store_id="S3"))


def test_names_without_a_word_are_no_duplicates():
    put(("A", "..."), ("A", "-"))
    assert find_duplicates().sets == []
    assert not duplicates_of(Store.objects.first())


def test_of_a_large_set_the_first_are_named_and_all_are_counted():
    put(*[("A", "Same")] * 12)
    ((area, number, named),) = shown(find_duplicates().sets)
    assert (area, number, len(named)) == ("A", 12, 10)


def all_pages(limit, stores=None):
    after, found, pages = None, [], 0
    while True:
        page = find_duplicates(stores, after, limit)
        assert len(page.sets) <= limit
        found += page.sets
        pages += 1
        assert pages < 200
        if page.following is None:
            return shown(found), pages
        assert after is None or (page.following.area, page.following.words) > (after.area, after.words)
        after = page.following


@pytest.mark.parametrize("most", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_every_set_is_on_one_page_however_far_a_page_reads(monkeypatch, most, limit):
    chance = random.Random(5)
    put(*((chance.choice("AB"), f"Name {chance.randint(1, 12)}") for _ in range(30)))
    expected, _ = all_pages(50)
    assert len(expected) > 5
    monkeypatch.setattr(duplicates, "MOST_READ", most)
    found, _ = all_pages(limit)
    if most >= 7:
        assert found == expected
    else:
        # A set that is larger than a stretch is counted as far as that.
        sizes = {tuple(ids[:1]): number for _, number, ids in expected}
        for _, number, ids in found:
            assert number == min(sizes[tuple(ids[:1])], most)


def test_they_can_be_those_of_an_area():
    put(("A", "One"), ("A", "One"), ("B", "One"), ("B", "One"))
    assert [area for area, *_ in shown(find_duplicates(Store.objects.in_area("B")).sets)] == ["B"]
    assert find_duplicates(after=DuplicateKey("B", ["ONE"])).sets == []


def test_the_longest_and_oddest_names_fit_into_the_index():
    chance = random.Random(3)
    for characters in (
        "\ufdfa\ufdfb",
        "".join(map(chr, range(0x3300, 0x3358))),
        "".join(map(chr, range(0x4E00, 0x9FA5))),
    ):
        name = "".join(chance.choice(characters) for _ in range(255))
        put(("\u4e00" * 64, name), ("\u4e00" * 64, " ".join(name[:128])))
    assert Store.objects.count() == 6
