"""Keys of a submission that are ignored but look like misspelled keys of the API."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

from jobs.submission.payload import Path, place_of

BODY_KEYS = ("count", "visits", "on_error")
VISIT_KEYS = ("store_id", "image_url", "visit_time", "visited_by", "metadata")
# How many different unknown keys are looked at: a body with many more of them is not a matter of typos.
MAX_KEYS = 100
MAX_LENGTH = 64
# The ratio of `difflib`, up to 1: `imageurls` to `imageurl` is 0.94, `note` to `count` 0.44.
SIMILARITY = 0.75


@dataclass(frozen=True, slots=True)
class Misspelling:
    """`key` is ignored and is probably meant as `meant`; it occurs in `count` places, the first of which is `path`."""

    key: str
    meant: str
    count: int
    path: Path

    def __str__(self) -> str:
        times = f" (in {self.count:,} places)" if self.count > 1 else ""
        return f"{place_of(self.path)}{times} is ignored; did you mean {self.meant}?"


def find_misspellings(data: Any) -> list[Misspelling]:
    """The misspelled keys of a decoded body, which may be any JSON value."""
    if not isinstance(data, dict):
        return []
    found: list[tuple[str, str, int, Path]] = []
    found += [(key, meant, 1, (key,)) for key in islice(data, MAX_KEYS) if (meant := _meant(key, BODY_KEYS))]
    firsts: dict[str, Path] = {}
    count: dict[str, int] = {}
    visits = data.get("visits")
    for number, visit in enumerate(visits if isinstance(visits, list) else ()):
        if not isinstance(visit, dict) or visit.keys() <= _VISIT_KEYS:
            continue
        for key in visit:
            if key in _VISIT_KEYS:
                continue
            if key in count:
                count[key] += 1
            elif len(count) < MAX_KEYS:
                count[key] = 1
                firsts[key] = ("visits", number, key)
    found += [(key, meant, count[key], firsts[key]) for key in firsts if (meant := _meant(key, VISIT_KEYS))]
    return [Misspelling(*each) for each in found[:MAX_KEYS]]


_VISIT_KEYS = frozenset(VISIT_KEYS)


def _meant(key: str, keys: tuple[str, ...]) -> str | None:
    if key in keys or len(key) > MAX_LENGTH:
        return None
    plain = {_plain(each): each for each in keys}
    matches = get_close_matches(_plain(key), plain, n=1, cutoff=SIMILARITY)
    return plain[matches[0]] if matches else None


def _plain(key: str) -> str:
    return re.sub(r"[\s_-]", "", key).casefold()
