"""Keeps the findings up to date with the evidence of photos: works out what is new, and moves the mark.

**Guarantee.** Once the mark is at a place, every photo whose evidence was recorded before has its fingerprint and its
findings, and its visit is listed where it needs a look. A crash at any moment leaves the mark where the last committed
slice has put it, and the next one goes on there. To work out a photo's findings again changes nothing.

A slice is one transaction under two advisory locks: of findings, so that two processes take turns; and of deletion, so
that no finding is written of an image that is being deleted. How far the mark may move is as in `insights/refresh.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from jobs import failpoints
from photos import kinds
from photos.models import Progress
from photos.read_signs import read_signs
from photos.statements import WRITE_FINDINGS, WRITE_FINGERPRINTS, WRITE_LOOKS
from retail_pulse.db import advisory_locks
from retail_pulse.db.horizon import horizon
from retail_pulse.db.timeouts import longer

# What finds by arithmetic alone; a new version makes nothing be worked out again by itself.
MODEL, VERSION = "rules", "1"
# Of which every finding of a photo is worked out here.
CODES = [
    *[kinds.OTHER_STORE, kinds.OTHER_DAY, kinds.OTHER_TIME, kinds.ELSEWHERE, kinds.BLURRED, kinds.DARK],
    *[kinds.SHOWS_NAME, kinds.NAME_NOT_SEEN],
]
# Photos of one slice: about a fifth of a second.
MOST_PHOTOS = 500
# As in `insights/refresh.py`.
OPEN_SECONDS = 600.0
OVERLAP_SECONDS = 10.0

_NEXT = """
    SELECT image_id, recorded_at FROM jobs_photoevidence
    WHERE (recorded_at, image_id) > (%(at)s, %(image)s) AND recorded_at < %(until)s
    ORDER BY recorded_at, image_id LIMIT %(most)s
"""
_NEXT_AGAIN = """
    SELECT image_id FROM jobs_photoevidence WHERE image_id > %(behind)s AND image_id <= %(until)s
    ORDER BY image_id LIMIT %(most)s
"""
_READ = "SELECT mark, mark_image, redo_behind, redo_until FROM photos_progress"
_MOVE = """
    INSERT INTO photos_progress AS progress (id, mark, mark_image) VALUES (1, %(at)s, %(image)s)
    ON CONFLICT (id) DO UPDATE SET (mark, mark_image) = ROW (excluded.mark, excluded.mark_image)
    WHERE (excluded.mark, excluded.mark_image) > (progress.mark, progress.mark_image)
"""
_BEGIN_AGAIN = """
    INSERT INTO photos_progress AS progress (id, mark, mark_image, redo_behind, redo_until)
    SELECT 1, %(at)s, 0, 0, newest FROM (SELECT max(image_id) AS newest FROM jobs_photoevidence) evidence
    WHERE newest IS NOT NULL
    ON CONFLICT (id) DO UPDATE SET (redo_behind, redo_until) = ROW (0, excluded.redo_until)
    WHERE %(anew)s OR progress.redo_behind IS NULL
"""
_MOVE_AGAIN = "UPDATE photos_progress SET redo_behind = %(behind)s WHERE redo_behind < %(behind)s"
_END_AGAIN = "UPDATE photos_progress SET redo_behind = NULL, redo_until = NULL"


class Place(NamedTuple):
    """Behind which evidence one goes on, in the order in which it was recorded."""

    at: datetime
    image: int


FIRST = Place(datetime(1970, 1, 1, tzinfo=UTC), 0)


def find() -> int:
    """Bring the findings up to now; returns how many photos were looked at."""
    return sum(slices())


def slices() -> Iterator[int]:
    """As `find`, a slice at a time, each committed when it is yielded: how many photos it had.

    No transaction is open meanwhile, so that the connection may be closed.
    """
    until = horizon(OPEN_SECONDS)
    behind: Place | None = None
    while True:
        with _slice() as cursor:
            mark, _ = _progress(cursor)
            if behind is None:
                behind = Place(mark.at - timedelta(seconds=OVERLAP_SECONDS), 0)
            cursor.execute(_NEXT, {"at": behind.at, "image": behind.image, "until": until, "most": MOST_PHOTOS})
            rows = cursor.fetchall()
            _work_out(cursor, [image for image, _ in rows])
            if rows:
                behind = Place(rows[-1][1], rows[-1][0])
                cursor.execute(_MOVE, {"at": behind.at, "image": behind.image})
            elif mark != FIRST:
                cursor.execute(_MOVE, {"at": until, "image": 0})
            failpoints.hit("findings.before_commit")
        failpoints.hit("findings.after_commit")
        if not rows:
            return
        yield len(rows)


def begin_again(*, anew: bool = False) -> None:
    """Let all findings be worked out again, by `again` or by an engine.

    Where that has begun already, it goes on where it was, unless it is to begin `anew`.
    """
    with _slice() as cursor:
        cursor.execute(_BEGIN_AGAIN, {"at": FIRST.at, "anew": anew})


def again() -> Iterator[int]:
    """Go on with what `begin_again` has begun, as `slices`; nothing where it has not. Two at once share the work."""
    while True:
        with _slice() as cursor:
            _, redo = _progress(cursor)
            if redo is None:
                return
            behind, until = redo
            cursor.execute(_NEXT_AGAIN, {"behind": behind, "until": until, "most": MOST_PHOTOS})
            images = [image for (image,) in cursor.fetchall()]
            _work_out(cursor, images)
            if images:
                cursor.execute(_MOVE_AGAIN, {"behind": images[-1]})
            else:
                cursor.execute(_END_AGAIN)
            failpoints.hit("findings.before_commit")
        failpoints.hit("findings.after_commit")
        yield len(images)


def as_of() -> datetime | None:
    """Until when recorded evidence has its findings; None before the first."""
    return Progress.objects.filter(mark__gt=FIRST.at).values_list("mark", flat=True).first()


@contextmanager
def _slice() -> Iterator[CursorWrapper]:
    with longer("refresh"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.FINDINGS])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.DELETION])
        # A table that has grown since it was last counted would be read whole for a few rows of it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        yield cursor


def _progress(cursor: CursorWrapper) -> tuple[Place, tuple[int, int] | None]:
    """The mark, and behind and up to which image all are worked out again."""
    cursor.execute(_READ)
    row = cursor.fetchone()
    if row is None:
        return FIRST, None
    at, image, behind, until = row
    return Place(at, image), None if behind is None else (behind, until)


def _work_out(cursor: CursorWrapper, images: Sequence[int]) -> None:
    """Everything about these photos, and about those that are equal to one of them."""
    if not images:
        return
    batch = {"images": list(images)}
    cursor.execute(WRITE_FINGERPRINTS, {**batch, "zone": settings.INSIGHTS_TIME_ZONE})
    read = json.dumps(list(read_signs(images)))
    cursor.execute(WRITE_FINDINGS, {**batch, "model": MODEL, "version": VERSION, "codes": CODES, "read": read})
    (visits,) = cursor.fetchone()
    cursor.execute(WRITE_LOOKS, {**batch, "visits": visits or []})
