"""Which words does a store's name have?"""

import pytest

from stores.words import normalised, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raj's Café & Co.", ["RAJS", "CAFE", "CO"]),
        ("D`SOUZA", ["DSOUZA"]),
        ("G.S. (new)", ["G", "S", "NEW"]),
        ("PAN-CORNER  24X7", ["PAN", "CORNER", "24X7"]),
        ("STORE STORE", ["STORE", "STORE"]),
        ("राज किराना स्टोर", ["राज", "किराना", "स्टोर"]),
        ("Straße", ["STRASSE"]),
        (" -- ", []),
        ("", []),
    ],
)
def test_words_are_in_upper_case_without_accents_and_punctuation_in_their_order(name, words):
    assert words_of(name) == words


def test_names_that_differ_in_case_accents_and_punctuation_alone_are_the_same():
    assert normalised("ROY'S  Café, No. 1") == normalised("roys cafe no 1") == "ROYS CAFE NO 1"
