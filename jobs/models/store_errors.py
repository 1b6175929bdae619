"""What went wrong in a job, one sentence per failed store."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from jobs.errors import UnknownStore
from jobs.models.job import Job

# Every image of a failed store counts, so that "2 of 3" tells how much of it is missing; so all images of the job are
# read, once. With OFFSET 0 the planner may not choose another join than by key, row by row, whatever it expects of a
# job that is newer than its statistics. The first image is the smallest text that begins with an id.
_FAILED = """
    SELECT job_id, store_id, jsonb_object_agg(error_code, images) FILTER (WHERE error_code <> ''), sum(images)::bigint,
        substr(min(url) FILTER (WHERE error_code <> ''), 20), substr(min(message) FILTER (WHERE error_code <> ''), 20)
    FROM (
        SELECT image.job_id, visit.store_id, image.error_code, count(*) AS images, min(visit.id) AS visit,
            min(lpad(image.id::text, 19, '0') || image.url COLLATE "C") AS url,
            min(lpad(image.id::text, 19, '0') || image.error_message COLLATE "C") AS message
        FROM jobs_imageresult image
        CROSS JOIN LATERAL (SELECT id, store_id FROM jobs_visit WHERE id = image.visit_id OFFSET 0) visit
        WHERE image.job_id = ANY(%s)
        GROUP BY 1, 2, 3
    ) code
    GROUP BY job_id, store_id HAVING bool_or(error_code <> '') ORDER BY min(visit)
"""
# Of those that a job's row holds: all of them, one after the other.
_ALL_STORED = """
    SELECT entry FROM jobs_job, jsonb_array_elements(store_errors) WITH ORDINALITY AS stored (entry, place)
    WHERE id = %s AND status = 'failed' ORDER BY place
"""
_SOME_STORED = """
    SELECT jsonb_path_query_array(store_errors, '$[$first to $last]', %s), jsonb_array_length(store_errors)
    FROM jobs_job WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class StoredErrors:
    """Some of the `{"store_id": …, "error": …}` that a job holds, which are `total`."""

    entries: list[dict[str, str]]
    total: int


def stored(job_id: int, limit: int, after: int = 0) -> StoredErrors:
    """At most `limit` of what the job's row holds, behind the first `after`; none before the job has ended."""
    places = json.dumps({"first": after, "last": after + limit - 1})
    with connection.cursor() as cursor:
        cursor.execute(_SOME_STORED, [places, job_id])
        row = cursor.fetchone()
    if row is None:
        return StoredErrors([], 0)
    return StoredErrors([in_order(entry) for entry in json.loads(row[0])], row[1])


def stream_stored(job_id: int) -> Iterator[dict[str, str]]:
    """All that the row of a failed job holds, one entry at a time; nothing of a job in another status.

    The database connection is in use until the end.
    """
    for (entry,) in _copied(_ALL_STORED, [job_id]):
        yield in_order(json.loads(entry))


def in_order(entry: dict[str, str]) -> dict[str, str]:
    """With its keys in the order of the HTTP contract; PostgreSQL stores them in its own."""
    return {key: entry[key] for key in ("store_id", "error")}


def stream_failed(job_id: int) -> Iterator[dict[str, str]]:
    """As `store_errors`, one entry at a time. The database connection is in use until the end."""
    for row in _copied(_FAILED, [[job_id]]):
        yield _entry(*row[1:])


def store_errors(job_id: int) -> list[dict[str, str]]:
    """`[{"store_id": …, "error": …}]` for every store of the job with a failed image, none twice.

    In order of the store's first appearance in the submission. One query, whatever the number of stores.
    """
    return _store_errors([job_id]).get(job_id, [])


def write_store_errors(job_ids: Sequence[int]) -> None:
    """Store what went wrong in these jobs, which have ended; two statements, however many there are."""
    if job_ids:
        found = _store_errors(job_ids)
        Job.objects.all().update_from(
            [{"id": job_id, "store_errors": found.get(job_id, [])} for job_id in sorted(job_ids)],
            fields=["store_errors"],
        )


def _store_errors(job_ids: Sequence[int]) -> dict[int, list[dict[str, str]]]:
    """By job; those without failed images are left out."""
    errors: dict[int, list[dict[str, str]]] = defaultdict(list)
    for job_id, *row in _copied(_FAILED, [list(job_ids)]):
        errors[int(job_id)].append(_entry(*row))
    return errors


def _copied(select: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query as text, one at a time: they may be a hundred thousand, of a kilobyte each."""
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        # COPY takes no parameters: the driver inserts them into the statement.
        cursor.copy(f"COPY ({cursor.mogrify(select, parameters)}) TO STDOUT") as copy,
    ):
        yield from copy.rows()


def _entry(store_id: str, codes: str, total: str, first_url: str, first_message: str) -> dict[str, str]:
    """Of a row of _FAILED."""
    sentence = _sentence(Counter(json.loads(codes)), int(total), first_url, first_message)
    return {"store_id": store_id, "error": sentence}


def _sentence(codes: Counter[str], total: int, first_url: str, first_message: str) -> str:
    images = "1 image" if total == 1 else f"{total:,} images"
    if codes[UnknownStore.code] == total:
        return f"{UnknownStore.sentence} Nothing was fetched of its {images}, the first at {first_url}"
    causes = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    return f"{codes.total():,} of {images} failed ({causes}), the first at {first_url}: {first_message}"
