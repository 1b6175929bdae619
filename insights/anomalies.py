"""Findings of unusual days and weeks: visits of areas, and failures of photo hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.template.defaultfilters import pluralize

from insights.audience import Audience
from insights.findings import Finding
from insights.scope import start_of, zone
from insights.sums import UNPROCESSED
from insights.unusual import (
    EPISODE_DAYS,
    READ_DAYS,
    Anomaly,
    episodes,
    unusual_days_of_failures,
    unusual_days_of_visits,
)

type Days = list[float]


# --- Visits of areas


def area_days(audience: Audience, today: date) -> dict[str, Days]:
    """Visits of each area of the store master on the READ_DAYS days before `today`, oldest first."""
    first = today - timedelta(days=READ_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT store.area_code, (summary.visited_at AT TIME ZONE %(zone)s)::date, count(*)
            FROM insights_visitsummary summary JOIN stores_store store ON store.store_id = summary.store_id
            WHERE summary.visited_at >= %(since)s AND summary.visited_at < %(end)s
                AND {audience.condition("summary")}
            GROUP BY 1, 2
            """,  # noqa: S608 - a condition of ours
            _parameters(audience, first, today),
        )
        areas: dict[str, Days] = {}
        for area, day, visits in cursor.fetchall():
            areas.setdefault(area, [0.0] * READ_DAYS)[(day - first).days] = visits
    return areas


def area_visits(audience: Audience, today: date) -> Iterator[Finding]:
    first = today - timedelta(days=READ_DAYS)
    for area, days in area_days(audience, today).items():
        for episode in episodes(unusual_days_of_visits(days, first)):
            yield _finding("area", area, episode, today, _visits)


def _visits(found: Anomaly) -> str:
    return f"{found.seen:,.0f} visit{pluralize(found.seen)} {_when(found)}, where {found.expected:,.0f} were usual."


# --- Failures of hosts


def host_days(audience: Audience, today: date) -> dict[str, tuple[Days, Days]]:
    """Images of each host that ended on the READ_DAYS days before `today`, oldest first, and the failed among them."""
    first = today - timedelta(days=READ_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT hours.host, (hours.hour AT TIME ZONE %(zone)s)::date, sum(code.value::int),
                sum(code.value::int) FILTER (WHERE code.key <> '')
            FROM insights_hosthour hours CROSS JOIN jsonb_each_text(hours.codes) code
            WHERE hours.hour >= %(since)s AND hours.hour < %(end)s AND hours.host <> ''
                AND {audience.condition("hours")} AND code.key <> ALL(%(unprocessed)s)
            GROUP BY 1, 2
            """,  # noqa: S608 - a condition of ours
            {**_parameters(audience, first, today), "unprocessed": list(UNPROCESSED)},
        )
        hosts: dict[str, tuple[Days, Days]] = {}
        for host, day, images, failed in cursor.fetchall():
            of_host = hosts.setdefault(host, ([0.0] * READ_DAYS, [0.0] * READ_DAYS))
            place = (day - first).days
            of_host[0][place], of_host[1][place] = images, failed or 0
    return hosts


def host_failures(audience: Audience, today: date) -> Iterator[Finding]:
    first = today - timedelta(days=READ_DAYS)
    for host, (images, failed) in host_days(audience, today).items():
        for episode in episodes(unusual_days_of_failures(images, failed, first)):
            yield _finding("host", host, episode, today, _failures)


def _failures(found: Anomaly) -> str:
    return (
        f"{found.seen:,.0f} image{pluralize(found.seen)} failed {_when(found)}, where {found.expected:,.1f} were usual."
    )


# --- Both


def _parameters(audience: Audience, first: date, today: date) -> dict[str, Any]:
    return {"zone": zone().key, "since": start_of(first), "end": start_of(today), "owner": audience.owner_id}


def _when(found: Anomaly) -> str:
    return f"on {found.since}" if found.since == found.until else f"in the week from {found.since}"


def _finding(kind: str, subject: str, episode: list[Anomaly], today: date, says: Callable[[Anomaly], str]) -> Finding:
    """The day or week that differs most says what was expected and seen."""
    worst = max(episode, key=lambda each: abs(each.score))
    since, until = min(each.since for each in episode), max(each.until for each in episode)
    return Finding(
        kind,
        subject,
        since,
        until,
        worst.expected,
        worst.seen,
        says(worst),
        direction=worst.direction,
        is_over=(today - until).days > EPISODE_DAYS,
    )
