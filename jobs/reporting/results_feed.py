"""The results feed: every outcome, in an order to which is only added behind what a reader has read.

**Guarantee.** A reader that goes on from the place that it has kept gets each outcome of the jobs that it may read once
and misses none: whichever transaction commits first, whatever is killed, and however clocks are set. An outcome whose
image was retried since is left out; the new one comes later. What is deleted with its job is left out, too.

Ids and times of rows cannot give this order: both are drawn before the commit, so that a reader may have passed them
when they become visible. So a batch of outcomes gets its position afterwards, when it is first read: in a transaction
that holds the row of `ResultsFeed`, and counts on from the last position given. Whoever sees a position therefore sees
all the lower ones. Batches that nobody reads get none; and what one reader may read is given its positions without
looking at what is others'.

A place is a position, how many images of that batch were read, and a checksum of the batch. By the last, a database
that has lost commits, because it was restored from an older backup or left behind by a failover, is told from the one
that the place is of: it gives the same positions to other batches.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models.sql import Query
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import Join

from jobs.models import ImageResult
from jobs.models.finished_batch import NOBODY
from jobs.models.index_order import index_look_ups
from jobs.reporting.exports import Type, result_columns
from jobs.reporting.feed_positions import give_positions
from jobs.states import ImageState

# Characters of metadata in one page, but for what its first row has; each row may have some 17,000 of them.
MOST_METADATA = 2**19
_METADATA = [at for at, column in enumerate(result_columns()) if column.kind.type is Type.JSON]

_HEAD = """
    SELECT feed.last_position, batch.job_id, batch.images, batch.generations
    FROM jobs_resultsfeed feed LEFT JOIN jobs_finishedbatch batch ON batch.position = %s
"""
# In an order that only the indexes made for it have.
_BATCHES = """
    SELECT batch.* FROM unnest(%(owners)s::bigint[]) AS visible (owner) CROSS JOIN LATERAL (
        SELECT position, id, size FROM jobs_finishedbatch WHERE owner = visible.owner AND position >= %(position)s
        ORDER BY owner, position, id LIMIT %(limit)s + 1
    ) batch
    ORDER BY position LIMIT %(limit)s + 1
"""
_BATCHES_OF_ALL = """
    SELECT position, id, size FROM jobs_finishedbatch WHERE position >= %(position)s
    ORDER BY position, id LIMIT %(limit)s + 1
"""
# As many as hold `limit` images behind those of the first one that were read. It alone may have none left.
_FIRST = """
    SELECT position, id, size FROM (
        SELECT batch.*, sum(size) OVER (ORDER BY position) - size AS before FROM ({batches}) batch
    ) counted
    WHERE before < %(limit)s + %(within)s ORDER BY position
"""
_CONTENT = "SELECT id, job_id, images, generations FROM jobs_finishedbatch WHERE id = ANY (%s)"


class FeedSetBack(Exception):
    """The place is of a feed that this database has no more: it was restored, or has lost its latest commits."""


class Place(NamedTuple):
    """Behind `within` images of the batch at `position`, whose checksum is `check`; 0 where there was none."""

    position: int = 0
    within: int = 0
    check: int = 0


BEGINNING = Place()


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Each of `rows` holds the values of `result_columns()`."""

    rows: list[tuple[Any, ...]]
    place: Place | None
    """To go on from; None where it is the end, which was not reached yet."""
    has_more: bool
    """Whether there may be more already. The next page may be empty all the same."""


class _Part(NamedTuple):
    """Images of a batch, from the one at `begin` up to `end`."""

    position: int
    batch_id: int
    begin: int
    end: int


class _Content(NamedTuple):
    job_id: int
    images: list[int]
    generations: list[int]

    def outcomes(self) -> list[tuple[int, int]]:
        return list(zip(self.images, self.generations, strict=True))

    def checksum(self) -> int:
        """Never 0."""
        return crc32(repr((self.job_id, self.images, self.generations)).encode()) or 1


def read(owners: Collection[int | None] | None, place: Place, limit: int) -> FeedPage:
    """The outcomes behind the place of the jobs of these owners, of all jobs where it is None.

    At most `limit` are looked at; those that are left out make the page shorter. Raises FeedSetBack.
    """
    if place != BEGINNING:
        _verify(place)
    visible = _numbers(owners)
    are_left = False
    with index_look_ups() as cursor:
        parts, is_full = _parts(cursor, visible, place, limit)
        if not is_full:
            are_left = give_positions(cursor, visible)
            parts, is_full = _parts(cursor, visible, place, limit)
        if not parts:
            return FeedPage([], place, are_left)
        content = _content([part.batch_id for part in parts])
        # What is not there any more was deleted with its job since.
        outcomes = [
            (part._replace(end=end), outcome)
            for part in parts
            if part.batch_id in content
            for end, outcome in enumerate(content[part.batch_id].outcomes()[part.begin : part.end], part.begin + 1)
        ]
        found = _rows([outcome for _, outcome in outcomes])
    rows: list[tuple[Any, ...]] = []
    last, said = parts[-1], 0
    for number, (_, outcome) in enumerate(outcomes):
        if (row := found.get(outcome)) is None:
            continue
        said += sum(len(name) + len(text) for at in _METADATA for name, text in (row[at] or {}).items())
        if rows and said > MOST_METADATA:
            # Behind the one before it, which is on the page or left out for good.
            last, is_full = outcomes[number - 1][0], True
            break
        rows.append(row)
    checksum = content[last.batch_id].checksum() if last.batch_id in content else 0
    return FeedPage(rows, Place(last.position, last.end, checksum), is_full or are_left)


def end(owners: Collection[int | None] | None) -> FeedPage:
    """The place behind all that has ended by now, on an empty page."""
    with index_look_ups() as cursor:
        are_left = give_positions(cursor, _numbers(owners))
    if are_left:
        return FeedPage([], None, has_more=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(last_position), 0) FROM jobs_resultsfeed")
        (position,) = cursor.fetchone()
        cursor.execute(_HEAD, [position])
        row = cursor.fetchone()
    if row is None or row[1] is None:
        return FeedPage([], Place(position), has_more=False)
    batch = _Content(*row[1:])
    return FeedPage([], Place(position, len(batch.images), batch.checksum()), has_more=False)


def _verify(place: Place) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HEAD, [place.position])
        last, *batch = cursor.fetchone() or (0, None)
    # A batch that is not there was deleted with its job.
    is_other = batch[0] is not None and place.check not in (0, _Content(*batch).checksum())
    if place.position > last or is_other:
        raise FeedSetBack


def _numbers(owners: Collection[int | None] | None) -> list[int] | None:
    return None if owners is None else [NOBODY if owner is None else owner for owner in owners]


def _parts(cursor: CursorWrapper, owners: list[int] | None, place: Place, limit: int) -> tuple[list[_Part], bool]:
    """What the page is made of, and whether that is `limit` images."""
    cursor.execute(
        _FIRST.format(batches=_BATCHES_OF_ALL if owners is None else _BATCHES),
        {"owners": owners, "position": place.position, "within": place.within, "limit": limit},
    )
    batches = cursor.fetchall()
    parts, left = [], limit
    for position, batch_id, size in batches:
        begin = min(place.within, size) if position == place.position else 0
        if taken := min(size - begin, left):
            parts.append(_Part(position, batch_id, begin, begin + taken))
            left -= taken
    return parts, not left


def _content(batch_ids: list[int]) -> dict[int, _Content]:
    with connection.cursor() as cursor:
        cursor.execute(_CONTENT, [batch_ids])
        return {batch_id: _Content(*content) for batch_id, *content in cursor.fetchall()}


def _rows(outcomes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[Any, ...]]:
    """By outcome, of those images that still have it."""
    images = ImageResult.objects.filter(
        pk__any=[image_id for image_id, _ in outcomes],
        state__in=[ImageState.COMPLETED, ImageState.FAILED],
    )
    values = images.of_jobs_there().values_list("pk", "generation", *(column.value for column in result_columns()))
    _begin_with_images(values.query)
    return {(image_id, generation): tuple(row) for image_id, generation, *row in values}


def _begin_with_images(query: Query) -> None:
    """Have the planner look up job and visit of each image: an inner join it might begin with all jobs or visits.

    Every image has both, so that an outer join finds the same.
    """
    for alias, join in query.alias_map.items():
        if isinstance(join, Join) and join.join_type == INNER:
            query.alias_map[alias] = join.promote()
