"""How fast jobs go: their recent pace, and their images over time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from jobs.errors import unprocessed_codes
from jobs.models import ImageResult, Job, Worker
from jobs.reporting.hosts import Waits
from jobs.states import ImageState, JobState

# The recent pace is measured over WINDOW_SECONDS, and needs at least FEWEST_IMAGES.
WINDOW_SECONDS = 60
FEWEST_IMAGES = 20
# Of how many of the latest images the time is taken that an image of a new job may need.
MOST_MEASURED = 500
# How long a download takes, in addition to the model step, if there are no recent measurements.
DOWNLOAD_SECONDS = 0.1
# The most intervals of a plot, and their possible widths in seconds.
MOST_INTERVALS = 60
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400, 604_800)

UNPROCESSED = tuple(unprocessed_codes())

# Not by clock_timestamp(), which changes while a statement runs, so that an index cannot be used.
_RECENT = """
    SELECT job_id, count(*), extract(epoch FROM clock_timestamp() - min(finished_at))::float8, clock_timestamp()
    FROM jobs_imageresult
    WHERE job_id = ANY(%s) AND finished_at > statement_timestamp() - make_interval(secs => %s)
        AND error_code <> ALL(%s)
    GROUP BY job_id
"""
_SPAN = """
    SELECT min(finished_at), max(finished_at) FROM jobs_imageresult
    WHERE job_id = %s AND finished_at IS NOT NULL AND error_code <> ALL(%s)
"""
_INTERVALS = """
    SELECT date_bin(make_interval(secs => %s), finished_at, to_timestamp(0)),
        count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed')
    FROM jobs_imageresult
    WHERE job_id = %s AND finished_at IS NOT NULL AND error_code <> ALL(%s)
    GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job has recently been. `left` is how many seconds it needs for its other images if it stays as fast.

    `fastest` is the same at a pace that is as high as chance may have hidden: two standard deviations of a Poisson
    count.
    """

    images_per_second: float
    left: float
    fastest: float
    now: datetime


@dataclass(frozen=True, slots=True)
class Interval:
    """The images that became final within one interval of the plot, beginning at `start`."""

    start: datetime
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """A job's processed images over time, without gaps; `seconds` is the width of one interval."""

    seconds: int
    intervals: Sequence[Interval]


def paces(jobs: Iterable[Job], waits: Mapping[int, Waits]) -> dict[int, Pace]:
    """By job id, for the running ones among `jobs` (read `with_running`) with enough recent images. One query.

    `waits` is the result of `hosts.waits` for the same jobs: if a job only waits for its hosts, its end is unknown.
    """
    running = {
        job.pk: job for job in jobs if job.state == JobState.RUNNING and not (job.pk in waits and waits[job.pk].is_all)
    }
    if not running:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_RECENT, [list(running), WINDOW_SECONDS, list(UNPROCESSED)])
        rows = cursor.fetchall()
    return {
        job_id: _pace(running[job_id].total - running[job_id].finished, images, max(seconds, 1.0), now)
        for job_id, images, seconds, now in rows
        if images >= FEWEST_IMAGES
    }


def _pace(left: int, images: int, seconds: float, now: datetime) -> Pace:
    spread = 2 * math.sqrt(images)
    return Pace(images / seconds, left * seconds / images, left * seconds / (images + spread), now)


def throughput(job_id: int) -> Throughput | None:
    """The job's images over time, in at most MOST_INTERVALS; None if none were processed. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_SPAN, [job_id, list(UNPROCESSED)])
        first, last = cursor.fetchone()
        if first is None:
            return None
        width = next(
            (width for width in WIDTHS if (last - first).total_seconds() / width <= MOST_INTERVALS - 1), WIDTHS[-1]
        )
        cursor.execute(_INTERVALS, [width, job_id, list(UNPROCESSED)])
        found = {start: (completed, failed) for start, completed, failed in cursor.fetchall()}
    start = _floor(first, width)
    count = min(math.floor((last - start).total_seconds() / width) + 1, 10 * MOST_INTERVALS)
    starts = [start + timedelta(seconds=width * number) for number in range(count)]
    return Throughput(width, [Interval(each, *found.get(each, (0, 0))) for each in starts])


def _floor(instant: datetime, width: int) -> datetime:
    return datetime.fromtimestamp(instant.timestamp() // width * width, UTC)


def seconds_for(images: int) -> float | None:
    """How long `images` may take if they have all worker slots to themselves; None if no worker is alive.

    Calculated from the slots of the living workers and the time that recent images took.
    """
    slots: int = Worker.objects.alive().aggregate(slots=Sum("seats"))["slots"] or 0
    if not slots:
        return None
    # The condition opens the index of finished images; the states are split here, where it cannot be left again.
    latest = ImageResult.objects.filter(finished_at__isnull=False).order_by("-finished_at")
    rows = latest.values_list("state", "fetch_ms", "measure_ms", "gpu_ms")[:MOST_MEASURED]
    took = [sum(part or 0 for part in row) / 1000 for state, *row in rows if state == ImageState.COMPLETED]
    usual = (settings.GPU_MIN_SECONDS + settings.GPU_MAX_SECONDS) / 2 + DOWNLOAD_SECONDS
    mean = sum(took) / len(took) if len(took) >= FEWEST_IMAGES else usual
    return images * mean / slots
