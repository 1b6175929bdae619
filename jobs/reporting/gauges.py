"""What the database says of the whole service, for monitoring: a few small queries, whatever it holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jobs.models import PausedHost, Worker
from jobs.reporting.backlog import Backlog, backlog
from jobs.reporting.snapshots import oldest_snapshot_seconds


class FurtherGauge(NamedTuple):
    """One that another package tells: its name without the prefix, and its values by state."""

    name: str
    help_text: str
    states: Mapping[str, float]


# Each a small query.
further_gauges: list[Callable[[], FurtherGauge]] = []


@dataclass(frozen=True, slots=True)
class Gauges:
    """`workers` are those alive. `oldest_snapshot_seconds` is the age of the oldest snapshot, see `snapshots.py`."""

    backlog: Backlog
    workers: int
    hosts_paused: int
    oldest_snapshot_seconds: float
    further: list[FurtherGauge]


def gauges() -> Gauges:
    return Gauges(
        backlog(),
        workers=Worker.objects.alive().count(),
        hosts_paused=PausedHost.objects.count(),
        oldest_snapshot_seconds=oldest_snapshot_seconds(),
        further=[read() for read in further_gauges],
    )
