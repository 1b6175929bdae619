"""What there is to do, seen without a lock and in one statement: for those who mostly find nothing.

A claim in vain costs PostgreSQL three times as much, and looking for dead workers and for images whose time has come
four times.
"""

from typing import NamedTuple

from django.db.models import Exists, IntegerField, OuterRef, Value
from django.db.models.functions import Now

from jobs.models import ImageResult, PausedHost, Worker
from jobs.models.compiled import Select

_READY, _DEFERRED, _PAUSED = range(3)


class Glance(NamedTuple):
    """`may_claim`: whether a claim may find an image, in the common line or in a lane; `hosts`: whether any host is
    paused, or images wait for theirs."""

    may_claim: bool
    hosts: bool


class Due(NamedTuple):
    """The ids of all `workers` in their order, and whether there is anything to `rescue` or to `promote`."""

    workers: list[int]
    rescue: bool
    promote: bool


# The first of each, in the order of an index.
_first_of_each = Select(
    lambda: (
        ImageResult.objects.ready()
        .order_by("rank", "id")
        .values_list(Value(_READY, IntegerField()))[:1]
        .union(
            ImageResult.objects.deferred()
            .order_by("waits_for", "rank", "id")
            .values_list(Value(_DEFERRED, IntegerField()))[:1],
            PausedHost.objects.order_by("name").values_list(Value(_PAUSED, IntegerField()))[:1],
            all=True,
        )
    )
)


def glance() -> Glance:
    """Whether it is worth claiming."""
    seen = {kind for (kind,) in _first_of_each()}
    return Glance(may_claim=not seen.isdisjoint({_READY, _DEFERRED}), hosts=not seen.isdisjoint({_DEFERRED, _PAUSED}))


def due() -> Due:
    """Whether it is worth calling `rescue` and `promote`."""
    worker = Worker.objects.filter(id=OuterRef("claimed_by"))
    rows = list(
        Worker.objects.order_by("id").values_list(
            "id",
            Exists(Worker.objects.dead().filter(pk=OuterRef("pk"))),
            Exists(ImageResult.objects.running().filter(~Exists(worker))),
            Exists(ImageResult.objects.waiting().filter(run_after__lte=Now())),
        )
    )
    # Without any worker, images may wait all the same.
    if not rows:
        return Due([], rescue=True, promote=True)
    return Due(
        workers=[worker_id for worker_id, *_ in rows],
        rescue=any(dead or orphans for _, dead, orphans, _ in rows),
        promote=rows[0][3],
    )
