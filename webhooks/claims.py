"""Taking deliveries that are due: each by one process at a time, for as long as its lease lasts.

A delivery is pending until an attempt has delivered it or the last one has failed. Who takes it moves `due_at` behind
the time that an attempt may last, and writes itself into `sender_id`: should its process die, another one finds the
delivery due by then, and sends the same event with the same `webhook-id`. So each is attempted at least once, and what
a process records after its lease was taken over changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from jobs.imaging.guard import host_of
from jobs.models.compiled import SelectValues
from webhooks.choice import MOST_AT_ONCE, Due, Trust, most_at_once, trust
from webhooks.models import Delivery, Endpoint, Event

# Beyond WEBHOOK_SECONDS: for what waits to be recorded.
LEASE_MARGIN_SECONDS = 30.0
# Endpoints that are looked at by one statement.
MOST_LOOKED_AT = 500

# One step in the index of what is due for each endpoint that has anything pending.
pending_endpoints = SelectValues(lambda: Delivery.objects.pending(), "endpoint_id")
# Written so that only the index of what is due gives this order, and that it is read between two places of it.
_DUE_OF = """
    SELECT {columns} FROM webhooks_delivery
    WHERE (endpoint_id, due_at) > ({endpoint}, '-infinity'::timestamptz)
        AND (endpoint_id, due_at) <= ({endpoint}, statement_timestamp()) AND state = 'pending'
    ORDER BY endpoint_id, due_at LIMIT {limit}
"""
_LOOK = f"""
    SELECT endpoint.id, endpoint.owner_id, endpoint.failures, endpoint.last_ms, due.since, due.number,
        CASE WHEN endpoint.last_ms IS NULL THEN endpoint.url ELSE '' END
    FROM webhooks_endpoint endpoint CROSS JOIN LATERAL (
        SELECT min(due_at) AS since, count(*) AS number
        FROM ({_DUE_OF.format(columns="due_at", endpoint="endpoint.id", limit=MOST_AT_ONCE)}) first
    ) due
    WHERE endpoint.id = ANY (%(endpoints)s) AND endpoint.disabled_for = '' AND due.number > 0
        AND (endpoint.rests_until IS NULL OR endpoint.rests_until <= statement_timestamp())
"""  # noqa: S608 - constants
_CLAIM = f"""
    WITH due AS MATERIALIZED (
        SELECT found.id FROM unnest(%(endpoints)s::bigint[], %(numbers)s::integer[]) AS wanted (endpoint_id, number)
        CROSS JOIN LATERAL (
            {_DUE_OF.format(columns="id", endpoint="wanted.endpoint_id", limit="wanted.number")}
            FOR NO KEY UPDATE SKIP LOCKED
        ) found
    )
    UPDATE webhooks_delivery
    SET sender_id = %(sender)s, due_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id = ANY (ARRAY(SELECT id FROM due))
    RETURNING id, event_id, endpoint_id, attempts, due_at
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process may send until `lease`; `attempts` are those before."""

    id: int
    event: Event
    endpoint: Endpoint
    attempts: int
    lease: datetime


def look(after: int, hosts: Mapping[str, Trust]) -> tuple[list[Due], int | None]:
    """The endpoints with something due, of the next MOST_LOOKED_AT behind the id `after` that have anything pending.

    Then the id to go on behind, None after the last one. Those that rest or are disabled have nothing due. `hosts` is
    what is known of hosts, for endpoints that were never tried: each job may have its own, all at one host.
    """
    endpoint_ids = pending_endpoints(after, MOST_LOOKED_AT)
    if not endpoint_ids:
        return [], None
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, {"endpoints": endpoint_ids})
        due = [
            Due(
                endpoint_id,
                owner_id,
                trust(failures, last_ms, hosts.get(host_of(url), Trust.UNKNOWN)),
                since,
                number,
                most_at_once(failures, last_ms),
            )
            for endpoint_id, owner_id, failures, last_ms, since, number, url in cursor.fetchall()
        ]
    return due, endpoint_ids[-1] if len(endpoint_ids) == MOST_LOOKED_AT else None


def claim(sender_id: int, wanted: Mapping[int, int]) -> list[Claim]:
    """Take so many deliveries of each endpoint that are due, the longest due first; fewer where others are at them."""
    given: dict[str, Any] = {
        "sender": sender_id,
        "endpoints": list(wanted),
        "numbers": list(wanted.values()),
        "lease": settings.WEBHOOK_SECONDS + LEASE_MARGIN_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, given)
        rows = cursor.fetchall()
    endpoints = Endpoint.objects.select_related("owner").in_bulk({row[2] for row in rows})
    events = Event.objects.in_bulk({row[1] for row in rows})
    return [
        Claim(delivery_id, events[event_id], endpoints[endpoint_id], attempts, lease)
        for delivery_id, event_id, endpoint_id, attempts, lease in rows
        # Neither is there any more where somebody deletes it at this moment.
        if event_id in events and endpoint_id in endpoints
    ]
