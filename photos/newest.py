"""The newest rows about photos that somebody may read, of however many that they may not: owner by owner."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.db.models import Q

from access import rights
from jobs.models.expressions import IsTrue
from jobs.models.newest import owner_by_owner
from photos.kinds import KINDS
from photos.models import Finding, FindingQuerySet, VisitLook, VisitLookQuerySet

type Caller = User | AnonymousUser | None


def newest_findings(user: Caller, codes: Collection[str], before: int, limit: int) -> FindingQuerySet:
    """The `limit` newest of these codes that `user` may read, with ids below `before` if given; all codes if none are.

    By the index of owner, code and id, kind by kind.
    """
    owners = rights.readable_owners(user)
    found = Finding.objects.filter(pk__lt=before) if before else Finding.objects.all()
    if owners is None:
        return (found.filter(code__in=codes) if codes else found).order_by("-pk")[:limit]
    statements = [
        owner_by_owner(found.filter(code__gte=code, code__lte=code), owners, ("code", "pk"), limit, newest_first=True)
        for code in codes or KINDS
    ]
    union = " UNION ALL ".join(f"({sql})" for sql, _ in statements)
    parameters = [each for _, of_code in statements for each in of_code]
    ids = _ids(
        f"SELECT id FROM ({union}) AS found (id) ORDER BY id DESC LIMIT %s",  # noqa: S608 - the ORM's own statements
        [*parameters, limit],
    )
    return Finding.objects.filter(pk__any=ids).order_by("-pk")


def findings_about(user: Caller, code: str | None, *, job: int | None, store: str | None) -> FindingQuerySet:
    """Those of a job or a store that `user` may read, found by that alone, whoever else may read them; not in order."""
    found = Finding.objects.all()
    if job is not None:
        found = found.filter(job_id=job)
    if store is not None:
        found = found.filter(store_id=store) if job is None else found.filter(IsTrue(Q(store_id=store)))
    if (owners := rights.readable_owners(user)) is not None:
        found = found.filter(IsTrue(rights.are_of(owners)))
    return found if code is None else found.filter(IsTrue(Q(code=code)))


def newest_looks(looks: VisitLookQuerySet, user: Caller, limit: int) -> VisitLookQuerySet:
    """The `limit` newest of `looks` that `user` may read, the newest first."""
    owners = rights.readable_owners(user)
    if owners is None:
        return looks.order_by("-pk")[:limit]
    sql, parameters = owner_by_owner(looks, owners, ("pk",), limit, newest_first=True)
    return VisitLook.objects.filter(pk__any=_ids(sql, parameters)).order_by("-pk")


def _ids(sql: str, parameters: list[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT ARRAY({sql})", parameters)
        ids: list[int] = cursor.fetchone()[0]
    return ids
