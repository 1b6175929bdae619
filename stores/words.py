"""A store's name as words, by which its category and similar stores are found. Nothing here knows the database."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ASCII_WORD = re.compile("[A-Z0-9]+")
# They join two halves of one word: a sweet's, D'SOUZA.
_APOSTROPHES = re.compile("['`\u2018\u2019\u02bc]")
# Accents of Latin, Greek and Cyrillic letters; the vowel signs of other scripts are part of the word.
_ACCENTS = re.compile("[\u0300-\u036f]")


def words_of(name: str) -> list[str]:
    """The words of `name` in their order, in upper case, without accents and punctuation; a repeated one stays.

    `Raj's Café & Co.` is `RAJS CAFE CO`, and `G.S. (new)` is `G S NEW`. Letters of all scripts and digits are words,
    joined by nothing but apostrophes.
    """
    if "'" in name or "`" in name or not name.isascii():
        name = _APOSTROPHES.sub("", name)
    if name.isascii():
        return _ASCII_WORD.findall(name.upper())
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", name.upper())))
    return "".join(map(_letter_or_blank, plain)).split()


def normalised(name: str) -> str:
    """The words of `name`, joined by blanks: equal for names that differ in case, accents and punctuation alone."""
    return " ".join(words_of(name))


@lru_cache(maxsize=4096)
def _letter_or_blank(character: str) -> str:
    return character if unicodedata.category(character)[0] in "LMN" else " "
