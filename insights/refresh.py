"""Keeps the summaries up to date: sums what has ended since the mark, and moves the mark.

**Guarantee.** Once the mark is at an instant, every image that ended before it is in the summary of its visit, and in
the hour of its host exactly once. A crash at any moment leaves the mark where the last committed slice has put it, and
the next refresh goes on there. Nothing is asked of those who claim or record.

A refresh goes in slices, each one transaction under an advisory lock that lasts as long; so that two processes that
refresh at once take turns, through a transaction pooler as well:

1. The visits of jobs that were retried since the mark are summed anew: a retry makes failed images unfinished again.
2. The images that ended from the mark on are read in the order in which they ended. Their visits are summed whole, from
   all of their images, so that doing it again changes nothing; and they are added to the hours of their hosts. The mark
   moves with them.

How far it may move: an image's `finished_at` is a time within the transaction that writes it, and nobody sees it before
the commit. So the mark stays behind the beginning of every transaction that is open, for OPEN_SECONDS; what belongs to
one that is open for longer, or ended by a clock that was set back, is still found if it ended OVERLAP_SECONDS before
the mark, and else by `rebuild`.

`HostHour` counts each image in the hour in which it ended, when the mark passes it; so an hour changes while it lasts,
and for as long as the mark is behind, then never again: it counts what hosts have answered, and a retry or a deletion
takes nothing back. The first refresh, and one after a day without, fill all hours since.

Deleted jobs: from the moment of their deletion on they are left alone, so that their summaries stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.backends.utils import CursorWrapper

from insights.models import KeptDay, Refreshed
from insights.sums import COUNT_HOUR, SUM_ENDED, SUM_IMAGES
from jobs import failpoints
from jobs.models import Job, JobAction
from retail_pulse.db import advisory_locks
from retail_pulse.db.horizon import horizon
from retail_pulse.db.timeouts import longer

# Images of one slice; more only where more ended at the same microsecond, as those of a canceled job do.
MOST_IMAGES = 5_000
# Transactions that began longer ago are not waited for; a retry or a cancel of a million images takes less.
OPEN_SECONDS = 600.0
# Visits of images that ended so long before the mark are summed once more by the next refresh.
OVERLAP_SECONDS = 10.0

_FIRST_END = "SELECT min(finished_at) FROM jobs_imageresult WHERE finished_at IS NOT NULL"
# When the first image ended that does not belong to a slice any more.
_END_OF_SLICE = """
    SELECT finished_at FROM jobs_imageresult WHERE finished_at >= %(mark)s AND finished_at < %(until)s
    ORDER BY finished_at OFFSET %(most)s LIMIT 1
"""
_MOVE_MARK = """
    INSERT INTO insights_refreshed (id, mark) VALUES (1, %(mark)s) ON CONFLICT (id) DO UPDATE SET mark = excluded.mark
"""


@dataclass(slots=True)
class Done:
    """How many images were read, and how many summaries were written; what was as it should be is not written."""

    images: int = 0
    visits: int = 0

    def __iadd__(self, other: Done) -> Done:
        self.images += other.images
        self.visits += other.visits
        return self


def refresh() -> Done:
    """Bring the summaries up to now; at most 10 µs of processor time an image."""
    done = Done()
    for each in slices():
        done += each
    return done


def slices() -> Iterator[Done]:
    """As `refresh`, a slice at a time, each committed when it is yielded; whoever stops here goes on with a new call.

    No transaction is open meanwhile, so that the connection may be closed.
    """
    until = horizon(OPEN_SECONDS)
    mark = Refreshed.objects.values_list("mark", flat=True).first()
    if mark is not None:
        # Before the mark passes them.
        retried = JobAction.objects.filter(verb=JobAction.Verb.RETRY, done_at__gte=mark, done_at__lt=until)
        for job_id in retried.order_by("job_id").values_list("job_id", flat=True).distinct():
            yield from _sum_jobs(job_id - 1, job_id, only_reopened=True)
    overlap = OVERLAP_SECONDS
    while (done := _next_slice(until, overlap)) is not None:
        yield done
        overlap = 0.0


def rebuild() -> Iterator[Done]:
    """Sum all visits whose rows exist anew, and count their hours; then refresh. A slice at a time, as `slices`.

    The summaries of visits whose rows have gone are kept, and so are hours of which images have gone or were retried.
    It may be broken off, and begun again: nothing is missing meanwhile.
    """
    mark = Refreshed.objects.values_list("mark", flat=True).first()
    # Whatever is wrong with them.
    KeptDay.objects.all().delete()
    if mark is not None:
        newest = Job.with_deleted.order_by("-pk").values_list("pk", flat=True).first() or 0
        yield from _sum_jobs(0, newest, only_reopened=False)
        yield from _count_hours()
    yield from slices()


def _next_slice(until: datetime, overlap: float) -> Done | None:
    """None where the mark has come to `until`."""
    with longer("refresh"), connection.cursor() as cursor:
        mark = _locked_mark(cursor) or min(_first_end(cursor) or until, until - timedelta(microseconds=1))
        if mark >= until:
            return None
        cursor.execute(_END_OF_SLICE, {"mark": mark, "until": until, "most": MOST_IMAGES})
        row = cursor.fetchone()
        # Where all of them ended at the mark itself, the slice is what ended then.
        end = max(row[0], mark + timedelta(microseconds=1)) if row else until
        since = mark - timedelta(seconds=overlap)
        cursor.execute(SUM_ENDED, {"since": since, "mark": mark, "until": end})
        done = Done(*cursor.fetchone())
        cursor.execute(_MOVE_MARK, {"mark": end})
        failpoints.hit("refresh.before_commit")
    failpoints.hit("refresh.after_commit")
    return done


def _sum_jobs(after_job: int, last_job: int, *, only_reopened: bool) -> Iterator[Done]:
    """The visits of the jobs behind `after_job` up to `last_job`."""
    behind = {"job": after_job + 1, "image": 0}
    while True:
        with longer("refresh"), connection.cursor() as cursor:
            _locked_mark(cursor)
            cursor.execute(
                SUM_IMAGES, {**behind, "last_job": last_job, "most": MOST_IMAGES, "only_reopened": only_reopened}
            )
            job, image, images, visits = cursor.fetchone()
            failpoints.hit("refresh.before_commit")
        if images:
            yield Done(images, visits)
        if images < MOST_IMAGES:
            return
        behind = {"job": job, "image": image}


def _count_hours() -> Iterator[Done]:
    """Each hour in one statement, from the first one on that has an image, up to the mark."""
    hour = None
    while True:
        with longer("refresh"), connection.cursor() as cursor:
            mark = _locked_mark(cursor)
            cursor.execute(f"{_FIRST_END} AND finished_at >= coalesce(%s, '-infinity'::timestamptz)", [hour])
            (first,) = cursor.fetchone()
            if first is None or mark is None or first >= mark:
                return
            hour = first.replace(minute=0, second=0, microsecond=0)
            since, hour = hour, hour + timedelta(hours=1)
            cursor.execute(COUNT_HOUR, {"since": since, "until": min(hour, mark)})
        yield Done()


def _locked_mark(cursor: CursorWrapper) -> datetime | None:
    """The mark, which nobody else moves until this transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.SUMMARIES])
    cursor.execute("SELECT mark FROM insights_refreshed")
    row = cursor.fetchone()
    return row[0] if row else None


def _first_end(cursor: CursorWrapper) -> datetime | None:
    cursor.execute(_FIRST_END)
    first: datetime | None = cursor.fetchone()[0]
    return first
