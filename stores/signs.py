"""Whether text that was read in a photo shows a store's name. Nothing here knows the database.

A sign shows a name where the words of the name that are found in the text, weighted by how rare they are in the store
master, make up LEAST_SHARE of all, or where the whole name is in it without its blanks. Of a name that many stores
share, nothing is said, nor of one in another script than Latin, which the model does not read well enough.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import log

from stores.words import words_of

LEAST_SHARE = 0.7
TOO_COMMON = 5
"""From so many stores on, itself included, whose names have all its words, a name tells none of them."""
# Of a name without its blanks, which would else be found within other words.
_LEAST_TOGETHER = 5
# Of a word, in which one letter may have been read wrongly, or whose neighbours may have been read as one with it.
_LEAST_LENIENT = 5
MOST_WORDS = 40
MOST_TEXT = 10_000


class Shown(StrEnum):
    """Whether a photo shows the store's name."""

    YES = "yes"
    NOT_SEEN = "not seen"
    TOO_COMMON = "too common to tell"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Reading:
    shown: Shown
    share: float | None
    """From 0 to 1, how much of the name was found; None where nothing is said of it."""
    found: Sequence[str] = ()
    """The words of the name that were found, in its order."""
    sharing: int = 1
    """How many stores' names have all the words of this one, itself included."""


def read(name: str, lines: Iterable[str], *, stores: int, having: Mapping[str, int], sharing: int) -> Reading:
    """What the `lines` of text in a photo say of the store that is called `name`.

    Of the store master: `stores` is how many there are, `having` in how many names each word of this name is, and
    `sharing` how many names have all of its words.
    """
    words = list(dict.fromkeys(words_of(name)))[:MOST_WORDS]
    if not words or not all(map(_is_latin, words)):
        return Reading(Shown.CANNOT_TELL, None, sharing=sharing)
    if sharing >= TOO_COMMON:
        return Reading(Shown.TOO_COMMON, None, sharing=sharing)
    text = _Text(lines)
    found = [word for word in words if text.has(word)]
    weights = {word: weight(stores, having.get(word, 1)) for word in words}
    share = round(sum(weights[word] for word in found) / sum(weights.values()), 6)
    if text.has_together("".join(words_of(name))):
        share, found = 1.0, words
    shown = Shown.YES if share >= LEAST_SHARE else Shown.NOT_SEEN
    return Reading(shown, share, found, sharing)


def weight(stores: int, having: int) -> float:
    """What a word tells that so many of the stores have in their names: ln(N / n), and hardly anything if all do."""
    return max(log(max(stores, 2) / max(having, 1)), 0.01)


class _Text:
    """What was read, word by word and without blanks."""

    def __init__(self, lines: Iterable[str]) -> None:
        by_line = [words_of(line) for line in _bounded(lines)]
        self._words = {word for words in by_line for word in words}
        self._long = {word for word in self._words if len(word) >= _LEAST_LENIENT - 1}
        # A sign of several lines may hold a name of several words.
        self._together = "".join(word for words in by_line for word in words)
        self._lines = ["".join(words) for words in by_line]

    def has(self, word: str) -> bool:
        if word in self._words:
            return True
        if len(word) < _LEAST_LENIENT:
            return False
        return any(word in line for line in self._lines) or any(_is_nearly(word, other) for other in self._long)

    def has_together(self, name: str) -> bool:
        return len(name) >= _LEAST_TOGETHER and name in self._together


def _bounded(lines: Iterable[str]) -> Iterable[str]:
    left = MOST_TEXT
    for line in lines:
        if left <= 0:
            return
        yield line[:left]
        left -= len(line)


def _is_nearly(word: str, other: str) -> bool:
    """Whether one letter more, less or another makes the two the same."""
    if abs(len(word) - len(other)) > 1:
        return False
    short, long = sorted((word, other), key=len)
    at = next((place for place, (one, two) in enumerate(zip(short, long, strict=False)) if one != two), len(short))
    rest = short[at + 1 :] if len(short) == len(long) else short[at:]
    return rest == long[at + 1 :]


@lru_cache(maxsize=4096)
def _is_latin(word: str) -> bool:
    """Digits belong to every script."""
    return all(character.isdecimal() or unicodedata.name(character, "").startswith("LATIN") for character in word)
