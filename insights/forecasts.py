"""When a job will end: the naive forecast, with the range in which such forecasts came true for past jobs.

Nothing is written while a job runs. When each image became final is in its row, so what would have been forecast at a
quarter, at half of a job and so on is worked out once it has ended, by `refresh`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from insights.figures import FEWEST
from insights.forecast_ranges import (
    ALL_SIZES,
    COVERS,
    MOST_JUDGED,
    MOST_PAST,
    SIZES,
    STAGES,
    is_shown,
    range_of,
    size_of,
    stage_of,
)
from insights.models.forecast import Forecast, ForecastRange
from insights.past_forecasts import at_stages
from jobs.models import Job, JobAction
from jobs.reporting.hosts import Waits
from jobs.reporting.throughput import UNPROCESSED, Pace, paces

# A job may become visible this long after the time that it ended at.
LATE = timedelta(minutes=5)
# Of a larger job, every second image is read, or every third.
MOST_IMAGES = 200_000
JOBS_AT_A_TIME = 200
# After these, how long a job took says nothing of others.
_DISTURBING = (JobAction.Verb.PAUSE, JobAction.Verb.CANCEL, JobAction.Verb.RETRY)

_TIMES = """
    SELECT extract(epoch FROM finished_at)::float8
    FROM (
        SELECT finished_at, row_number() OVER (ORDER BY finished_at) AS number FROM jobs_imageresult
        WHERE job_id = %s AND finished_at IS NOT NULL AND error_code <> ALL(%s)
    ) image
    WHERE number %% %s = 0 ORDER BY finished_at
"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a job may end, by how many seconds it will need from `now` on.

    With `most`, between the two, as it was for `covers` of past jobs; `jobs` is how many of them the range is made of.
    Without, not in less than `least`, even if its pace is as high as chance may have hidden.
    """

    images_per_second: float
    now: datetime
    least: float
    most: float | None = None
    jobs: int = 0

    @property
    def earliest(self) -> datetime:
        return self.now + timedelta(seconds=self.least)

    @property
    def latest(self) -> datetime | None:
        return None if self.most is None else self.now + timedelta(seconds=self.most)

    @property
    def covers(self) -> float | None:
        return COVERS if self.most is not None else None


def estimates(jobs: Iterable[Job], waits: Mapping[int, Waits]) -> dict[int, Estimate]:
    """By job id, of the running ones among `jobs` that `throughput.paces` knows a pace of. Two queries."""
    jobs = list(jobs)
    found = paces(jobs, waits)
    if not found:
        return {}
    ranges = {(each.stage, each.size): each for each in ForecastRange.objects.all()}
    return {job.pk: _estimate(job, found[job.pk], ranges) for job in jobs if job.pk in found}


def _estimate(job: Job, pace: Pace, ranges: Mapping[tuple[int, int], ForecastRange]) -> Estimate:
    known = proven(ranges, stage_of(job.progress), size_of(job.total))
    if known is None or known.low is None or known.high is None:
        return Estimate(pace.images_per_second, pace.now, pace.fastest)
    return Estimate(pace.images_per_second, pace.now, pace.left * known.low, pace.left * known.high, known.jobs)


def proven(ranges: Mapping[tuple[int, int], ForecastRange], stage: int | None, size: int) -> ForecastRange | None:
    """The range to show, by (stage, size): of jobs of the same size, or of all while those are too few to judge.

    None where it has not been judged often enough, or was found wrong.
    """
    if stage is None:
        return None
    for key in ((stage, size), (stage, ALL_SIZES)):
        if key in ranges and ranges[key].judged >= FEWEST:
            return ranges[key] if is_shown(ranges[key].judged, ranges[key].covered) else None
    return None


@dataclass(frozen=True, slots=True)
class RangeTest:
    """One row of the table of `ForecastRange`; `size` is the least images of a job and the first number beyond.

    None is all sizes, None in it is open.
    """

    stage: int
    size: tuple[int | None, int | None] | None
    jobs: int
    low: float | None
    high: float | None
    judged: int
    covered: int

    @property
    def is_shown(self) -> bool:
        return is_shown(self.judged, self.covered)

    @property
    def share(self) -> float | None:
        """Of those judged, the covered ones; None below FEWEST."""
        return self.covered / self.judged if self.judged >= FEWEST else None


def range_tests() -> list[RangeTest]:
    """By stage; all sizes first. One query."""
    bounds = [None, *SIZES, None]
    return [
        RangeTest(
            each.stage,
            None if each.size == ALL_SIZES else (bounds[each.size], bounds[each.size + 1]),
            each.jobs,
            each.low,
            each.high,
            each.judged,
            each.covered,
        )
        for each in ForecastRange.objects.all()
    ]


def slices() -> Iterator[int]:
    """As `refresh`, until no job is left, with what each has taken into account; for an engine, which rests between.

    Two that do so at once write the same.
    """
    while taken := refresh():
        yield taken


def refresh(most_jobs: int = JOBS_AT_A_TIME) -> int:
    """Take up to `most_jobs` that have ended since into account, the oldest first; returns how many: call it until 0.

    To do it again changes nothing. It takes about a microsecond for each image of these jobs, once.
    """
    last = Forecast.objects.aggregate(last=Max("ended_at"))["last"]
    ended = Job.objects.ended().order_by("finished_at", "pk")
    if last is not None:
        ended = ended.filter(finished_at__gte=last - LATE)
        ended = ended.exclude(pk__in=Forecast.objects.filter(ended_at__gte=last - LATE).values("pk"))
    jobs = list(_few(ended[:most_jobs]))
    if not jobs:
        return 0
    disturbed = set(JobAction.objects.filter(job__in=jobs, verb__in=_DISTURBING).values_list("job", flat=True))
    Forecast.objects.bulk_create(
        [_forecast(job, is_disturbed=job.pk in disturbed) for job in jobs],
        update_conflicts=True,
        unique_fields=["job_id"],
        update_fields=["images", "ended_at", "forecast", "rest"],
    )
    write_ranges()
    return len(jobs)


def _few(jobs: Iterable[Job]) -> Iterator[Job]:
    """The first of the jobs that together have at most MOST_IMAGES, and one at least."""
    images = 0
    for job in jobs:
        images += job.total
        if images > MOST_IMAGES and images > job.total:
            return
        yield job


def _forecast(job: Job, *, is_disturbed: bool) -> Forecast:
    none: list[float | None] = [None] * len(STAGES)
    forecast, rest = (none, none) if is_disturbed else at_stages(*_times(job))
    ended_at: Any = job.finished_at  # it has ended
    return Forecast(job_id=job.pk, images=job.total, ended_at=ended_at, forecast=forecast, rest=rest)


def _times(job: Job) -> tuple[Sequence[float], int, int, int]:
    """The arguments of `at_stages`."""
    every = math.ceil(job.total / MOST_IMAGES)
    with connection.cursor() as cursor:
        cursor.execute(_TIMES, [job.pk, list(UNPROCESSED), every])
        times = [at for (at,) in cursor.fetchall()]
    return times, job.total, max(0, job.total - len(times) * every), every


def write_ranges() -> None:
    """From the latest MOST_JUDGED + MOST_PAST jobs."""
    latest = Forecast.objects.order_by("-ended_at", "-pk").values_list("images", "forecast", "rest")
    rows = list(latest[: MOST_JUDGED + MOST_PAST])[::-1]
    ranges = []
    for number, stage in enumerate(STAGES):
        known = []
        for images, forecast, rest in rows:
            expected, took = forecast[number], rest[number]
            if expected and took is not None:
                known.append((size_of(images), took / expected))
        for size in (ALL_SIZES, *range(len(SIZES) + 1)):
            found = range_of(factor for each, factor in known if size in (ALL_SIZES, each))
            ranges.append(
                ForecastRange(
                    stage=stage,
                    size=size,
                    jobs=found.jobs,
                    low=found.low,
                    high=found.high,
                    judged=found.judged,
                    covered=found.covered,
                )
            )
    ForecastRange.objects.bulk_create(
        ranges,
        update_conflicts=True,
        unique_fields=["stage", "size"],
        update_fields=["jobs", "low", "high", "judged", "covered"],
    )
