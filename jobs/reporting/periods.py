"""The results of a period: of all images that ended in it, whichever job they belong to.

They are read some thousand at a time, each time in a snapshot of its own, so that no long one slows the queue down. So
a period must be over, with every transaction that was open in it: from then on, only a retry or a deletion takes
anything out of it. Unlike the results feed it goes by the clock.
"""

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from itertools import chain
from time import monotonic

from django.db.models import Q

from jobs.models import ImageResult
from jobs.models.job import JobQuerySet
from jobs.reporting.exports import Column, copied
from jobs.reporting.long_files import ExportTooLong
from retail_pulse.db.horizon import horizon

# Images of one statement, and jobs.
MOST_IMAGES, MOST_JOBS = 20_000, 1_000
# Transactions that began longer ago are not waited for.
OPEN_SECONDS = 600.0


def latest_end() -> datetime:
    """Until when a period may last by now: the begin of the oldest open transaction."""
    return horizon(OPEN_SECONDS)


def rows(
    jobs: JobQuerySet, since: datetime, until: datetime, columns: Sequence[Column], *, seconds: float = float("inf")
) -> Generator[Sequence[str | None]]:
    """PostgreSQL's text of every value, by job in submission order; `until` is the first instant behind the period.

    Raises ExportTooLong after `seconds`.
    """
    deadline = monotonic() + seconds
    ended = ImageResult.objects.filter(finished_at__gte=since, finished_at__lt=until)
    place = [column.name for column in columns].index("image_id")
    for job_ids in _slices(jobs, since, until):
        last = 0
        while True:
            if monotonic() >= deadline:
                raise ExportTooLong("this period", seconds)
            if len(job_ids) > 1:
                yield from copied(ended.filter(job_id__in=job_ids).order_by("job_id", "pk"), columns, "a period")
                break
            of_job = ended.in_order_of(job_ids[0]).filter(pk__gt=last)[:MOST_IMAGES]
            number = 0
            for row in copied(of_job, columns, "a period"):
                number, last = number + 1, int(row[place] or 0)
                yield row
            if number < MOST_IMAGES:
                break


def _slices(jobs: JobQuerySet, since: datetime, until: datetime) -> Iterator[list[int]]:
    """The jobs of which images may have ended then: as many as have MOST_IMAGES together, or one that has more."""
    overlapping = jobs.filter(Q(finished_at__isnull=True) | Q(finished_at__gte=since), created_at__lt=until)
    job_ids: list[int] = []
    images = 0
    for job_id, total in chain(_by_key(overlapping), [(0, MOST_IMAGES + 1)]):
        if job_ids and images + total > MOST_IMAGES:
            yield job_ids
            job_ids, images = [], 0
        job_ids, images = [*job_ids, job_id], images + total


def _by_key(jobs: JobQuerySet) -> Iterator[tuple[int, int]]:
    last = 0
    while found := list(jobs.filter(pk__gt=last).order_by("pk").values_list("pk", "total")[:MOST_JOBS]):
        yield from found
        last = found[-1][0]
