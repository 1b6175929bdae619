"""Which visits need a look, and what people have decided about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.db.models import Count, OuterRef, Q, Subquery

from jobs.models import Visit
from photos.kinds import KINDS
from photos.models import Finding, VisitLook, VisitLookQuerySet, VisitVerdict
from photos.newest import newest_looks
from retail_pulse.db import advisory_locks
from stores.models import Store

type Caller = User | AnonymousUser | None


def needs_a_look(
    user: Caller,
    *,
    reason: str | None = None,
    store: str | None = None,
    area: str | None = None,
    judged: bool = False,
    before: int = 0,
    limit: int,
) -> VisitLookQuerySet:
    """The `limit` last of the visits that need a look, of jobs that the user may read, the last first.

    With `judged`, those that somebody has looked at; with `before`, those with ids below it.
    """
    looks = VisitLook.objects.filter(is_judged=judged)
    if before:
        looks = looks.filter(pk__lt=before)
    if reason is not None:
        looks = looks.filter(reasons__contains=[reason])
    if store is not None:
        looks = looks.filter(store_id=store)
    if area is not None:
        # Store by store: a join could be made a comparison of all with all.
        area_of = Store.objects.filter(store_id=OuterRef("store_id")).values("area_code")[:1]
        looks = looks.alias(area=Subquery(area_of)).filter(area=area)
    return newest_looks(looks, user, limit)


def codes_of_visit(visit_id: int) -> list[str]:
    """What was found about its photos, each code once."""
    found = Finding.objects.filter(visit_id=visit_id).order_by("code").values_list("code", flat=True)
    return list(found.distinct())


def judge(visit: Visit, user: Caller, now: datetime, *, is_fine: bool) -> VisitVerdict:
    """Say that a visit's photos are fine, or that they are not; a later verdict takes the place of an earlier one.

    The caller has asked whether `user` may.
    """
    who = user if isinstance(user, User) else None
    with _alone():
        verdict, _ = VisitVerdict.objects.update_or_create(
            visit_id=visit.pk,
            defaults={
                "job_id": visit.job_id,
                "owner_id": visit.job.owner_id,
                "store_id": visit.store_id,
                "is_fine": is_fine,
                "codes": codes_of_visit(visit.pk),
                "decided_at": now,
                "decided_by": who,
                "decided_by_name": who.get_username() if who else "",
            },
        )
        VisitLook.objects.filter(pk=visit.pk).update(is_judged=True)
    return verdict


def withdraw(visit: Visit) -> bool:
    """Take the verdict about a visit back; False where there is none."""
    with _alone():
        number, _ = VisitVerdict.objects.filter(pk=visit.pk).delete()
        VisitLook.objects.filter(pk=visit.pk).update(is_judged=False)
    return bool(number)


@contextmanager
def _alone() -> Iterator[None]:
    """A transaction in which no engine lists the visit anew, without knowing of the verdict."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.FINDINGS])
        yield


@dataclass(frozen=True, slots=True)
class Judged:
    """Of the visits with findings of a kind that somebody has looked at: how many, and how many were not fine."""

    code: str
    visits: int
    not_fine: int


def judged(user: Caller) -> dict[str, Judged]:
    """For every kind of finding by its code, of jobs that the user may read."""
    counts = VisitVerdict.objects.visible_to(user).aggregate(
        **{f"all_{code}": Count("pk", filter=Q(codes__contains=[code])) for code in KINDS},
        **{f"bad_{code}": Count("pk", filter=Q(codes__contains=[code], is_fine=False)) for code in KINDS},
    )
    return {code: Judged(code, counts[f"all_{code}"], counts[f"bad_{code}"]) for code in KINDS}
