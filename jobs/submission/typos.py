"""Keys of a submission that are ignored but look like misspelled keys of the API."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

from jobs.submission.payload import Path, place_of

BODY_KEYS = ("count", "visits", "on_error", "client_reference", "metadata")
VISIT_KEYS = ("store_id", "image_url", "visit_time", "visited_by", "client_reference", "metadata")
IMAGE_KEYS = ("url", "client_reference", "metadata")
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
    found = [Misspelling(key, meant, 1, (key,)) for key in islice(data, MAX_KEYS) if (meant := _meant(key, BODY_KEYS))]
    of_visits, of_images = _Unknown(VISIT_KEYS), _Unknown(IMAGE_KEYS)
    visits = data.get("visits")
    for number, visit in enumerate(visits if isinstance(visits, list) else ()):
        if not isinstance(visit, dict):
            continue
        of_visits.note(visit, ("visits", number))
        images = visit.get("image_url")
        for place, image in enumerate(images if isinstance(images, list) else ()):
            if isinstance(image, dict):
                of_images.note(image, ("visits", number, "image_url", place))
    return [*found, *of_visits.misspellings(), *of_images.misspellings()][:MAX_KEYS]


class _Unknown:
    """Counts the keys of objects that are not among those known: MAX_KEYS different ones, each with its first place."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self._keys = known
        self._known = frozenset(known)
        self._count: dict[str, int] = {}
        self._firsts: dict[str, Path] = {}

    def note(self, given: dict[str, Any], path: Path) -> None:
        if given.keys() <= self._known:
            return
        for key in given:
            if key in self._known:
                continue
            if key in self._count:
                self._count[key] += 1
            elif len(self._count) < MAX_KEYS:
                self._count[key] = 1
                self._firsts[key] = (*path, key)

    def misspellings(self) -> list[Misspelling]:
        return [
            Misspelling(key, meant, self._count[key], first)
            for key, first in self._firsts.items()
            if (meant := _meant(key, self._keys))
        ]


def _meant(key: str, keys: tuple[str, ...]) -> str | None:
    if key in keys or len(key) > MAX_LENGTH:
        return None
    plain = {_plain(each): each for each in keys}
    matches = get_close_matches(_plain(key), plain, n=1, cutoff=SIMILARITY)
    return plain[matches[0]] if matches else None


def _plain(key: str) -> str:
    return re.sub(r"[\s_-]", "", key).casefold()
