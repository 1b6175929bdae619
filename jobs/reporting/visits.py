"""The images of visits, a bounded number at a time: one visit may have as many as a whole job.

All of it is read from the index of visit and id, visit by visit, until there are enough.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from jobs.models import ImageResult
from jobs.models.compiled import SelectForEach

# Of each visit, where a page shows several.
MOST_SHOWN = 20

# One step for each visit; the next one only where there is room.
_COUNTS = """
    WITH RECURSIVE step AS (
        SELECT 0 AS place, 0::bigint AS total, 0::bigint AS pending, 0::bigint AS running, 0::bigint AS completed,
            0::bigint AS failed, 0::bigint AS images
        UNION ALL
        SELECT step.place + 1, visit.total, visit.pending, visit.running, visit.completed, visit.failed,
            step.images + visit.total
        FROM step CROSS JOIN LATERAL (
            SELECT count(*) AS total, count(*) FILTER (WHERE state = 'pending') AS pending,
                count(*) FILTER (WHERE state = 'running') AS running,
                count(*) FILTER (WHERE state = 'completed') AS completed,
                count(*) FILTER (WHERE state = 'failed') AS failed
            FROM jobs_imageresult WHERE visit_id = (%(visits)s::bigint[])[step.place + 1]
        ) visit
        WHERE step.place < cardinality(%(visits)s::bigint[]) AND step.images < %(most)s
    )
    SELECT total, pending, running, completed, failed FROM step WHERE place > 0 ORDER BY place
"""
# Written as ranges that only the index of visit and id knows.
_PERIMETERS = """
    WITH RECURSIVE step AS (
        SELECT 0 AS place, NULL::bigint[] AS ids, NULL::bigint[] AS perimeters, 0 AS images
        UNION ALL
        SELECT step.place + 1, visit.ids, visit.perimeters, step.images + cardinality(visit.ids)
        FROM step CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(id ORDER BY id), '{}') AS ids,
                coalesce(array_agg(perimeter ORDER BY id), '{}') AS perimeters
            FROM (
                SELECT id, perimeter FROM jobs_imageresult
                WHERE (visit_id, id) > (
                        (%(visits)s::bigint[])[step.place + 1], CASE WHEN step.place = 0 THEN %(after)s ELSE 0 END
                    )
                    AND visit_id <= (%(visits)s::bigint[])[step.place + 1] AND state = 'completed'
                ORDER BY visit_id, id LIMIT %(most)s - step.images + 1
            ) image
        ) visit
        WHERE step.place < cardinality(%(visits)s::bigint[]) AND step.images < %(most)s
    )
    SELECT ids, perimeters FROM step WHERE place > 0 ORDER BY place
"""
# As many as the callers ask for, and one more, which tells that there are more.
_first_images = SelectForEach(
    lambda row: (
        ImageResult.objects.filter(visit_id__gte=row["visit"], visit_id__lte=row["visit"])
        .order_by("visit_id", "pk")
        .values_list("visit_id", "pk", "state", "perimeter", "error_code")[: MOST_SHOWN + 1]
    ),
    visit=models.BigIntegerField(),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a list shows of an image."""

    pk: int
    state: str
    perimeter: int | None
    error_code: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The perimeters of a page's first visits, by visit id, altogether as many as asked for.

    `cut` is the id of the last image where the last of these visits has more.
    """

    perimeters: dict[int, list[int]]
    cut: int | None


def first_images(visits: Iterable[int]) -> dict[int, list[Shown]]:
    """The first MOST_SHOWN images of each visit, and one more where there is one. One query."""
    found: dict[int, list[Shown]] = {visit: [] for visit in visits}
    for visit, *image in _first_images({"visit": visit} for visit in found):
        found[visit].append(Shown(*image))
    return found


def counts(visits: Sequence[int], most: int) -> list[dict[str, int]]:
    """How many images are in each state, and in `total`, of the first of these visits: until `most` are counted.

    At least of one visit, where there is any. One query.
    """
    return [
        dict(zip(("total", "pending", "running", "completed", "failed"), row, strict=True))
        for row in _rows(_COUNTS, visits=list(visits), most=most)
    ]


def measured(visits: Sequence[int], most: int, after: int = 0) -> Measured:
    """The completed images of the first of these visits, at most `most`; of the first, those behind the id `after`.

    One query.
    """
    perimeters: dict[int, list[int]] = {}
    left = most
    for visit, (ids, found) in zip(
        visits, _rows(_PERIMETERS, visits=list(visits), most=most, after=after), strict=False
    ):
        perimeters[visit] = found[:left]
        if len(ids) > left:
            return Measured(perimeters, ids[left - 1])
        left -= len(ids)
    return Measured(perimeters, None)


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
