"""The newest jobs that somebody may read, of however many that they may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections
from django.db.models.expressions import RawSQL

from access import rights

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from jobs.models.job import JobQuerySet

_OF_EACH = """
    SELECT newest.id FROM unnest(%s::bigint[]) AS reader (owner_id) CROSS JOIN LATERAL ({newest}) AS newest (id)
    ORDER BY newest.id DESC LIMIT %s
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
    of_one = jobs.filter(owner_id=RawSQL("reader.owner_id", ())).order_by("-pk").values_list("pk")[:limit]
    sql, parameters = of_one.query.sql_with_params()
    with connections[jobs.db].cursor() as cursor:
        cursor.execute(_OF_EACH.format(newest=sql), [sorted(filter(None, owners)), *parameters, limit])
        return jobs.filter(pk__in=[pk for (pk,) in cursor.fetchall()]).order_by("-pk")
