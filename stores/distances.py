"""Great circles between places, by the haversine formula, which holds across the date line as well.

Sinnott, "Virtues of the haversine", Sky and Telescope 68, 1984. Places are (latitude, longitude) in degrees.
"""

from math import asin, cos, pi, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088
KM_OF_DEGREE = EARTH_RADIUS_KM * pi / 180


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    (latitude, longitude), (other_latitude, other_longitude) = one, other
    up, along = radians(other_latitude - latitude), radians(other_longitude - longitude)
    flat = cos(radians(latitude)) * cos(radians(other_latitude))
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(sin(up / 2) ** 2 + flat * sin(along / 2) ** 2)))


def sql_km(one: tuple[str, str], other: tuple[str, str]) -> str:
    """The same in SQL, of the columns or expressions that hold the degrees."""
    (latitude, longitude), (other_latitude, other_longitude) = one, other
    return (
        f"2 * {EARTH_RADIUS_KM} * asin(sqrt(least(1, power(sin(radians({latitude} - {other_latitude}) / 2), 2)"
        f" + cos(radians({latitude})) * cos(radians({other_latitude}))"
        f" * power(sin(radians({longitude} - {other_longitude}) / 2), 2))))"
    )
