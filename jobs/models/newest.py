"""The first or the newest jobs that somebody may read, of however many that they may not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models.expressions import RawSQL

from access import rights
from jobs.models.job import Job

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from django.db.models import QuerySet

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
    statement = owner_by_owner(jobs, owners, ("pk",), limit, newest_first=True)
    with connections[jobs.db].cursor() as cursor:
        cursor.execute(*statement)
        return jobs.filter(pk__in=[pk for (pk,) in cursor.fetchall()]).order_by("-pk")


def first_of(owners: Collection[int | None], first: int, limit: int) -> tuple[str, list[Any]]:
    """A statement for the ids of the `limit` first jobs of these owners from the id `first` on, and its parameters."""
    return owner_by_owner(Job.objects.filter(pk__gte=first), owners, ("pk",), limit)


def owner_by_owner(
    rows: QuerySet[Any],
    owners: Collection[int | None],
    order: Sequence[str],
    limit: int,
    *,
    newest_first: bool = False,
) -> tuple[str, list[Any]]:
    """A statement for the ids of the first or last `limit` of these owners' rows, and its parameters.

    `order` are the fields of an index behind the `owner_id` and ends with the key; those before it are narrowed to one
    value each.
    """
    # Written so that only this index gives the order, see `ImageResultQuerySet.in_order_of`.
    order_by = [f"-{name}" if newest_first else name for name in ("owner_id", *order)]
    if None in owners:
        of_nobody = rows.filter(owner_id__isnull=True).order_by(*order_by).values_list("pk")[:limit]
        sql, parameters = of_nobody.query.sql_with_params()
        return sql, list(parameters)
    owner = RawSQL("reader.owner_id", ())
    of_one = rows.filter(owner_id__gte=owner, owner_id__lte=owner).order_by(*order_by).values_list("pk")[:limit]
    sql, parameters = of_one.query.sql_with_params()
    statement = _OF_EACH.format(of_one=sql, direction="DESC" if newest_first else "ASC")
    return statement, [sorted(filter(None, owners)), *parameters, limit]
