"""The first or the newest jobs that somebody may read, of however many that they may not."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models.expressions import RawSQL

from access import rights
from jobs.models.job import Job

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from jobs.models.job import JobQuerySet

_OF_EACH = """
    SELECT found.id FROM unnest(%s::bigint[]) AS reader (owner_id) CROSS JOIN LATERAL ({of_one}) AS found (id)
    ORDER BY found.id {direction} LIMIT %s
"""


def newest(jobs: JobQuerySet, user: User | AnonymousUser | None, limit: int) -> JobQuerySet:
    """Of `jobs`, which nothing narrows but an id, the `limit` newest that `user` may read, the newest first.

    For who is in a team, they are looked up owner by owner, in the index of owner and id: asked for those of all of
    them, the database would go through the jobs of everybody else, or sort all that the team has. Were the jobs
    narrowed otherwise, it could do so for each owner.
    """
    owners = rights.readable_owners(user)
    if owners is None or len(owners) == 1:
        return rights.readable(jobs, user).order_by("-pk")[:limit]
    of_one = jobs.filter(owner_id=RawSQL("reader.owner_id", ())).order_by("-pk")
    with connections[jobs.db].cursor() as cursor:
        cursor.execute(*_of_each(of_one, owners, limit, "DESC"))
        return jobs.filter(pk__in=[pk for (pk,) in cursor.fetchall()]).order_by("-pk")


def first_of(owners: Collection[int | None], first: int, limit: int) -> tuple[str, list[Any]]:
    """A statement, with its parameters, for the ids of the `limit` first jobs of these owners from the id `first` on."""
    jobs = Job.objects.filter(pk__gte=first)
    # Written so that only the index of owner and id gives this order, see `ImageResultQuerySet.in_order_of`.
    if None in owners:
        of_nobody = jobs.filter(owner_id__isnull=True).order_by("owner_id", "pk")
        sql, parameters = of_nobody.values_list("pk")[:limit].query.sql_with_params()
        return sql, list(parameters)
    owner = RawSQL("reader.owner_id", ())
    of_one = jobs.filter(owner_id__gte=owner, owner_id__lte=owner).order_by("owner_id", "pk")
    return _of_each(of_one, owners, limit, "ASC")


def _of_each(of_one: JobQuerySet, owners: Collection[int | None], limit: int, direction: str) -> tuple[str, list[Any]]:
    """By one step in the index for each owner."""
    sql, parameters = of_one.values_list("pk")[:limit].query.sql_with_params()
    statement = _OF_EACH.format(of_one=sql, direction=direction)
    return statement, [sorted(filter(None, owners)), *parameters, limit]
