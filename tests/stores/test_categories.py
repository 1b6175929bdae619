"""Which category does a name tell, and by what?"""

from random import Random

import pytest

from stores.categories import LONG_ENOUGH, NONE, Rules, Verdict, edit_distance
from stores.default_keywords import default_keywords
from stores.models import Kind
from stores.models.keyword import TELLING
from stores.words import words_of

GROCERY, DRINKS, CLOTHES, PHARMACY = range(1, 5)
KEYWORDS = [
    ("PROVISION", Kind.STRONG, GROCERY),
    ("PROV", Kind.STRONG, GROCERY),
    ("P S", Kind.ENDING, GROCERY),
    ("PS", Kind.ENDING, GROCERY),
    ("JUICE", Kind.STRONG, DRINKS),
    ("ICE CREAM", Kind.PHRASE, DRINKS),
    ("COOL", Kind.WEAK, DRINKS),
    ("PERFUMERY", Kind.STRONG, CLOTHES),
    ("GARMENT", Kind.STRONG, CLOTHES),
    ("CHEMIST", Kind.STRONG, PHARMACY),
    ("CHEMISE", Kind.STRONG, CLOTHES),
    ("STORE", Kind.VENUE, None),
    ("GARMEND", Kind.NAME, None),
    ("HARDWARE", Kind.STRONG, CLOTHES),
]


def judge(name, keywords=KEYWORDS):
    return Rules(keywords).judge(words_of(name))


@pytest.mark.parametrize(
    ("name", "category", "why"),
    [
        ("NICE COOL PROV. STORE", GROCERY, "by the word PROV"),
        ("PROVISION AND JUICE", DRINKS, "by the word JUICE"),
        ("JUICE AND PROVISION", GROCERY, "by the word PROVISION"),
        ("COOL CORNER", DRINKS, "by the word COOL"),
        ("PROVISION COOL", GROCERY, "by the word PROVISION"),
        ("KHAN P.S.", GROCERY, "by its ending P S"),
        ("KHAN PS-2", GROCERY, "by its ending PS"),
        ("JUICE P S 2", GROCERY, "by its ending P S"),
        ("SNOW ICE CREAM PARLOUR", DRINKS, "by the phrase ICE CREAM"),
        ("PROVISION2", GROCERY, "by the word PROVISION"),
        ("KHAN PROVISON STORE", GROCERY, "by PROVISON, taken for PROVISION"),
    ],
)
def test_the_last_telling_word_wins(name, category, why):
    assert judge(name) == Verdict(category, why)


@pytest.mark.parametrize(
    "name",
    [
        "", "7 11", "ROY STORE", "P S", "PS", "PS KHAN", "CREAM ICE", "ICE", "ICE FRESH CREAM",
        # A short keyword has no misspellings, and a word that is a name of its own is none.
        "JUCE", "COOLS", "GARMEND",
    ],
)  # fmt: skip
def test_where_nothing_tells_a_category_there_is_none(name):
    assert judge(name) == NONE


@pytest.mark.parametrize(
    ("word", "is_taken"),
    [
        # Of seven and eight letters, one edit.
        ("GARMENT", True), ("GARMENTS", True), ("GARMNT", True), ("GARMETN", True), ("GARNENTS", False),
        ("HARDWERE", True), ("HARTWERE", False),
        # From nine letters on two.
        ("PERFUMERIE", True), ("PERFUMARIE", False), ("PRFUMRY", True),
        # The first letter must be right.
        ("CARMENT", False), ("BERFUMERY", False),
    ],
)  # fmt: skip
def test_a_misspelling_is_near_a_long_keyword_and_begins_like_it(word, is_taken):
    assert (judge(f"ROY {word}").category_id == CLOTHES) == is_taken


def test_a_word_as_near_to_keywords_of_two_categories_tells_nothing():
    assert judge("CHEMISS") == NONE
    assert judge("CHEMIST").category_id == PHARMACY


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("", "AB", 2), ("STORE", "STORE", 0), ("STORE", "STROE", 1), ("STORE", "STORES", 1),
     ("VARIETIES", "VAREITIES", 1), ("KITTEN", "SITTING", 3)],
)  # fmt: skip
def test_edits_are_letters_put_in_left_out_replaced_or_swapped(one, other, edits):
    assert edit_distance(one, other) == edit_distance(other, one) == edits


def test_words_that_differ_in_many_letters_are_many_edits_apart():
    random = Random(6)
    for _ in range(2_000):
        one, other = ("".join(random.choices("ABCDE", k=random.randint(1, 9))) for _ in range(2))
        assert len(set(one) ^ set(other)) <= 2 * edit_distance(one, other)


def test_the_first_keywords_are_each_of_one_category_and_as_names_have_them():
    texts = [text for text, _, _ in default_keywords()]
    assert len(texts) == len(set(texts))
    for text, kind, category in default_keywords():
        assert " ".join(words_of(text)) == text
        assert (kind in TELLING) == (category is not None)
        assert (len(text.split()) > 1) == (kind == Kind.PHRASE) or kind == Kind.ENDING


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("LONE PROVISIONAL STORE", "Grocery"), ("WANI G.S.", "General store"), ("PEARL VARAITIES", "General store"),
        ("CINDER PAN GHAR", "Pan shop"), ("NEW SWEET HOME", "Sweets"), ("OTTER TELICOM", "Mobile and telecom"),
        ("GORSE MEDICAL HALL", "Pharmacy"), ("ASH TEA STALL", "Tea and coffee"), ("NETTLE KIOSK", None),
        ("HAZEL BROTHERS", None), ("NETTLE CORNER SHOP, STATION ROAD", None),
        ("OTTER GROCERY, STATION ROAD", "Grocery"),
    ],
)  # fmt: skip
def test_general_trade_words_are_known_from_the_start(name, category):
    assert judge(name, default_keywords()).category_id == category


def test_what_was_seen_is_forgotten_before_it_fills_the_memory(monkeypatch):
    monkeypatch.setattr("stores.categories.MOST_REMEMBERED", 3)
    rules = Rules(KEYWORDS)
    for number in range(20):
        rules.judge([f"WORD{number}X"])
        assert rules.judge(["PROVISON"]).category_id == GROCERY
    assert len(rules._seen) <= len(rules._words) + 3


def test_no_keyword_shorter_than_seven_letters_is_looked_for_in_others():
    assert LONG_ENOUGH == 7
    assert judge("JUICES") == NONE
