"""How short are the tours, and how long do they take?"""

import random
from itertools import pairwise, permutations
from math import dist
from time import thread_time

import pytest

from insights.tours import SECONDS, shortest_tour
from tests.insights.instances import NAMES, instance, rounded_distances


def length(distances, tour):
    return sum(distances[one][other] for one, other in pairwise([*tour, tour[0]]))


def scattered(number, seed=1):
    chance = random.Random(seed)
    stops = [(chance.random(), chance.random()) for _ in range(number)]
    return [[dist(one, other) for other in stops] for one in stops]


@pytest.mark.parametrize("name", NAMES)
def test_a_tour_is_at_most_one_percent_longer_than_the_shortest_known(name):
    optimum, stops = instance(name)
    distances = rounded_distances(stops)
    # On a machine of any speed: what is asked is how good the search is.
    tour = shortest_tour(distances, seconds=10)
    assert sorted(tour) == list(range(len(stops)))
    assert optimum <= length(distances, tour) <= 1.01 * optimum


@pytest.mark.parametrize("number", range(1, 8))
def test_a_tour_of_few_stops_is_the_shortest_of_all(number):
    distances = scattered(number)
    shortest = min(length(distances, [0, *rest]) for rest in permutations(range(1, number)))
    assert length(distances, shortest_tour(distances)) == pytest.approx(shortest)


def test_the_same_stops_give_the_same_tour():
    distances = scattered(40)
    assert shortest_tour(distances, seconds=10) == shortest_tour(distances, seconds=10)


@pytest.mark.parametrize(("number", "limit"), [(100, {"seconds": 0.1}), (201, {})])
def test_it_stops_when_its_time_is_over(number, limit):
    distances = scattered(number)
    begin = thread_time()
    tour = shortest_tour(distances, kicks=10**9, **limit)
    assert thread_time() - begin < limit.get("seconds", SECONDS) + 0.1
    assert sorted(tour) == list(range(number))


@pytest.mark.parametrize("number", [2, 5, 30])
def test_stops_at_one_point_have_a_tour_too(number):
    tour = shortest_tour([[0.0] * number for _ in range(number)])
    assert sorted(tour) == list(range(number))
