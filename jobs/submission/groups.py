"""Items of a submission's body that share something, counted and named by their places."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.submission.payload import Path, place_of

# How many groups of one kind are listed; further ones are only counted.
MAX_LISTED = 20
# How many places are named for each group, enough to find it.
MAX_PLACES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Items of the body that share something: how many there are, and their first MAX_PLACES places.

    `subject` is what they share: a store's id, a URL, the guard's or a rule's reason, a visit or a time.
    """

    subject: str
    count: int
    places: list[str]


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest MAX_LISTED of `total` groups, in `listed`. `count` is the number of items in all groups together."""

    total: int
    count: int
    listed: list[Group]


def note(places: dict[str, list[Path]], subject: str, path: Path) -> None:
    """Note one of the first MAX_PLACES places of the subject."""
    noted = places.setdefault(subject, [])
    if len(noted) < MAX_PLACES:
        noted.append(path)


def grouped(found: Iterable[tuple[str, Path]]) -> Groups:
    """Of (subject, place) of each item."""
    count: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    for subject, path in found:
        count[subject] += 1
        note(places, subject, path)
    return groups_of(count, places)


def groups_of(count: Counter[str], places: Mapping[str, list[Path]]) -> Groups:
    """Of how often each subject was found, and the places of at least the largest MAX_LISTED."""
    listed = [
        Group(subject, number, [place_of(path) for path in places[subject]]) for subject, number in largest(count)
    ]
    return Groups(len(count), count.total(), listed)


def largest(count: Counter[str]) -> Iterable[tuple[str, int]]:
    """The largest counts; of equal ones, those that came first."""
    return heapq.nlargest(MAX_LISTED, count.items(), key=lambda each: each[1])
