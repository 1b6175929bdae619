"""Does a route visit what it is to visit, from where to where it is to, in the right figures?"""

import random
from itertools import pairwise, permutations

import pytest

from insights import routes
from insights.routes import (
    MOST_STOPS,
    CoordinatesMissing,
    Pace,
    TooManyStops,
    UnknownStores,
    find_route,
    ids_of,
)
from stores.distances import distance_km
from stores.models import Store

pytestmark = pytest.mark.django_db
STRAIGHT = Pace(minutes_per_stop=10, speed_kmh=60, road_factor=1)


def put(**places):
    Store.objects.bulk_create(
        Store(store_id=store_id, name=store_id, area_code="A", latitude=latitude, longitude=longitude)
        for store_id, (latitude, longitude) in places.items()
    )


def order(route):
    return [stop.store.store_id for stop in route.stops]


def test_stores_on_a_line_are_visited_along_it_and_the_figures_add_up():
    put(A=(0, 0), B=(0, 1), C=(0, 2), D=(0, 3))
    route = find_route(["C", "A", "D", "B"], start="A", pace=STRAIGHT)
    assert order(route) == ["A", "B", "C", "D"]
    assert [stop.km for stop in route.stops] == pytest.approx([0, 111.195, 111.195, 111.195], abs=0.001)
    assert route.km == pytest.approx(3 * 111.195, abs=0.01) == route.stops[-1].total_km
    # A km takes a minute, and each of four stops ten.
    assert route.minutes == pytest.approx(3 * 111.195 + 40, abs=0.01)
    assert route.stops[-1].total_minutes == pytest.approx(route.minutes - 10)
    # Given: A C D B, which is 2 + 1 + 2 degrees.
    assert route.given_km == pytest.approx(5 * 111.195, abs=0.01)
    assert route.saved_km == pytest.approx(2 * 111.195, abs=0.01) == route.saved_minutes


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [("C", None, "C", None), (None, "B", None, "B"), ("C", "B", "C", "B"), ("B", "B", "B", "B"), ("X", "A", "X", "A")],
)
def test_it_begins_and_ends_where_it_is_to(start, end, first, last):
    put(A=(0, 0), B=(0, 1), C=(0, 2), D=(0, 3), X=(5, 5))
    route = order(find_route(["A", "B", "C", "D"], start, end, STRAIGHT))
    assert first in (None, route[0])
    assert last in (None, route[-1])
    assert set(route) == {"A", "B", "C", "D"} | ({start} - {None})
    assert len(route) == len(set(route)) + (start == end)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("start", "end"), [(None, None), ("S0", None), (None, "S0"), ("S0", "S5"), ("S0", "S0")])
def test_of_few_stores_it_is_the_shortest_of_all(seed, start, end):
    chance = random.Random(seed)
    put(**{f"S{number}": (chance.uniform(-5, 5), chance.uniform(175, 180)) for number in range(6)})
    places = {store.store_id: (store.latitude, store.longitude) for store in Store.objects.all()}
    route = find_route(list(places), start, end, STRAIGHT)

    def length(way):
        way = [*way, way[0]] if start == end and start else way
        return sum(distance_km(places[one], places[other]) for one, other in pairwise(way))

    ways = [way for way in permutations(places) if start in (None, way[0])]
    if end != start:
        ways = [way for way in ways if end in (None, way[-1])]
    assert route.km == pytest.approx(min(map(length, ways)))


def test_a_route_across_the_date_line_does_not_go_round_the_world():
    put(A=(0, 179), B=(0, -179), C=(0, 178), D=(0, -178))
    route = find_route(["A", "D", "C", "B"], "C", pace=STRAIGHT)
    assert order(route) == ["C", "A", "B", "D"]
    assert route.km == pytest.approx(4 * 111.195, abs=0.01)


@pytest.mark.parametrize(("start", "end"), [(None, None), ("S3", None), ("S3", "S1"), ("S3", "S3")])
def test_stores_at_one_point_are_each_visited_and_ends_are_kept(start, end):
    put(**{f"S{number}": (12.5, 77.5) for number in range(5)})
    route = find_route([f"S{number}" for number in range(5)], start, end, STRAIGHT)
    assert (route.km, route.saved_km, route.minutes) == (0, 0, 50)
    assert set(order(route)) == {f"S{number}" for number in range(5)}
    assert start in (None, order(route)[0])
    assert end in (None, order(route)[-1])


@pytest.mark.parametrize("stores", [["A"], ["A", "B"]])
def test_one_store_and_two_are_routes_too(stores):
    put(A=(0, 0), B=(0, 1))
    route = find_route(stores, pace=STRAIGHT)
    assert sorted(order(route)) == stores
    assert route.km == pytest.approx(111.195 * (len(stores) - 1), abs=0.001)
    there_and_back = find_route(stores, "A", "A", STRAIGHT)
    assert order(there_and_back) == ([*stores, "A"] if len(stores) > 1 else stores)
    assert there_and_back.km == pytest.approx(2 * 111.195 * (len(stores) - 1), abs=0.001)
    assert there_and_back.minutes == pytest.approx(there_and_back.km + 10 * len(stores))


def test_it_is_never_longer_than_the_order_given(monkeypatch):
    put(A=(0, 0), B=(0, 1), C=(0, 2))
    monkeypatch.setattr(routes, "shortest_tour", lambda distances: [0, 2, 1, 3])
    route = find_route(["A", "B", "C"], pace=STRAIGHT)
    assert order(route) == ["A", "B", "C"]
    assert route.saved_km == 0


def test_a_store_that_is_named_twice_is_visited_once():
    put(A=(0, 0), B=(0, 1))
    assert sorted(order(find_route(["A", "B", "A"]))) == ["A", "B"]


def test_unknown_stores_and_those_without_coordinates_are_named():
    put(A=(0, 0))
    Store.objects.create(store_id="B", name="B", area_code="A")
    with pytest.raises(UnknownStores, match="Store X is not in the store master") as unknown:
        find_route(["A", "B", "X"])
    assert unknown.value.store_ids == ["X"]
    with pytest.raises(UnknownStores, match="3 stores are not") as unknown:
        find_route(["A", "Y"], "X", "Z")
    assert unknown.value.store_ids == ["X", "Y", "Z"]
    with pytest.raises(CoordinatesMissing, match="Store B has no coordinates") as missing:
        find_route(["A", "B"])
    assert missing.value.store_ids == ["B"]


def test_it_has_at_most_so_many_stops():
    put(**{f"S{number}": (0, number / 10) for number in range(MOST_STOPS)}, X=(1, 1))
    ids = [f"S{number}" for number in range(MOST_STOPS)]
    assert len(find_route(ids).stops) == MOST_STOPS
    with pytest.raises(TooManyStops, match="at most 200 stops, and these are 201"):
        find_route(ids, start="X")


def test_a_text_of_ids_is_read_by_lines_and_commas_without_repeats():
    assert ids_of("S 1\r\n\n  S2 ,S3\tS2\nS4,") == ["S 1", "S2", "S3", "S4"]
