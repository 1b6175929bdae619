"""Visits that one person cannot have made: too far apart for the time between them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connection

from insights.audience import Audience
from insights.findings import MOST_FOUND, Finding
from insights.scope import start_of, zone
from stores.distances import sql_km

# Faster than this, door to door, nobody gets from store to store; nearer than this, a wrong coordinate or clock may do.
SPEED_KMH = 150
LEAST_KM = 5
READ_DAYS = 28

# Names are those of one owner: two owners may each have a "rep 1".
PAIRS = f"""
    WITH visits AS (
        SELECT visit.id, job.owner_id, visit.visited_by, visit.visited_at, visit.store_id, store.latitude,
            store.longitude
        FROM jobs_visit visit JOIN jobs_job job ON job.id = visit.job_id
        JOIN stores_store store ON store.store_id = visit.store_id
        WHERE visit.visited_by <> '' AND visit.visited_at >= %(since)s AND visit.visited_at < %(end)s
            AND store.latitude IS NOT NULL AND NOT job.is_deleted AND {{owned}}
    ),
    pairs AS (
        SELECT visited_by, visited_at, store_id, lag(visited_at) OVER one AS left_at,
            lag(store_id) OVER one AS left_store, latitude, longitude,
            lag(latitude) OVER one AS left_latitude, lag(longitude) OVER one AS left_longitude
        FROM visits WINDOW one AS (PARTITION BY owner_id, visited_by ORDER BY visited_at, id)
    ),
    trips AS (
        SELECT visited_by, visited_at, store_id, left_store, extract(epoch FROM visited_at - left_at)::float AS seconds,
            {sql_km(("latitude", "longitude"), ("left_latitude", "left_longitude"))} AS km
        FROM pairs WHERE left_at IS NOT NULL AND left_store <> store_id
    )
"""  # noqa: S608 - constants
IMPOSSIBLE = "km >= %(least)s AND km * 3600 > %(speed)s * seconds"
_FOUND = f"""
    {PAIRS}
    SELECT DISTINCT ON (visited_by) visited_by, store_id, left_store, seconds, km,
        min((visited_at AT TIME ZONE %(zone)s)::date) OVER (PARTITION BY visited_by),
        max((visited_at AT TIME ZONE %(zone)s)::date) OVER (PARTITION BY visited_by)
    FROM trips WHERE {IMPOSSIBLE} ORDER BY visited_by, km DESC, seconds LIMIT %(most)s
"""  # noqa: S608 - constants


def read(audience: Audience, today: date, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a statement that begins with PAIRS, over the READ_DAYS days up to `today`, included."""
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(owned=audience.condition("job")),
            {
                "zone": zone().key,
                "since": start_of(today - timedelta(days=READ_DAYS)),
                "end": start_of(today + timedelta(days=1)),
                "least": LEAST_KM,
                "speed": SPEED_KMH,
                "most": MOST_FOUND,
                "owner": audience.owner_id,
            },
        )
        return list(cursor.fetchall())


def impossible_visits(audience: Audience, today: date) -> Iterator[Finding]:
    """One for each name; the pair of stores that lie farthest apart says what was seen, in km/h."""
    for name, store, before, seconds, km, since, until in read(audience, today, _FOUND):
        # Of the same instant, as if a second lay between.
        speed = km * 3600 / max(seconds, 1.0)
        says = (
            f"{km:,.0f} km from store {before} to store {store} within {_minutes(seconds)}; "
            f"{SPEED_KMH} km/h would be the most."
        )
        yield Finding("visited_by", name, since, until, SPEED_KMH, speed, says)


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}" if minutes else f"{seconds:.0f} seconds"
