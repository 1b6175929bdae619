"""What would happen if this were submitted: every error at once, and what is worth a look before it is sent.

Nothing is stored, and nobody is asked but the database: no name is resolved, no URL fetched.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.contrib.auth.models import User

from jobs.errors import Blocked, FetchError
from jobs.imaging.guard import Guard
from jobs.reporting.throughput import seconds_for
from jobs.submission.payload import InvalidPayload, Path, Problem, parse_submission, place_of
from jobs.submission.submit import VisitPayload, too_many_pending
from jobs.submission.typos import Misspelling, find_misspellings
from stores.models import Store

# As many as anybody reads of one kind; beyond, they are counted.
MAX_LISTED = 20
# Where one of them stands: the first places are enough to find it by.
MAX_PLACES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a look. `path` leads to the place in the body, from the outside in; it is
    empty where the whole body is meant. `code` is stable."""

    code: str
    message: str
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Of the sound visits. `hosts` are those of URLs that will be fetched."""

    visits: int
    images: int
    stores: int
    hosts: int


@dataclass(frozen=True, slots=True)
class Group:
    """Things alike: how many there are in the body, and the first MAX_PLACES places of them.

    `subject` is what they share: a store's id, a URL, a sentence of the guard, a text.
    """

    subject: str
    count: int
    places: list[str]


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest MAX_LISTED of `total` groups, in `listed`. `count`: of all groups together."""

    total: int
    count: int
    listed: list[Group]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a submission would come to: refused where there are `errors`; else accepted, and `warnings` say what of it
    will not go as somebody may have thought. JSON by `dataclasses.asdict`.

    All but `errors` speaks of the sound visits alone. Counted are images, but visits in `repeated_visits` and
    `undated_visits`. `seconds`: how long it may take with all seats to itself; None where no worker is alive.
    """

    errors: list[Finding]
    warnings: list[Finding]
    numbers: Numbers
    unknown_stores: Groups
    repeated_urls: Groups
    repeated_visits: Groups
    refused_urls: Groups
    undated_visits: Groups
    misspellings: list[Misspelling]
    seconds: float | None

    @property
    def accepted(self) -> bool:
        return not self.errors


def dry_run(data: Any, owner: User | None) -> DryRun:
    """Of a decoded body that this user would submit. Four queries at most, whatever its size; 100,000 images take
    a second."""
    try:
        visits: Mapping[int, VisitPayload] = dict(enumerate(parse_submission(data).visits))
        errors: list[Finding] = []
    except InvalidPayload as invalid:
        visits = invalid.sound
        errors = [_error(problem) for problem in invalid.problems]
    unknown = _unknown_stores(visits)
    refused, hosts = _refused_urls(visits)
    images = sum(len(visit.image_urls) for visit in visits.values())
    if too_many := too_many_pending(owner, images - unknown.count):
        errors.append(Finding("too_many_pending", str(too_many)))
    repeated_urls = _repeated_urls(visits)
    repeated_visits = _repeated_visits(visits)
    undated = _undated_visits(visits)
    misspellings = find_misspellings(data)
    # An image of an unknown store with a URL that is refused counts twice; nobody will miss its fraction of a second.
    seconds = seconds_for(max(0, images - unknown.count - refused.count))
    return DryRun(
        errors=errors,
        warnings=[
            *_warn("unknown_stores", unknown, "image(s) of {total} store(s) not in the store master will fail"),
            *_warn("refused_urls", refused, "image(s) will fail without a fetch, by their URL alone"),
            *_warn("repeated_urls", repeated_urls, "image(s) have one of {total} URL(s) that stand more than once"),
            *_warn("repeated_visits", repeated_visits, "visit(s) share their store and time with another one"),
            *_warn("undated_visits", undated, "visit(s) have a time that is no date; no filter by date will find them"),
            *(Finding("misspelled_key", str(spelling), spelling.path) for spelling in misspellings),
            *([] if seconds is not None else [_NO_WORKER]),
        ],
        numbers=Numbers(len(visits), images, len({visit.store_id for visit in visits.values()}), hosts),
        unknown_stores=unknown,
        repeated_urls=repeated_urls,
        repeated_visits=repeated_visits,
        refused_urls=refused,
        undated_visits=undated,
        misspellings=misspellings,
        seconds=seconds,
    )


_NO_WORKER = Finding("no_worker", "No worker is alive; the job will wait until one is, so nobody knows how long.")


def _error(problem: Problem) -> Finding:
    return Finding("invalid", f"{problem.sentence}.", problem.path)


def _warn(code: str, groups: Groups, sentence: str) -> Iterator[Finding]:
    if groups.count:
        yield Finding(code, f"{groups.count:,} {sentence.format(total=f'{groups.total:,}')}.")


def _unknown_stores(visits: Mapping[int, VisitPayload]) -> Groups:
    store_ids = {visit.store_id for visit in visits.values()}
    unknown = store_ids.difference(Store.objects.known(store_ids).values_list("store_id", flat=True))
    images: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    for number, visit in visits.items():
        if visit.store_id in unknown:
            images[visit.store_id] += len(visit.image_urls)
            _note(places, visit.store_id, ("visits", number))
    return _groups(images, places)


def _refused_urls(visits: Mapping[int, VisitPayload]) -> tuple[Groups, int]:
    """The URLs that the guard refuses, by what it says, and how many hosts the others have.

    Names are judged when they are resolved, which is not now.
    """
    guard = Guard.from_settings()
    verdicts: dict[str, str] = {}
    images: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    hosts = set()
    for path, url in _images(visits):
        try:
            host = guard.admit(url).host
        except FetchError as error:
            verdict = str(error)
        else:
            if host not in verdicts:
                verdicts[host] = _verdict(guard, host)
            verdict = verdicts[host]
            if not verdict:
                hosts.add(host)
                continue
        images[verdict] += 1
        _note(places, verdict, path)
    return _groups(images, places), len(hosts)


def _verdict(guard: Guard, host: str) -> str:
    """Why nothing is fetched from this address; empty for a name, or where it may be connected to."""
    try:
        ip_address(host)
    except ValueError:
        return ""
    try:
        guard.check(host, host)
    except Blocked as error:
        return str(error)
    return ""


def _repeated_urls(visits: Mapping[int, VisitPayload]) -> Groups:
    # Places are looked for afterwards: lists of them for every URL would take more memory than the URLs.
    times = Counter(url for visit in visits.values() for url in visit.image_urls)
    repeated = Counter({url: count for url, count in times.items() if count > 1})
    listed = dict(_largest(repeated))
    places: dict[str, list[Path]] = {}
    for path, url in _images(visits) if listed else ():
        if url in listed:
            _note(places, url, path)
    return _groups(repeated, places)


def _repeated_visits(visits: Mapping[int, VisitPayload]) -> Groups:
    times = Counter(map(_store_and_time, visits.values()))
    repeated = {key for key, count in times.items() if count > 1}
    count: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    names: dict[Any, str] = {}
    for number, visit in visits.items() if repeated else ():
        key = _store_and_time(visit)
        if key in repeated:
            name = names.setdefault(key, f"{visit.store_id} at {visit.visit_time}")
            count[name] += 1
            _note(places, name, ("visits", number))
    return _groups(count, places)


def _store_and_time(visit: VisitPayload) -> tuple[str, Any]:
    # One instant has many spellings.
    return visit.store_id, visit.visited_at or visit.visit_time


def _undated_visits(visits: Mapping[int, VisitPayload]) -> Groups:
    count: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    for number, visit in visits.items():
        if visit.visited_at is None:
            count[visit.visit_time] += 1
            _note(places, visit.visit_time, ("visits", number, "visit_time"))
    return _groups(count, places)


def _images(visits: Mapping[int, VisitPayload]) -> Iterator[tuple[Path, str]]:
    for number, visit in visits.items():
        for position, url in enumerate(visit.image_urls):
            yield ("visits", number, "image_url", position), url


def _note(places: dict[str, list[Path]], subject: str, path: Path) -> None:
    noted = places.setdefault(subject, [])
    if len(noted) < MAX_PLACES:
        noted.append(path)


def _groups(count: Counter[str], places: Mapping[str, list[Path]]) -> Groups:
    listed = [
        Group(subject, number, [place_of(path) for path in places[subject]]) for subject, number in _largest(count)
    ]
    return Groups(len(count), count.total(), listed)


def _largest(count: Counter[str]) -> Iterable[tuple[str, int]]:
    """Of equal ones those that came first."""
    return heapq.nlargest(MAX_LISTED, count.items(), key=lambda each: each[1])
