"""Paused hosts, as the processes of one database share them: one row a host, see `models/paused_host.py`.

The process that pauses a host writes its row, all others read it at their next round, and the one whose probe is
answered deletes it. Which process probes is decided by the row: a probe belongs to a living worker.
"""

from collections.abc import Mapping, Sequence
from time import monotonic

from django.db import transaction
from django.db.models import Exists, F, FloatField, OuterRef
from django.db.models.functions import Cast, Extract

from jobs.imaging.host import Pause
from jobs.models import PausedHost, Worker
from jobs.models.compiled import ANY_NUMBER, Select
from jobs.models.expressions import ClockTimestamp

# As many as a process reads; of the others it knows those that it has paused itself.
MOST_SHARED = 1_000

_read = Select(
    lambda: (
        PausedHost.objects.annotate(
            wait=Cast(Extract(F("until") - ClockTimestamp(), "epoch"), FloatField()),
            age=Cast(Extract(ClockTimestamp() - F("since"), "epoch"), FloatField()),
        )
        .order_by("name")
        .values_list("name", "code", "message", "number", "wait", "age")[:ANY_NUMBER]
    )
)


def share_pauses(changed: Mapping[str, Pause | None]) -> None:
    """Share with the other processes the pauses that began or grew here, and those that ended."""
    now = monotonic()
    pauses = {name: pause for name, pause in changed.items() if pause is not None}
    # Two transactions, so that each locks in the order of the names.
    if ended := sorted(changed.keys() - pauses.keys()):
        with transaction.atomic():
            locked = PausedHost.objects.filter(name__in=ended).order_by("name").select_for_update()
            PausedHost.objects.filter(pk__in=list(locked.values_list("pk", flat=True))).delete()
    if pauses:
        PausedHost.objects.pause(
            {
                "name": name,
                "code": pause.code,
                "message": pause.message[:500],
                "number": pause.number,
                "age": now - pause.since,
                "wait": pause.until - now,
            }
            for name, pause in pauses.items()
        )


def shared_pauses() -> tuple[dict[str, Pause], str | None]:
    """The hosts that are paused for all, by name; their moments are those of this process's monotonic clock.

    Where there are more than MOST_SHARED, the first ones, and the last name among them; else None in its place.
    """
    rows = _read(limit=MOST_SHARED)
    now = monotonic()
    pauses = {
        name: Pause(now + wait, now - max(age, 0.0), code, message, number)
        for name, code, message, number, wait, age in rows
    }
    return pauses, rows[-1][0] if len(rows) == MOST_SHARED else None


def take_probes(worker_id: int, hosts: Sequence[str]) -> list[str]:
    """Those of these hosts that this worker may try now; no other will, while it lives and has not reported back.

    Within a transaction.
    """
    others = Worker.objects.filter(pk=OuterRef("probed_by")).exclude(pk=worker_id)
    over = PausedHost.objects.filter(~Exists(others), name__any=list(hosts), until__lte=ClockTimestamp())
    # Locked one after the other, in the order of their names.
    locked = over.order_by("name").select_for_update(no_key=True, skip_locked=True)
    names = list(locked.values_list("name", flat=True))
    if names:
        PausedHost.objects.filter(name__any=names).update(probed_by=worker_id)
    return names


def resume_host(name: str) -> bool:
    """Have a host tried again at once, as a person wishes. Returns whether it was paused."""
    deleted, _ = PausedHost.objects.filter(name=name).delete()
    return deleted > 0
