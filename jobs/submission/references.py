"""Clients' own ids of a submission's job, visits and images: each belongs to one of an owner's at a time.

The constraints decide, so that of two submissions at once one is stored. A job that is deleted leaves its ids to others
at once, though its rows go later: those are found where an id seems to be taken, see `free`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from jobs.models import ImageResult, Job
from jobs.submission.payload import MAX_PROBLEMS, Path, place_of
from jobs.submission.plan import VisitPayload

type Visits = Mapping[int, VisitPayload]

COPY_VISITS = "COPY jobs_visitreference (client_reference, visit_id, owner_id) FROM STDIN"
COPY_IMAGES = "COPY jobs_imagedetails (client_reference, image_id, owner_id, metadata) FROM STDIN"

# Looked up one by one, by their keys, whatever the planner expects of the two tables.
_WHOSE = """
    SELECT {what} FROM {table} given
    CROSS JOIN LATERAL (SELECT job_id FROM {of} WHERE id = given.{key} OFFSET 0) belonging
    CROSS JOIN LATERAL (SELECT is_deleted FROM jobs_job WHERE id = belonging.job_id OFFSET 0) job
    WHERE given.client_reference = ANY (%(references)s) AND given.client_reference <> ''
        AND given.owner_id IS NOT DISTINCT FROM %(owner)s AND job.is_deleted = %(deleted)s
    ORDER BY given.client_reference {how}
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A reference of a submission, at `path` in its body, that a job of the owner, or a part of one, has already."""

    path: Path
    reference: str
    job_id: int
    visit_id: int | None = None
    image_id: int | None = None

    @property
    def sentence(self) -> str:
        """For example `visits[3].client_reference 'V-7' is that of visit 12 of job 4`, without a full stop."""
        return f"{place_of(self.path)} {self.reference!r} is that of {self.whose}"

    @property
    def whose(self) -> str:
        if self.image_id is not None:
            return f"image {self.image_id} of job {self.job_id}"
        return f"visit {self.visit_id} of job {self.job_id}" if self.visit_id is not None else f"job {self.job_id}"


class ReferenceTaken(Exception):
    """Nothing was stored: `taken` says which references belong to other jobs, at most MAX_PROBLEMS of them."""

    def __init__(self, taken: Sequence[Taken]) -> None:
        self.taken = taken
        more = len(taken) - 1
        least = "at least " if len(taken) >= MAX_PROBLEMS else ""
        rest = f" (and {least}{more} more)" if more else ""
        super().__init__(f"{taken[0].sentence}{rest}.")


def visit_rows(owner_id: int | None, visits: Sequence[VisitPayload], ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """For COPY_VISITS, in the order in which everybody inserts references: nobody waits for others in a circle."""
    pairs = zip(visits, ids, strict=True)
    return sorted((visit.client_reference, key, owner_id) for visit, key in pairs if visit.client_reference)


def image_rows(job: Job, visits: Sequence[VisitPayload]) -> list[tuple[Any, ...]]:
    """For COPY_IMAGES, once the job's images are stored; in the same order."""
    if not any(visit.images for visit in visits):
        return []
    ids = iter(ImageResult.objects.in_order_of(job.pk).values_list("pk", flat=True))
    rows = []
    for visit in visits:
        for place, image_id in zip(range(len(visit.image_urls)), ids, strict=False):
            if given := (visit.images or {}).get(place):
                metadata = json.dumps(given.metadata) if given.metadata else None
                rows.append((given.client_reference, image_id, job.owner_id, metadata))
    return sorted(rows, key=lambda row: row[:2])


def taken(client_reference: str, visits: Visits, owner: User | None) -> list[Taken]:
    """Which of these references are taken, in the order of the body, at most MAX_PROBLEMS; `visits` by their places.

    A statement for each kind that is given.
    """
    found: list[Taken] = []
    if client_reference:
        jobs = Job.objects.filter(owner=owner, client_reference=client_reference)
        found += [Taken(("client_reference",), client_reference, job.pk) for job in jobs]
    for kind in _KINDS:
        if places := dict(kind.given(visits)):
            statement = kind.whose(
                f"given.client_reference, belonging.job_id, given.{kind.key}", f"LIMIT {MAX_PROBLEMS}"
            )
            for reference, job_id, key in _run(statement, places, owner, deleted=False):
                found.append(Taken(places[reference], reference, job_id, **{kind.key: key}))
    return sorted(found, key=lambda each: [*map(_sortable, each.path)])[:MAX_PROBLEMS]


def free(visits: Visits, owner: User | None) -> None:
    """Delete those of the references in these visits that belong to jobs which are deleted, and whose rows still go."""
    for kind in _KINDS:
        if places := dict(kind.given(visits)):
            # Not those that another transaction is deleting at this moment: whoever inserts one of these waits for it.
            rows = kind.whose(f"given.{kind.key}", "FOR UPDATE OF given SKIP LOCKED")
            statement = f"DELETE FROM {kind.table} WHERE {kind.key} = ANY (ARRAY({rows}))"  # noqa: S608 - names
            _run(statement, places, owner, deleted=True)


def _run(statement: str, places: Mapping[str, Path], owner: User | None, *, deleted: bool) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"references": list(places), "owner": owner.pk if owner else None, "deleted": deleted}
        )
        return cursor.fetchall() if cursor.description else []


def _sortable(key: str | int) -> str:
    return f"{key:020}" if isinstance(key, int) else key


def _references_of_visits(visits: Visits) -> Iterator[tuple[str, Path]]:
    for number, visit in visits.items():
        if visit.client_reference:
            yield visit.client_reference, ("visits", number, "client_reference")


def _references_of_images(visits: Visits) -> Iterator[tuple[str, Path]]:
    for number, visit in visits.items():
        for place, image in (visit.images or {}).items():
            if image.client_reference:
                yield image.client_reference, ("visits", number, "image_url", place, "client_reference")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table of references, and the table of what they belong to; `given` finds them in a submission."""

    table: str
    key: str
    of: str
    given: Callable[[Visits], Iterator[tuple[str, Path]]]

    def whose(self, what: str, how: str) -> str:
        return _WHOSE.format(what=what, table=self.table, of=self.of, key=self.key, how=how)


_KINDS = (
    _Kind("jobs_visitreference", "visit_id", "jobs_visit", _references_of_visits),
    _Kind("jobs_imagedetails", "image_id", "jobs_imageresult", _references_of_images),
)
