"""The visits of the jobs that somebody may read, page by page, of however many that they may not.

A visit does not know whose it is. So where not all may be read, the reader's jobs are gone through one after the other:
asked for the visits of these jobs in the order of their own ids, the database would go through everybody's, or compare
all of them with all jobs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.expressions import RawSQL

from access import rights
from jobs.models.expressions import Behind, IsTrue
from jobs.models.job import Job
from jobs.models.metadata import SORTED_BY_ID
from jobs.models.newest import first_of
from jobs.models.visit import Visit, VisitQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser, User

# Jobs and visits that one page looks at where it is narrowed: those that fit may be far between.
MOST_JOBS = 2_000
MOST_LOOKED_AT = 20_000

# One step for each job; the next one only where there is room. Written so that the visits are found by their job alone:
# in the order of ids, the planner likes to go through those of all jobs.
_LOOKED_AT = """
    WITH RECURSIVE job AS MATERIALIZED (
        SELECT coalesce(array_agg(id ORDER BY id), '{{}}') AS ids FROM ({jobs}) AS first (id)
    ), step AS (
        SELECT 0 AS place, NULL::bigint[] AS ids, 0 AS visits
        UNION ALL
        SELECT step.place + 1, of_job.ids, step.visits + cardinality(of_job.ids)
        FROM job CROSS JOIN step CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(id ORDER BY id), '{{}}') AS ids FROM (
                SELECT id FROM jobs_visit
                WHERE job_id >= job.ids[step.place + 1] AND job_id <= job.ids[step.place + 1]
                    AND id + 0 > CASE WHEN job_id = %s THEN %s ELSE 0 END
                ORDER BY job_id, id LIMIT %s - step.visits
            ) visit
        ) of_job
        WHERE step.place < cardinality(job.ids) AND step.visits < %s
    )
    SELECT {wanted} FROM job
"""
_IDS = """
    ARRAY(
        SELECT visit.id FROM step, unnest(step.ids) WITH ORDINALITY AS visit (id, number)
        ORDER BY step.place, visit.number
    )
"""


class VisitPage(NamedTuple):
    """In the order of their jobs, and within a job of their ids; in that of ids alone to who may read all jobs.

    `next_after` is the id behind which the next page begins; None on the last page. A narrowed page may be short, or
    empty, though others follow.
    """

    rows: list[Visit]
    next_after: int | None


class Period(NamedTuple):
    """From `since` until before `until`; None leaves an end open, and no visit without a time is in one with an end."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def has_end(self) -> bool:
        return self.since is not None or self.until is not None

    def narrow(self, visits: VisitQuerySet) -> VisitQuerySet:
        visits = visits if self.since is None else visits.since(self.since)
        return visits if self.until is None else visits.before(self.until)

    def narrow_found(self, visits: VisitQuerySet) -> VisitQuerySet:
        """Not by an index, which would be read for all visits of the period."""
        visits = visits if self.since is None else visits.filter(IsTrue(Q(visited_at__gte=self.since)))
        return visits if self.until is None else visits.filter(IsTrue(Q(visited_at__lt=self.until)))


ALWAYS = Period()


def page(
    visits: VisitQuerySet,
    user: User | AnonymousUser | None,
    *,
    after: int,
    limit: int,
    again: bool = False,
    period: Period = ALWAYS,
    is_narrowed: bool = True,
) -> VisitPage:
    """Up to `limit` of `visits` that `user` may read, behind the one with the id `after`, or with this one `again`.

    What narrows `visits` besides, as `is_narrowed` tells, must be looked up row by row.
    """
    behind = after - again
    owners = rights.readable_owners(user)
    if owners is None:
        found = period.narrow(visits).filter(job__in=Job.objects.all(), pk__gt=behind)
        return _page(list(found.order_by("pk")[: limit + 1]), limit, None)
    # One that has gone with its job was between its neighbours.
    following = Visit.objects.filter(pk__gte=after).order_by("pk").values_list("job", flat=True)
    job = following.first() if after else 0
    if job is None:
        return VisitPage([], None)
    # Sorted as they are found: for the order of an index, the planner likes to go through all visits.
    visits = visits.order_by(F("job_id") + 0, SORTED_BY_ID)
    if not is_narrowed and not period.has_end:
        # Each visit that is looked at is one of the page.
        sql, parameters = _looked_at(owners, job, behind, limit + 1, limit + 1)
        found = visits.filter(pk__any=RawSQL(f"({sql.format(wanted=_IDS)})::bigint[]", parameters))  # noqa: S611 - ours
        return _page(list(found[: limit + 1]), limit, None)
    ids, are_all = _ids_looked_at(owners, job, behind)
    found = period.narrow_found(visits).filter(pk__any=ids)
    if not are_all and (of_all := _of_short_period(period)) is not None:
        after_it = Behind("job_id", "id", Value(job), Value(behind))
        found, are_all = visits.filter(after_it, pk__any=of_all).readable_by(user), True
    return _page(list(found[: limit + 1]), limit, None if are_all else ids[-1])


def _page(found: list[Visit], limit: int, end: int | None) -> VisitPage:
    return VisitPage(found[:limit], found[limit - 1].pk) if len(found) > limit else VisitPage(found, end)


def _looked_at(
    owners: Collection[int | None], job: int, after: int, most_jobs: int, most: int
) -> tuple[str, list[Any]]:
    """A statement for up to `most` visits behind this one of this job, without what is `wanted`, and its parameters."""
    # The first job may have no visit left behind this one; each of the others has some.
    jobs, parameters = first_of(owners, job, most_jobs + 1)
    return _LOOKED_AT.replace("{jobs}", jobs), [*parameters, job, after, most, most]


def _ids_looked_at(owners: Collection[int | None], job: int, after: int) -> tuple[list[int], bool]:
    """The ids of the visits that a narrowed page looks at, and whether there are no others behind them."""
    sql, parameters = _looked_at(owners, job, after, MOST_JOBS, MOST_LOOKED_AT)
    with connection.cursor() as cursor:
        cursor.execute(sql.format(wanted=f"cardinality(ids), {_IDS}"), parameters)
        jobs, ids = cursor.fetchone()
    return ids, not ids or (jobs <= MOST_JOBS and len(ids) < MOST_LOOKED_AT)


def _of_short_period(period: Period) -> list[int] | None:
    """The ids of all visits in it, whoever may read them; None where it is long, with more than MOST_LOOKED_AT."""
    if not period.has_end:
        return None
    ids = period.narrow(Visit.objects.all()).order_by("visited_at").values_list("pk")[: MOST_LOOKED_AT + 1]
    sql, parameters = ids.query.sql_with_params()
    with connection.cursor() as cursor:
        # As one row.
        cursor.execute(f"SELECT ARRAY({sql})", parameters)
        found: list[int] = cursor.fetchone()[0]
    return found if len(found) <= MOST_LOOKED_AT else None
