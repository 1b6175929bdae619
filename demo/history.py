"""Thirteen weeks of visits to the stores of `fixtures/stores.csv`, invented, with a few stories in them.

Pure and repeatable: the same stores, last day and seed give the same visits. `demo/load_history.py` stores them as jobs
that have ended. Each story is one that the insights should find, and nothing else should stand out:

- OUTAGE_HOST fails for nine days; the area whose photos are there looks bad, and the host explains it.
- The visits to QUIET_AREA are more than halved in the last two full weeks.
- SIGN_IN_STORE's phone uploads the page of a sign-in instead of photos, to a host that is healthy.
- OVERDUE_STORE, which was visited twice a week, has not been visited for five weeks.
- HASTY_REP was at two stores sixty kilometres apart within six minutes.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

WEEKS = 13
DAYS = 7 * WEEKS
SEED = 7

OUTAGE_AREA, OUTAGE_HOST = "4200110", "photos-c.example"
OUTAGE_DAYS = range(1, 10)  # before the last day
QUIET_AREA = "HILL-03"
SIGN_IN_STORE, SIGN_IN_DAYS = "DEMO0002", 70
OVERDUE_STORE, OVERDUE_DAYS = "DEMO0013", 35
HASTY_REP, HASTY_STORES, HASTY_DAYS = "rep-99", ("DEMO0083", "DEMO0045"), 3
HOSTS = {"4100021": "photos-a.example", "4100022": "photos-a.example", OUTAGE_AREA: OUTAGE_HOST}
OTHER_HOST = "photos-b.example"

# Days between two visits of a store, and by how much each is early or late.
USUAL_DAYS, OFTEN_DAYS, JITTER_DAYS = 5.8, 3.5, 0.8
REPS_PER_AREA = 4
SUNDAY = 6
# Of images: failed by a photo that is not there, on any host at any time.
USUAL_FAILURES = 0.02
OUTAGE_FAILURES, SIGN_IN_FAILURES = 0.85, 0.7

# The alert that each story raises, by its rule and subject; the last one is of the store master itself.
STORIES = Counter(
    {
        ("host_failures", OUTAGE_HOST): 1,
        ("area_visits", QUIET_AREA): 1,
        ("problem_store", SIGN_IN_STORE): 1,
        ("overdue_store", OVERDUE_STORE): 1,
        ("impossible_visits", HASTY_REP): 1,
        ("duplicate_stores", "DEMO0003"): 1,
    }
)


class StoreInfo(NamedTuple):
    store_id: str
    area: str


@dataclass(frozen=True, slots=True)
class Photo:
    """`code` is the error's, empty where the image was completed; durations in ms."""

    url: str
    code: str
    fetch_ms: int


@dataclass(frozen=True, slots=True)
class PastVisit:
    store_id: str
    at: datetime
    visited_by: str
    photos: tuple[Photo, ...]


def history(stores: Sequence[StoreInfo], last: date, seed: int = SEED) -> Iterator[tuple[date, list[PastVisit]]]:
    """The visits of each of the DAYS days up to `last`, in UTC; the days in their order, none of them empty."""
    chance = random.Random(seed)  # noqa: S311 - invents visits, guards nothing
    planned: dict[date, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for store in stores:
        for day in _days_of(store, last, chance):
            planned[day][store.area].append(store.store_id)
    areas = {store.store_id: store.area for store in stores}
    first_rep = {area: 1 + 10 * number for number, area in enumerate(sorted(set(areas.values())), start=1)}
    for day in sorted(planned):
        visits = [
            visit
            for area in sorted(planned[day])
            for visit in _visits_of_day(day, area, first_rep[area], sorted(planned[day][area]), last, chance)
        ]
        if day == _hasty_day(last):
            visits += _hasty(day, areas, last, chance)
        yield day, sorted(visits, key=lambda visit: visit.at)


def _days_of(store: StoreInfo, last: date, chance: random.Random) -> Iterator[date]:
    """The days on which a store is visited: nearly regular, and never on a Sunday."""
    often = store.area == QUIET_AREA or store.store_id == OVERDUE_STORE
    period = OFTEN_DAYS if often else USUAL_DAYS
    place = chance.random() * period
    begin, end = _last_full_weeks(last)
    left_out = chance.randrange(3)
    while True:
        day = last - timedelta(days=DAYS - 1) + timedelta(days=place + JITTER_DAYS * (2 * chance.random() - 1))
        place += period
        if day.weekday() == SUNDAY:
            day += timedelta(days=1)
        if day > last:
            return
        # Two of three visits, and at last every second one: so no store of the area is overdue by itself.
        most = 2 if day < end - timedelta(days=2) else 1
        if store.area == QUIET_AREA and begin <= day <= end and left_out < most:
            left_out += 1
            continue
        if begin <= day:
            left_out = 0
        if store.store_id == OVERDUE_STORE and (last - day).days < OVERDUE_DAYS:
            continue
        if day > last - timedelta(days=DAYS):
            yield day


def _last_full_weeks(last: date) -> tuple[date, date]:
    """The first and the last day of the two weeks, Monday to Sunday, that ended last, on `last` or before."""
    after = last + timedelta(days=1)
    monday = after - timedelta(days=after.weekday())
    return monday - timedelta(days=14), monday - timedelta(days=1)


def _visits_of_day(
    day: date, area: str, first_rep: int, store_ids: Iterable[str], last: date, chance: random.Random
) -> Iterator[PastVisit]:
    """An area's reps go round its stores, each with more than half an hour from one to the next."""
    for number, store_id in enumerate(store_ids):
        rep, turn = number % REPS_PER_AREA, number // REPS_PER_AREA
        minutes = 8 * 60 + 75 * turn + chance.randrange(30)
        at = datetime.combine(day, time(tzinfo=UTC)) + timedelta(minutes=minutes)
        yield _visit(store_id, area, at, f"rep-{first_rep + rep}", last, chance)


def _hasty_day(last: date) -> date:
    day = last - timedelta(days=HASTY_DAYS)
    return day - timedelta(days=1) if day.weekday() == SUNDAY else day


def _hasty(day: date, areas: Mapping[str, str], last: date, chance: random.Random) -> Iterator[PastVisit]:
    for store_id, minutes in zip(HASTY_STORES, (0, 6), strict=True):
        at = datetime.combine(day, time(15, tzinfo=UTC)) + timedelta(minutes=minutes)
        yield _visit(store_id, areas[store_id], at, HASTY_REP, last, chance)


def _visit(store_id: str, area: str, at: datetime, visited_by: str, last: date, chance: random.Random) -> PastVisit:
    ago = (last - at.date()).days
    host = HOSTS.get(area, OTHER_HOST)
    photos = []
    for number in range(2 + chance.randrange(2)):
        code = "http_404" if chance.random() < USUAL_FAILURES else ""
        if host == OUTAGE_HOST and ago in OUTAGE_DAYS and chance.random() < OUTAGE_FAILURES:
            code = "http_500"
        elif store_id == SIGN_IN_STORE and ago < SIGN_IN_DAYS and chance.random() < SIGN_IN_FAILURES:
            code = "not_an_image"
        url = f"https://{host}/{at:%Y/%m/%d}/{store_id}-{number + 1}.jpg"
        photos.append(Photo(url, code, 60 + int(120 * chance.random() ** 2)))
    return PastVisit(store_id, at, visited_by, tuple(photos))
