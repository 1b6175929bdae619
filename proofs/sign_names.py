"""An invented store master, with names of the kind that shops have: rare ones, and some that many share.

No name is that of a real store: the first words are put together of syllables, the others are general words of trade.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

from stores.words import words_of

_FIRST = ("BA", "CHA", "DE", "GO", "HA", "JE", "KA", "LO", "MA", "NI", "PRA", "RA", "SA", "SHI", "TA", "VE", "YO", "ZU")
_MIDDLE = ("BI", "DHA", "GU", "JI", "KE", "LA", "MO", "NA", "RI", "SU", "TI", "VA")
_LAST = ("DAS", "KAR", "LAL", "MAN", "NATH", "PUR", "RAJ", "SHA", "TARA", "VIR", "WAN", "YA")
_TRADES = (
    "STORE", "STORE", "STORE", "GENERAL STORE", "KIRANA", "BAKERY", "PAN CORNER", "SWEETS", "MEDICAL HALL", "TRADERS",
    "PROVISIONS", "DAIRY", "TEA STALL", "VARIETY", "MOBILE POINT", "ELECTRICALS", "STATIONERY", "HARDWARE", "SNACKS",
)  # fmt: skip
# Of one name in so many, the first word is one of a few.
_COMMON_EVERY = 12
_COMMON = ("NEW", "OM", "SHREE", "CITY")


def invented_names(number: int, seed: int) -> list[str]:
    """So many names, the same for the same seed."""
    random = Random(f"names {seed}")  # noqa: S311 - names to draw, nothing secret

    def own() -> str:
        parts = [random.choice(_FIRST), *random.choices(_MIDDLE, k=random.randrange(3)), random.choice(_LAST)]
        return "".join(parts)

    names = []
    for _ in range(number):
        if not random.randrange(_COMMON_EVERY):
            names.append(f"{random.choice(_COMMON)} {random.choice(_TRADES)}")
            continue
        owner = own() if random.random() < 0.8 else f"{own()} {own()}"
        names.append(owner if random.random() < 0.1 else f"{owner} {random.choice(_TRADES)}")
    return names


class Master:
    """What a store master says of its names, counted in memory; the service asks the database."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._words = [frozenset(words_of(name)) for name in names]
        self.having = Counter(word for words in self._words for word in words)
        self._with: dict[str, set[int]] = {}
        for place, words in enumerate(self._words):
            for word in words:
                self._with.setdefault(word, set()).add(place)

    def sharing(self, name: str) -> int:
        """How many names have all the words of this one."""
        return len(set.intersection(*(self._with.get(word, set()) for word in words_of(name))))
