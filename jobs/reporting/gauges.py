"""What the database says of the whole service, for monitoring: a few small queries, whatever it holds."""

from dataclasses import dataclass

from jobs.models import PausedHost, Worker
from jobs.reporting.backlog import Backlog, backlog
from jobs.reporting.snapshots import oldest_snapshot_seconds


@dataclass(frozen=True, slots=True)
class Gauges:
    """`workers` are those alive. `oldest_snapshot_seconds` is the age of the oldest snapshot, see `snapshots.py`."""

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
