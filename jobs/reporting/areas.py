"""How the areas of a job move: slots beside stores, and where an image stands in its job and its area."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from jobs.models import ImageResult, Job
from jobs.states import ImageState
from stores.models import Store

# Areas that are listed; and the images of a job up to which they are counted: for more, it takes too long.
MOST_AREAS = 100
MOST_IMAGES = 200_000

# Images are summed by visit, then by store, so that stores need not be counted apart. With OFFSET 0 the planner may not
# choose another join than by key, row by row: for a job that is newer than its statistics it expects one image, and
# would compare each of a hundred thousand with each store.
_AREAS = """
    WITH of_visit AS MATERIALIZED (
        SELECT visit_id, count(*) AS images, count(finished_at) AS finished,
            count(*) FILTER (WHERE state = 'running') AS running
        FROM jobs_imageresult WHERE job_id = %(job)s GROUP BY visit_id
    ), of_store AS MATERIALIZED (
        SELECT visit.store_id, sum(images) AS images, sum(finished) AS finished, sum(running) AS running
        FROM of_visit
        CROSS JOIN LATERAL (SELECT store_id FROM jobs_visit WHERE id = of_visit.visit_id OFFSET 0) visit
        GROUP BY visit.store_id
    ), of_area AS MATERIALIZED (
        SELECT store.area_code AS area, count(*) AS stores,
            sum(images)::bigint AS images, sum(finished)::bigint AS finished, sum(running)::bigint AS running
        FROM of_store
        LEFT JOIN LATERAL (
            SELECT area_code FROM stores_store WHERE store_id = of_store.store_id OFFSET 0
        ) store ON true
        GROUP BY store.area_code
    )
    SELECT area, stores, images, finished, running,
        coalesce((SELECT weight FROM stores_areaweight WHERE area_code = of_area.area), 1),
        sum(stores) OVER ()::bigint, sum(running) OVER ()::bigint, count(*) OVER ()
    FROM of_area ORDER BY images DESC, area LIMIT %(most)s
"""
# The turns that are still to come, of the job and of the image's area.
_TURN = """
    WITH of_visit AS MATERIALIZED (
        SELECT visit_id, count(*) AS images, count(*) FILTER (WHERE (rank, id) < (%(rank)s, %(image)s)) AS before
        FROM jobs_imageresult WHERE job_id = %(job)s AND state = 'pending' GROUP BY visit_id
    ), of_store AS MATERIALIZED (
        SELECT visit.store_id, sum(images) AS images, sum(before) AS before
        FROM of_visit
        CROSS JOIN LATERAL (SELECT store_id FROM jobs_visit WHERE id = of_visit.visit_id OFFSET 0) visit
        GROUP BY visit.store_id
    )
    SELECT coalesce(sum(before), 0)::bigint, coalesce(sum(images), 0)::bigint,
        coalesce(sum(before) FILTER (WHERE store.area_code IS NOT DISTINCT FROM %(area)s), 0)::bigint,
        coalesce(sum(images) FILTER (WHERE store.area_code IS NOT DISTINCT FROM %(area)s), 0)::bigint
    FROM of_store
    LEFT JOIN LATERAL (SELECT area_code FROM stores_store WHERE store_id = of_store.store_id OFFSET 0) store ON true
"""


@dataclass(frozen=True, slots=True)
class AreaOfJob:
    """One area of a job: its stores and images in the job, and how many of its images hold a worker slot now."""

    area: str | None
    """None is of the stores that the store master does not hold."""
    stores: int
    images: int
    finished: int
    running: int
    weight: float
    share_of_stores: float
    """Of the job's stores, from 0 to 1."""
    share_of_slots: float | None
    """Of the slots that the job has now; None where it has none."""

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return self.finished / self.images


@dataclass(frozen=True, slots=True)
class AreasOfJob:
    """The MOST_AREAS areas with the most images of `total`; None for `areas` where the job has too many images."""

    areas: Sequence[AreaOfJob] | None
    total: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a pending image stands among those of its job that are still to come, and among those of its area.

    From 1 on, of `of_job` and `of_area` pending images. `area` is None for a store that the store master does not hold.
    """

    area: str | None
    in_area: int
    of_area: int
    in_job: int
    of_job: int


def areas_of(job: Job) -> AreasOfJob:
    """One query over the job's images, where there are at most MOST_IMAGES."""
    if job.total > MOST_IMAGES:
        return AreasOfJob(None)
    with connection.cursor() as cursor:
        cursor.execute(_AREAS, {"job": job.pk, "most": MOST_AREAS})
        rows = cursor.fetchall()
    areas = [
        AreaOfJob(
            area, stores, images, finished, running, weight, stores / all_stores, running / slots if slots else None
        )
        for area, stores, images, finished, running, weight, all_stores, slots, _ in rows
    ]
    return AreasOfJob(areas, rows[0][-1] if rows else 0)


def turn_of(image: ImageResult, job: Job) -> Turn | None:
    """None for an image that is not pending, and where the job has too many images. Two queries."""
    if image.state != ImageState.PENDING or job.total > MOST_IMAGES:
        return None
    area = Store.objects.filter(store_id=image.visit.store_id).values_list("area_code", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(_TURN, {"job": job.pk, "area": area, "rank": image.rank, "image": image.pk})
        before, of_job, before_in_area, of_area = cursor.fetchone()
    return Turn(area, before_in_area + 1, of_area, before + 1, of_job)
