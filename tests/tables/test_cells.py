"""Characters that cannot be seen, and what a spreadsheet made of an id."""

import sys
import unicodedata

import pytest

from tables.cells import doubt_about_id, find_invisible, invisible_complaint, is_error_value, visible
from tables.doubts import CAUSES, MAX_LINES, Doubts


def test_every_character_without_a_glyph_is_found_and_none_that_can_be_seen():
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert find_invisible(character), hex(code)
        elif category in {"Lu", "Ll", "Lt", "Nd", "Nl", "No", "Pd", "Ps", "Pe", "Po", "Sm", "Sc", "Zs"}:
            assert not find_invisible(character), hex(code)


@pytest.mark.parametrize(
    "character", ["\u200b", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u200d", "\u2060", "\u180e", "\u3164", "\u034f",
                  "\ufe0f", "\u115f", "\u2800", "\U000e0041", "\U0001d173", "\u2028", "\x85", "\x7f", "\x1b"],
)  # fmt: skip
def test_an_invisible_character_is_named_with_its_position_and_shown(character):
    number = f"U+{ord(character):04X}"
    complaint = invisible_complaint(f"S1{character}2")
    assert complaint.endswith(f" character {number} at position 3: 'S1<{number}>2'")
    assert visible(f"S1{character}2") == f"S1<{number}>2"


def test_what_can_be_seen_stays_as_it_is():
    text = "CAFÉ দোকান 店 \u00a0 -_.é\u0301\tx\r\n"
    assert visible(text) == text
    assert invisible_complaint("CAFÉ 店") is None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("8.90123E+11", "shortened"), ("8,90123E+11", "shortened"), ("1E5", "shortened"), ("-1.2e-07", "shortened"),
        ('="000123"', "formula"), ("=A1", "formula"), ("=1+1", "formula"),
        ("#N/A", "error_value"), ("#REF!", "error_value"), ("#VALUE!", "error_value"), ("#NAME?", "error_value"),
        ("#DIV/0!", "error_value"), ("#NV", "error_value"), ("#SPILL!", "error_value"), ("########", "error_value"),
        ("#GETTING_DATA", "error_value"), ("#BEZUG!", "error_value"),
        ("'000123", "apostrophe"), ("\u2019000123", "apostrophe"),
        ("123.0", "decimal"), ("123,00", "decimal"),
        ("8901230000000000000", "digits"), ("1234567890123450", "digits"),
        ("nan", "missing"), ("NULL", "missing"), ("None", "missing"), ("N/A", "missing"), ("n/a", "missing"),
        ("1-Mar", "date"), ("Mar-01", "date"), ("01/02/2026", "date"), ("2026-03-01", "date"),
        ("2026-03-01 00:00:00", "date"), ("3-Mär-26", None), ("TRUE", "truth_value"), ('"000123"', "quoted"),
        ("S1\u00a02", "odd_space"), ("S1\u20032", "odd_space"),
        ("S00339218", None), ("RP00001", None), ("7100015", None), ("890123456789012", None),
        ("1234567890123456", None), ("E11", None), ("12E", None),
        ("A1E5", None), ("00123", None), ("A-1", None), ("1-2", None), ("#12", None),
        ("S 1", None), ("店1", None), ("Nancy", None), ("Mar", None), ("1.5", None), ("NA", "missing"),
    ],
)  # fmt: skip
def test_an_id_that_a_spreadsheet_has_made_something_else_of_is_told_by_its_cause(text, cause):
    assert doubt_about_id(text) == cause


def test_every_cause_has_its_words():
    from tables.cells import _DOUBTS

    assert {*_DOUBTS, "odd_space", "origin", "number"} == set(CAUSES)


def test_a_name_is_an_error_only_as_a_whole():
    assert is_error_value("#N/A")
    assert not is_error_value("#1 SHOP")
    assert not is_error_value("SHOP #N/A")


def test_doubts_are_counted_by_column_and_cause():
    doubts = Doubts()
    for line in range(2, 2_000):
        doubts.note("StoreID", "error_value", line, "#N/A")
    doubts.note("StoreID", "formula", 7, "=\u200b" * 99)
    many, one = doubts.listed()
    assert (many.count, many.lines) == (1_998, [2, 3, 4][:MAX_LINES])
    assert many.sentence == "'StoreID': 1,998 cells are a spreadsheet's error values (such as '#N/A' in line 2)"
    assert one.sentence.startswith("'StoreID': 1 cell holds a formula instead of a value ('=<U+200B>=")
    assert len(one.example) < 600
