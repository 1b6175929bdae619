"""Writes down which images have become final, for the results feed: in the transaction that makes them so.

Whoever makes images final comes through here once for each: `queue/completion.py` for what was claimed and what is
skipped with its store, `queue/control.py` for what is canceled, `submission/submit.py` for what is refused unfetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction

from jobs.models.compiled import Statement, Update
from jobs.models.expressions import ROW, FromRow
from jobs.models.finished_batch import MOST_IMAGES, NO_OWNER, FinishedBatch
from jobs.models.given_rows import AnyRow
from jobs.models.update_from import UpdateFrom

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from jobs.models.image_result import ImageResult
    from jobs.models.job import Job

_COUNTED = f"""
    WITH counted AS ({{update}}), filed AS (
        INSERT INTO jobs_finishedbatch (job_id, owner, size, images, generations)
        SELECT id, coalesce(owner_id, {NO_OWNER}), cardinality(images), images, generations
        FROM counted WHERE cardinality(images) > 0
    )
    SELECT {{columns}} FROM counted
"""  # noqa: S608 - constants
# Of the same job, what one batch does not hold.
_FILE = f"""
    INSERT INTO jobs_finishedbatch (job_id, owner, size, images, generations)
    SELECT id, coalesce((SELECT owner_id FROM jobs_job WHERE id = batch.id), {NO_OWNER}), cardinality(images), images,
        generations
    FROM json_to_recordset(%s) AS batch (id bigint, images bigint[], generations integer[])
"""  # noqa: S608 - constants
# Of the rows of `finished` (id, job_id, generation).
_FILE_FINISHED = f"""
    INSERT INTO jobs_finishedbatch (job_id, owner, size, images, generations)
    SELECT job_id, coalesce((SELECT owner_id FROM jobs_job WHERE id = batch.job_id), {NO_OWNER}), size,
        images, generations
    FROM (
        SELECT job_id, count(*), array_agg(id ORDER BY id), array_agg(generation ORDER BY id) FROM (
            SELECT *, (row_number() OVER (PARTITION BY job_id ORDER BY id) - 1) / {MOST_IMAGES} AS number FROM finished
        ) numbered
        GROUP BY job_id, number ORDER BY job_id, number
    ) batch (job_id, size, images, generations)
"""  # noqa: S608 - constants
_UPDATED = f"""
    WITH finished AS ({{update}} RETURNING jobs_imageresult.id, jobs_imageresult.job_id, jobs_imageresult.generation),
    filed AS ({_FILE_FINISHED})
    SELECT count(*) FROM finished
"""  # noqa: S608 - constants
_FAILED_OF_JOB = f"""
    WITH finished AS (
        SELECT id, job_id, generation FROM jobs_imageresult WHERE job_id = %s AND state = 'failed'
    ) {_FILE_FINISHED}
"""  # noqa: S608 - constants
_MISSING_OF_JOBS = f"""
    WITH finished AS (
        SELECT id, job_id, generation FROM jobs_imageresult
        WHERE job_id = ANY (%(jobs)s) AND state IN ('completed', 'failed')
        EXCEPT
        SELECT filed.image, batch.job_id, filed.generation
        FROM jobs_finishedbatch batch CROSS JOIN unnest(batch.images, batch.generations) AS filed (image, generation)
        WHERE batch.job_id = ANY (%(jobs)s)
    ), filed AS ({_FILE_FINISHED})
    SELECT count(*) FROM finished
"""  # noqa: S608 - constants


class Finished(NamedTuple):
    """An outcome: an image that is final in this generation."""

    job_id: int
    image_id: int
    generation: int


class CountAndFile:
    """An `UpdateFrom` of jobs whose rows also hold the `images` and `generations` that have become final: files them.

    In one statement, since each costs as much as dozens of images do.
    """

    def __init__(self, build: Callable[[], QuerySet[Job]], *, returning: Sequence[str], **update: Any) -> None:
        batch: dict[str, Any] = {name: FinishedBatch._meta.get_field(name) for name in ("images", "generations")}
        self._returning = returning
        # PostgreSQL returns what it is given, too.
        self._update = UpdateFrom(
            build, also=batch, returning=[*returning, "owner", *(FromRow(name) for name in batch)], **update
        )

    def __call__(self, rows: Iterable[AnyRow]) -> list[tuple[Any, ...]]:
        """The fields `returning` of every job that was updated, in no order."""
        first, behind = [], []
        for row in rows:
            images, generations = row["images"], row["generations"]
            first.append({**row, "images": images[:MOST_IMAGES], "generations": generations[:MOST_IMAGES]})
            for begin in range(MOST_IMAGES, len(images), MOST_IMAGES):
                places = slice(begin, begin + MOST_IMAGES)
                behind.append({"id": row["id"], "images": images[places], "generations": generations[places]})
        holding = self._update.statement[1].as_parameter(first, connection)
        counted = [] if holding is None else self.statement.execute({ROW: holding})[1]
        if behind:
            with connection.cursor() as cursor:
                cursor.execute(_FILE, [json.dumps(behind)])
        return counted

    @cached_property
    def statement(self) -> Statement:
        update, _ = self._update.statement
        text = _COUNTED.format(update=update.sql, columns=", ".join(self._returning))
        return Statement(text, update.params, update.using, {})


def file_updated(images: QuerySet[ImageResult], **values: Any) -> int:
    """As `images.update(**values)`, which makes all of them final."""
    update = Update(lambda: images, **values).statement
    with transaction.mark_for_rollback_on_error(using=update.using), connection.cursor() as cursor:
        cursor.execute(_UPDATED.format(update=update.sql), update.params)
        (count,) = cursor.fetchone()
    return int(count)


def file_failed(job_id: int) -> None:
    """The failed images of a job that is being submitted."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILED_OF_JOB, [job_id])


def file_missing(job_ids: Sequence[int]) -> int:
    """What of these locked jobs is final and not in the feed, see `fill_results_feed`. Returns how many images."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING_OF_JOBS, {"jobs": list(job_ids)})
        (count,) = cursor.fetchone()
    return int(count)
