"""In which order to visit stores: the shortest round or way on a sphere, a straight line from each store to the next.

Roads are longer: `road_factor` says by how much, and how fast one drives is a guess as well; docs/insights.md says what
that means for the figures. No map is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from insights.tours import shortest_tour
from stores.distances import distance_km
from stores.models import Store

MOST_STOPS = 200


@dataclass(frozen=True, slots=True)
class Pace:
    """What turns a straight line into a way and a time."""

    minutes_per_stop: float = 15.0
    speed_kmh: float = 25.0
    # Ways in towns and on the land are 1.2 to 1.4 times as long as the straight line.
    road_factor: float = 1.3

    def minutes(self, km: float) -> float:
        """Of the drive alone."""
        return 60 * km / self.speed_kmh


@dataclass(frozen=True, slots=True)
class Stop:
    store: Store
    # From the stop before; 0 at the first.
    km: float
    minutes: float
    # Since the beginning: on arrival there, and how long it took, with the time spent at the stops before.
    total_km: float
    total_minutes: float


@dataclass(frozen=True, slots=True)
class Route:
    """`stops` in their order; of a round trip, the first store is also the last."""

    stops: list[Stop]
    km: float
    # With the time spent at the stops, each store once.
    minutes: float
    # In the order in which the stores were given, and how much less the route is; never below 0.
    given_km: float
    saved_km: float
    saved_minutes: float


class RouteRefused(Exception):
    """These stores make no route; `store_ids` are those that are to blame, in the order given."""

    def __init__(self, sentence: str, store_ids: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.store_ids = list(store_ids)


class UnknownStores(RouteRefused):
    """The store master does not have them."""


class CoordinatesMissing(RouteRefused):
    """Nobody knows where they are."""


class TooManyStops(RouteRefused):
    """More than MOST_STOPS."""


def find_route(
    store_ids: Sequence[str], start: str | None = None, end: str | None = None, pace: Pace | None = None
) -> Route:
    """A short route through these stores, from `start` to `end`; where one of them is None, any store may be it.

    `start` and `end` need not be among `store_ids`, and the same store as both makes it a round trip. A store that is
    named twice is visited once. Raises RouteRefused.
    """
    given = list(dict.fromkeys(([start] if start else []) + [each for each in store_ids if each not in (start, end)]))
    if end and end != start:
        given.append(end)
    if len(given) > MOST_STOPS:
        raise TooManyStops(f"A route has at most {MOST_STOPS} stops, and these are {len(given):,}.")
    stores = {store.store_id: store for store in Store.objects.known(given)}
    if unknown := [each for each in given if each not in stores]:
        raise UnknownStores(_sentence(unknown, "is not in the store master", "are not in the store master"), unknown)
    if missing := [each for each in given if stores[each].latitude is None]:
        raise CoordinatesMissing(_sentence(missing, "has no coordinates", "have no coordinates"), missing)
    is_round = bool(start) and start == end
    return _route([stores[each] for each in given], bool(start), bool(end) and not is_round, is_round, pace or Pace())


def _sentence(store_ids: Sequence[str], one: str, several: str) -> str:
    return f"{len(store_ids):,} stores {several}." if len(store_ids) > 1 else f"Store {store_ids[0]} {one}."


def _route(given: Sequence[Store], starts: bool, ends: bool, is_round: bool, pace: Pace) -> Route:
    """`starts`, `ends`: the first, or the last, of `given` is to be that of the route. All have coordinates."""
    if not given:
        return Route([], 0.0, 0.0, 0.0, 0.0, 0.0)
    places = [(store.latitude or 0.0, store.longitude or 0.0) for store in given]
    distances = [[distance_km(one, other) * pace.road_factor for other in places] for one in places]
    order = _order(distances, starts, ends, is_round)
    given_order = list(range(len(given)))

    def length(order: Sequence[int]) -> float:
        return sum(distances[one][other] for one, other in pairwise([*order, order[0]] if is_round else order))

    given_km = length(given_order)
    if length(order) >= given_km:
        order = given_order
    stops = [Stop(given[order[0]], 0.0, 0.0, 0.0, 0.0)]
    for before, index in pairwise([*order, order[0]] if is_round and len(order) > 1 else order):
        km, last = distances[before][index], stops[-1]
        minutes = pace.minutes(km)
        total_minutes = last.total_minutes + pace.minutes_per_stop + minutes
        stops.append(Stop(given[index], km, minutes, last.total_km + km, total_minutes))
    total_km = stops[-1].total_km
    minutes = pace.minutes(total_km) + pace.minutes_per_stop * len(order)
    saved = max(0.0, given_km - total_km)
    return Route(stops, total_km, minutes, given_km, saved, pace.minutes(saved))


def _order(distances: Sequence[Sequence[float]], starts: bool, ends: bool, is_round: bool) -> list[int]:
    """A way is a tour with one more stop, nowhere: as near as can be to where the way may begin and end."""
    if is_round:
        return shortest_tour(distances)
    number = len(distances)
    fixed = ({0} if starts else set()) | ({number - 1} if ends else set())
    # An end that is free costs nothing; one that is fixed gains more than any other way could.
    gained = 10 * max(map(max, distances)) + 1
    nowhere = [-gained if index in fixed else 0.0 for index in range(number)]
    tour = shortest_tour([[0.0, *nowhere], *([far, *row] for far, row in zip(nowhere, distances, strict=True))])
    way = [stop - 1 for stop in tour[tour.index(0) + 1 :] + tour[: tour.index(0)]]
    is_turned = (starts and way[0] != 0) or (ends and way[-1] != number - 1)
    return way[::-1] if is_turned else way


def ids_of(text: str) -> list[str]:
    """The ids of a text, one in each line or separated by commas or tabs, in their order; none is repeated."""
    parts: Iterable[str] = text.replace(",", "\n").replace("\t", "\n").splitlines()
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))
