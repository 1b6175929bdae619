"""Does the text in a photo show a store's name?"""

import pytest

from stores.signs import LEAST_SHARE, TOO_COMMON, Shown, read, weight

STORES = 5000
HAVING = {"SHARMA": 40, "STORE": 1200, "KIRANA": 150, "ZENITH": 1, "NEW": 300, "MEDICAL": 100}


def shown(name, *lines, sharing=1, having=HAVING):
    return read(name, lines, stores=STORES, having=having, sharing=sharing)


def test_a_name_that_is_there_is_shown():
    reading = shown("SHARMA KIRANA", "Old Market", "Sharma Kirana", "Ph. 123")
    assert (reading.shown, reading.share, reading.found) == (Shown.YES, 1, ["SHARMA", "KIRANA"])


def test_case_accents_and_punctuation_do_not_matter_nor_does_the_order():
    assert shown("Café Zenith & Co.", "CO ZENITH", "cafe").shown == Shown.YES


def test_rare_words_count_for_more_than_frequent_ones():
    rare, frequent = shown("ZENITH STORE", "ZENITH"), shown("ZENITH STORE", "STORE")
    assert (rare.shown, rare.found) == (Shown.YES, ["ZENITH"])
    assert rare.share == pytest.approx(weight(STORES, 1) / (weight(STORES, 1) + weight(STORES, 1200)), abs=1e-5)
    assert (frequent.shown, frequent.found) == (Shown.NOT_SEEN, ["STORE"])


def test_the_least_share_is_enough():
    # Both words are in one store: seven of ten words are found, or six.
    words = [f"{letter * 4}" for letter in "ABCDEFGHIJ"]
    having = dict.fromkeys(words, 1)
    enough = shown(" ".join(words), *words[:7], having=having)
    assert enough.share == pytest.approx(LEAST_SHARE)
    assert enough.shown == Shown.YES
    assert shown(" ".join(words), *words[:6], having=having).shown == Shown.NOT_SEEN


def test_a_photo_without_text_does_not_show_it():
    assert shown("ZENITH STORE").shown == shown("ZENITH STORE", "", "...").shown == Shown.NOT_SEEN


@pytest.mark.parametrize("text", ["ZENITHSTORE", "Zenith-Store", "MYZENITHSTORE24"])
def test_the_whole_name_counts_also_without_its_blanks(text):
    assert (shown("ZENITH STORE", text).shown, shown("ZENITH STORE", text).share) == (Shown.YES, 1)


def test_a_short_name_is_not_looked_for_within_other_words():
    assert shown("RAM", "PANORAMA").shown == Shown.NOT_SEEN
    assert shown("RAM", "RAM").shown == Shown.YES
    # Four letters are too few, five are not.
    assert shown("AB CD", "XABCDX").shown == Shown.NOT_SEEN
    assert shown("AB CDE", "XABCDEX").shown == Shown.YES


@pytest.mark.parametrize("text", ["ZENlTH", "ZENIT", "ZENITHH", "XENITH", "ZNITH"])
def test_one_letter_of_a_long_word_may_be_read_wrongly(text):
    assert shown("ZENITH", text).shown == Shown.YES


@pytest.mark.parametrize(
    ("name", "text"), [("ZENITH", "ZENI"), ("ZENITH", "XENITT"), ("RAVI", "RAVE"), ("RAM", "RAMA")]
)
def test_two_letters_or_one_of_a_short_word_may_not(name, text):
    assert shown(name, text).shown == Shown.NOT_SEEN


def test_a_name_is_put_together_from_several_lines():
    assert shown("SHARMA MEDICAL STORE", "SHARMA", "MEDICAL", "STORE").share == 1


def test_of_a_name_that_many_stores_share_nothing_is_said():
    reading = shown("NEW STORE", "NEW STORE", sharing=TOO_COMMON)
    assert (reading.shown, reading.share, reading.sharing) == (Shown.TOO_COMMON, None, TOO_COMMON)
    assert shown("NEW STORE", "NEW STORE", sharing=TOO_COMMON - 1).shown == Shown.YES


@pytest.mark.parametrize("name", ["राज किराना स्टोर", "राज STORE", "МАГАЗИН", "丸亀", "", " -- "])
def test_of_another_script_than_latin_and_of_no_name_nothing_can_be_told(name):
    reading = shown(name, "STORE", name)
    assert (reading.shown, reading.share) == (Shown.CANNOT_TELL, None)


@pytest.mark.parametrize("name", ["Frühling", "Doña Tansy", "24X7", "D'SOUZA", "Øresund", "Straße 7"])
def test_latin_letters_with_accents_and_digits_can_be_told(name):
    assert shown(name, name).shown == Shown.YES


def test_a_word_that_all_stores_have_tells_hardly_anything_and_one_of_none_most():
    assert weight(100, 100) == weight(1, 1000) == 0.01
    assert weight(100, 0) == weight(100, 1)
    assert shown("STORE", "STORE", having={"STORE": STORES}).shown == Shown.YES


def test_text_and_names_of_any_length_are_bounded():
    assert shown("ZENITH", *["x" * 1000] * 20, "ZENITH").shown == Shown.NOT_SEEN
    assert shown("ZENITH", "ZENITH", *["x" * 1000] * 2000).shown == Shown.YES
    assert shown(" ".join(f"W{number}" for number in range(100_000)), "W1").shown == Shown.NOT_SEEN
