"""Stores that have not been visited for longer than they ever were, by their own habit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connection

from insights.audience import Audience
from insights.findings import MOST_FOUND, Finding
from insights.scope import start_of, zone
from insights.unusual import GAP_RATIO, GAPS

READ_DAYS = 366

# Days of visits, not visits: a visit that is submitted twice is no habit. Only stores that the store master holds.
GAPS_OF_STORES = """
    WITH days AS (
        SELECT summary.store_id, (summary.visited_at AT TIME ZONE %(zone)s)::date AS day
        FROM insights_visitsummary summary
        WHERE summary.visited_at >= %(since)s AND summary.visited_at < %(end)s AND {owned}
        GROUP BY 1, 2
    ),
    gaps AS (
        SELECT store_id, day, day - lag(day) OVER (PARTITION BY store_id ORDER BY day) AS gap,
            row_number() OVER (PARTITION BY store_id ORDER BY day DESC) AS place
        FROM days
    )
"""
_OVERDUE = (
    GAPS_OF_STORES  # noqa: S608 - constants
    + """
    SELECT habit.store_id, store.area_code, habit.last, habit.longest
    FROM (
        SELECT store_id, max(day) AS last,
            greatest(%(ratio)s * percentile_cont(0.5) WITHIN GROUP (ORDER BY gap), max(gap)) AS longest
        FROM gaps WHERE place <= %(gaps)s AND gap IS NOT NULL
        GROUP BY store_id HAVING count(*) = %(gaps)s
    ) habit JOIN stores_store store ON store.store_id = habit.store_id
    WHERE %(today)s - habit.last > habit.longest
    ORDER BY habit.store_id LIMIT %(most)s
"""
)


def read(audience: Audience, today: date, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement that begins with GAPS_OF_STORES, over the READ_DAYS days before `today`."""
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(owned=audience.condition("summary")),
            {
                "zone": zone().key,
                "since": start_of(today - timedelta(days=READ_DAYS)),
                "end": start_of(today),
                "today": today,
                "owner": audience.owner_id,
                **parameters,
            },
        )
        return list(cursor.fetchall())


def overdue_stores(audience: Audience, today: date, explained: set[str]) -> Iterator[Finding]:
    """Without those in areas that are `explained`: where an area has far fewer visits, that is what is to be seen."""
    rows = read(audience, today, _OVERDUE, ratio=GAP_RATIO, gaps=GAPS, most=MOST_FOUND)
    for store_id, area, last, longest in rows:
        gap = (today - last).days
        if area not in explained:
            says = f"{gap} days since the visit on {last}; until now never more than {longest:,.0f} were usual."
            yield Finding("store", store_id, last, today, float(longest), gap, says)
