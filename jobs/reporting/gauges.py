"""What the database says of the whole service, for monitoring: a few small queries, whatever it holds."""

from dataclasses import dataclass

from django.db import connection

from jobs.models import PausedHost, Worker
from jobs.reporting.backlog import Backlog, backlog

_OLDEST_SNAPSHOT = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
    FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Gauges:
    """`workers` are those alive. `oldest_snapshot_seconds` is how long the oldest transaction has kept PostgreSQL from
    cleaning up behind it, as far as this user may see others'; 0 where there is none."""

    backlog: Backlog
    workers: int
    hosts_paused: int
    oldest_snapshot_seconds: float


def gauges() -> Gauges:
    return Gauges(
        backlog(),
        workers=Worker.objects.alive().count(),
        hosts_paused=PausedHost.objects.count(),
        oldest_snapshot_seconds=oldest_snapshot_seconds(),
    )


def oldest_snapshot_seconds() -> float:
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_SNAPSHOT)
        seconds: float = cursor.fetchone()[0]
    return seconds
