"""What failed in a job, in groups that a person can act on: by code, host and area."""

from dataclasses import dataclass

from django.db import connection

from jobs.errors import retryable_codes
from jobs.models import ImageFilter

# How many groups are listed; the filters lead to the others.
MOST_GROUPS = 50

# Of how many failed images the areas are looked up; a page that is watched asks again and again.
MOST_BY_AREA = 30_000

# A visit's store is not a foreign key, which the ORM would need for the join. With OFFSET 0 the planner may not choose
# another join than by key, row by row: for a job that is newer than its statistics it expects one image, and would
# compare each of a hundred thousand with each visit.
_GROUPS = """
    SELECT image.error_code, image.host, CASE WHEN visit.store_id IS NOT NULL THEN coalesce(store.area_code, '') END,
        count(*), max(image.error_message), count(*) OVER (), (sum(count(*)) OVER ())::bigint
    FROM jobs_imageresult image
    LEFT JOIN LATERAL (
        SELECT store_id FROM jobs_visit WHERE id = image.visit_id AND (
            SELECT count(*) <= %(most)s FROM (
                SELECT FROM jobs_imageresult WHERE job_id = %(job)s AND state = 'failed' LIMIT %(most)s + 1
            ) failed
        ) OFFSET 0
    ) visit ON true
    LEFT JOIN LATERAL (SELECT area_code FROM stores_store WHERE store_id = visit.store_id OFFSET 0) store ON true
    WHERE image.job_id = %(job)s AND image.state = 'failed'
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT %(listed)s
"""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """`images` of one job that failed alike. `area` is empty if the store master does not have the store, and None if
    so many of its images failed that areas are not distinguished."""

    code: str
    host: str
    area: str | None
    images: int
    message: str
    """The error message of one of them."""

    @property
    def image_filter(self) -> ImageFilter:
        """The filter that finds exactly this group's images."""
        return ImageFilter(code=self.code, host=self.host, area=self.area)

    @property
    def retryable(self) -> bool:
        """Whether another attempt can help, by the code alone."""
        return self.code in retryable_codes()


@dataclass(frozen=True, slots=True)
class Failures:
    """The largest groups first; `more` is how many groups are not listed. `images` counts all failed images."""

    groups: list[FailureGroup]
    more: int
    images: int


def failures(job_id: int) -> Failures:
    """One query: less than a tenth of a second where a hundred thousand images failed, each of another store."""
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, {"job": job_id, "most": MOST_BY_AREA, "listed": MOST_GROUPS})
        rows = cursor.fetchall()
    groups = [FailureGroup(*group) for *group, _, _ in rows]
    number, images = rows[0][-2:] if rows else (0, 0)
    return Failures(groups, number - len(groups), images)
