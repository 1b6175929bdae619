"""A store's category by the words of its name. Pure rules; the keywords come from the database.

The last telling word wins, because the trade stands last: NICE COOL PROV. STORE sells provisions. In this order:

1. an ending: the last words of the name, numbers left out, such as `P S` in KHAN P.S. 2;
2. from the last word to the first, a phrase that ends there, the longest first, or a strong keyword;
3. from the last word to the first, a weak keyword.

A word that no keyword is may be a misspelling of a strong or weak one of LONG_ENOUGH letters or more, with the same
first letter, at edit distance 1, or 2 from VERY_LONG letters on; shorter ones would take surnames for sweet shops. Two
neighbouring letters that changed places count as one edit. Where keywords of two categories are equally near, the word
tells nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stores.models.keyword import Kind

LONG_ENOUGH = 7
VERY_LONG = 9
# Words whose answer is remembered: the same few thousand make up most names.
MOST_REMEMBERED = 50_000
_DIGITS = "0123456789"


class Verdict(NamedTuple):
    """The key of the category and by what, in words; None and an empty text where no word tells one."""

    category_id: int | None
    why: str


NONE = Verdict(None, "")


class _Telling(NamedTuple):
    is_strong: bool
    verdict: Verdict


class Rules:
    """The keywords, made ready to judge many names."""

    def __init__(self, keywords: Iterable[tuple[str, str, int | None]]) -> None:
        """`keywords` are text, kind and category of each `Keyword`."""
        self._words: dict[str, _Telling | None] = {}
        self._endings: dict[tuple[str, ...], Verdict] = {}
        # By their last word.
        self._phrases: defaultdict[str, list[tuple[tuple[str, ...], Verdict]]] = defaultdict(list)
        # By their first letter, each with all of its letters.
        self._long: defaultdict[str, list[tuple[str, frozenset[str], _Telling]]] = defaultdict(list)
        for text, kind, category in keywords:
            words = tuple(text.split())
            match kind:
                case Kind.ENDING:
                    self._endings[words] = Verdict(category, f"by its ending {text}")
                case Kind.PHRASE:
                    self._phrases[words[-1]].append((words, Verdict(category, f"by the phrase {text}")))
                case Kind.STRONG | Kind.WEAK:
                    telling = _Telling(kind == Kind.STRONG, Verdict(category, f"by the word {text}"))
                    self._words[text] = telling
                    if len(text) >= LONG_ENOUGH:
                        self._long[text[0]].append((text, frozenset(text), telling))
                case _:
                    self._words[text] = None
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: len(phrase[0]), reverse=True)
        self._ending_lengths = sorted({len(words) for words in self._endings}, reverse=True)
        self._seen: dict[str, _Telling | None] = dict(self._words)

    def judge(self, words: Sequence[str]) -> Verdict:
        """The category of a name with these words, see `words_of`."""
        # STORE2 is the second STORE.
        plain = [word.rstrip(_DIGITS) or word if word[-1] in _DIGITS else word for word in words]
        end = len(plain)
        while end and plain[end - 1].isdigit():
            end -= 1
        for length in self._ending_lengths:
            # Alone they are anybody's initials.
            if length < end and (found := self._endings.get(tuple(plain[end - length : end]))):
                return found
        weak = NONE
        seen, phrases = self._seen, self._phrases
        for at in range(end, 0, -1):
            word = plain[at - 1]
            if word in phrases:
                for phrase, verdict in phrases[word]:
                    if tuple(plain[max(0, at - len(phrase)) : at]) == phrase:
                        return verdict
            telling = seen[word] if word in seen else self._tell(word)
            if telling is not None:
                if telling.is_strong:
                    return telling.verdict
                if weak is NONE:
                    weak = telling.verdict
        return weak

    def _tell(self, word: str) -> _Telling | None:
        """What a word tells that no keyword is."""
        if len(self._seen) >= len(self._words) + MOST_REMEMBERED:
            self._seen = dict(self._words)
        self._seen[word] = telling = self._misspelt(word)
        return telling

    def _misspelt(self, word: str) -> _Telling | None:
        if len(word) < LONG_ENOUGH - 1:
            return None
        best = VERY_LONG
        nearest: list[tuple[str, _Telling]] = []
        for keyword, letters, telling in self._long.get(word[0], ()):
            most = 2 if len(keyword) >= VERY_LONG else 1
            # No edit takes away, or brings, more than two letters: most words are told apart by that alone.
            if abs(len(keyword) - len(word)) > most or len(letters.symmetric_difference(word)) > 2 * most:
                continue
            if (edits := edit_distance(keyword, word)) <= min(most, best):
                nearest = [*nearest, (keyword, telling)] if edits == best else [(keyword, telling)]
                best = edits
        if len({telling.verdict.category_id for _, telling in nearest}) != 1:
            return None
        keyword, telling = nearest[0]
        why = f"by {word}, taken for {keyword}"
        return _Telling(telling.is_strong, Verdict(telling.verdict.category_id, why))


def edit_distance(one: str, other: str) -> int:
    """Letters to insert, delete, replace, or to swap with the next, each once (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, its in enumerate(other, 1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (letter != its))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == its:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, above = above, current
    return above[-1]
