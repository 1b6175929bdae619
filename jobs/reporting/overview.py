"""The whole service: its backlog, its workers, its throughput, and the hosts that fail or are paused."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from jobs.models import Worker
from jobs.reporting.backlog import Backlog, backlog
from jobs.reporting.hosts import PausedHosts, paused_hosts
from jobs.reporting.models import Models, models
from jobs.reporting.snapshots import OLD_SECONDS, oldest_snapshot_seconds
from jobs.reporting.throughput import UNPROCESSED, Interval, Throughput

# What counts as recent, in throughput, fetch times and failing hosts.
RECENT_SECONDS = 900
# The width of the plot's intervals within that time.
INTERVAL_SECONDS = 15
# How many of the latest images fetch times and failing hosts are taken from: reading all images of a busy quarter of
# an hour would take a second.
SAMPLE = 5_000
MOST_HOSTS = 10
# How many paused hosts are shown.
MOST_PAUSED = 20

_RECENT = """
    SELECT date_bin(make_interval(secs => %(width)s), finished_at, to_timestamp(0)),
        count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed')
    FROM jobs_imageresult
    WHERE finished_at > statement_timestamp() - make_interval(secs => %(recent)s) AND error_code <> ALL(%(unprocessed)s)
    GROUP BY 1 ORDER BY 1
"""
_FETCHES = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY fetch_ms) FROM (
        SELECT fetch_ms FROM jobs_imageresult
        WHERE finished_at > statement_timestamp() - make_interval(secs => %(recent)s) AND fetch_ms IS NOT NULL
        ORDER BY finished_at DESC LIMIT %(sample)s
    ) latest
"""
_HOSTS = """
    SELECT host, count(*) FILTER (WHERE state = 'failed'), count(*),
        mode() WITHIN GROUP (ORDER BY error_code) FILTER (WHERE state = 'failed')
    FROM (
        SELECT host, state, error_code FROM jobs_imageresult
        WHERE finished_at > statement_timestamp() - make_interval(secs => %(recent)s)
            AND error_code <> ALL(%(unprocessed)s)
        ORDER BY finished_at DESC LIMIT %(sample)s
    ) latest
    GROUP BY host HAVING count(*) FILTER (WHERE state = 'failed') > 0
    ORDER BY 2 DESC, host LIMIT %(hosts)s
"""


@dataclass(frozen=True, slots=True)
class HostFailures:
    """Of the latest SAMPLE images: `failed` of `finished` at this host, most often with `code`."""

    host: str
    failed: int
    finished: int
    code: str


@dataclass(frozen=True, slots=True)
class Overview(Backlog):
    """`slots` are the worker slots of all living workers. `fetch_p50_ms` and `fetch_p95_ms` are of the latest
    `fetches` images. `paused` are the hosts that get no request for the moment. `snapshot_seconds` is the age of the
    oldest snapshot, see `snapshots.py`. `models` are those that are away, or have something to say.
    """

    slots: int
    workers: Sequence[Worker]
    throughput: Throughput
    fetches: int
    fetch_p50_ms: float | None
    fetch_p95_ms: float | None
    hosts: Sequence[HostFailures]
    paused: PausedHosts
    snapshot_seconds: float
    models: Models

    @property
    def has_old_snapshot(self) -> bool:
        """Whether it is so old that it slows the queue down."""
        return self.snapshot_seconds >= OLD_SECONDS

    @property
    def images_per_second(self) -> float:
        """Over the last minute, plus what has passed of the plot's last interval."""
        latest = self.throughput.intervals[-60 // INTERVAL_SECONDS - 1 :]
        seconds = (self.now - latest[0].start).total_seconds()
        return sum(interval.completed + interval.failed for interval in latest) / seconds


def overview() -> Overview:
    """Seven queries on small indexes, however many rows there are."""
    parameters: dict[str, Any] = {
        "width": INTERVAL_SECONDS,
        "recent": RECENT_SECONDS,
        "sample": SAMPLE,
        "hosts": MOST_HOSTS,
        "unprocessed": list(UNPROCESSED),
    }
    work = backlog()
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, parameters)
        found = {start.timestamp(): (completed, failed) for start, completed, failed in cursor.fetchall()}
        cursor.execute(_FETCHES, parameters)
        fetches, quantiles = cursor.fetchone()
        cursor.execute(_HOSTS, parameters)
        hosts = [HostFailures(*row) for row in cursor.fetchall()]
    workers = list(Worker.objects.alive().order_by("id"))
    p50, p95 = quantiles or (None, None)
    return Overview(
        **asdict(work),
        slots=sum(worker.seats for worker in workers),
        workers=workers,
        throughput=_series(found, work.now),
        fetches=fetches,
        fetch_p50_ms=p50,
        fetch_p95_ms=p95,
        hosts=hosts,
        paused=paused_hosts(MOST_PAUSED),
        snapshot_seconds=oldest_snapshot_seconds(),
        models=models(workers),
    )


def _series(found: dict[float, tuple[int, int]], now: datetime) -> Throughput:
    """Every interval of RECENT_SECONDS up to now, including those in which nothing finished."""
    last = now.timestamp() // INTERVAL_SECONDS * INTERVAL_SECONDS
    first = last - RECENT_SECONDS + INTERVAL_SECONDS
    starts = [first + INTERVAL_SECONDS * number for number in range(RECENT_SECONDS // INTERVAL_SECONDS)]
    return Throughput(
        INTERVAL_SECONDS,
        [Interval(datetime.fromtimestamp(start, now.tzinfo), *found.get(start, (0, 0))) for start in starts],
    )
