"""How far apart are two places, in Python and in SQL?"""

import pytest
from django.db import connection

from stores.distances import KM_OF_DEGREE, distance_km, sql_km

PLACES = pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((0, 0), (0, 0), 0),
        # A degree of a great circle of the mean radius.
        ((0, 0), (0, 1), 111.195),
        ((10, 20), (11, 20), 111.195),
        # Across the date line, and over a pole.
        ((0, 179.5), (0, -179.5), 111.195),
        ((89.5, 0), (89.5, 180), 111.195),
        # The longest there is: half of the circumference.
        ((0, 0), (0, 180), 20015.114),
        ((90, 0), (-90, 77), 20015.114),
    ],
)


@PLACES
def test_a_distance_is_that_on_a_sphere(one, other, km):
    assert distance_km(one, other) == pytest.approx(km, abs=0.001)


@PLACES
@pytest.mark.django_db
def test_the_database_measures_the_same(one, other, km):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql_km(tuple(map(str, one)), tuple(map(str, other)))}")
        assert cursor.fetchone()[0] == pytest.approx(distance_km(one, other), abs=0.001)


def test_a_degree_is_as_long_as_one_along_the_equator():
    assert pytest.approx(distance_km((0, 0), (0, 1))) == KM_OF_DEGREE
