"""Paused hosts, as the processes of one database share them: one row a host, see `models/paused_host.py`.

Who pauses a host writes its row, everybody reads it at the next round, and whose probe is answered deletes it. Which
process probes is settled by the row: a probe belongs to a living worker.
"""

from collections.abc import Mapping, Sequence
from time import monotonic

from django.db import transaction

from jobs.imaging.host import Pause
from jobs.models import PausedHost
from jobs.queue.completion import execute

# As many as a process reads; of the others it knows those that it has paused itself.
MOST_SHARED = 1_000

# In the order of the names: all who lock several rows do so.
_PAUSE = """
    INSERT INTO jobs_pausedhost (name, code, message, since, until, number)
    SELECT name, code, message, clock_timestamp() - make_interval(secs => age),
        clock_timestamp() + make_interval(secs => wait), number
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::int[])
        AS new (name, code, message, age, wait, number)
    ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
        code = excluded.code, message = excluded.message, probed_by = NULL, changed_at = clock_timestamp(),
        since = least(jobs_pausedhost.since, excluded.since),
        until = greatest(jobs_pausedhost.until, excluded.until),
        number = greatest(jobs_pausedhost.number, excluded.number)
"""
_READ = """
    SELECT name, code, message, number,
        extract(epoch FROM until - clock_timestamp())::float8, extract(epoch FROM clock_timestamp() - since)::float8
    FROM jobs_pausedhost ORDER BY name LIMIT %s
"""
# Locked one after the other, in the order of their names.
_TAKE_PROBES = """
    UPDATE jobs_pausedhost SET probed_by = %s
    WHERE name IN (
        SELECT name FROM jobs_pausedhost host
        WHERE name = ANY(%s) AND until <= clock_timestamp() AND NOT EXISTS (
            SELECT FROM jobs_worker WHERE id = host.probed_by AND id <> %s
        )
        ORDER BY name FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING name
"""


def share_pauses(changed: Mapping[str, Pause | None]) -> None:
    """Tell the other processes of the pauses that began or grew here, and of those that ended."""
    now = monotonic()
    pauses = {name: pause for name, pause in changed.items() if pause is not None}
    # Two transactions, so that each locks in the order of the names.
    if ended := sorted(changed.keys() - pauses.keys()):
        with transaction.atomic():
            locked = PausedHost.objects.filter(name__in=ended).order_by("name").select_for_update()
            PausedHost.objects.filter(pk__in=list(locked.values_list("pk", flat=True))).delete()
    if pauses:
        with transaction.atomic():
            execute(
                _PAUSE,
                [
                    list(pauses),
                    [pause.code for pause in pauses.values()],
                    [pause.message[:500] for pause in pauses.values()],
                    [now - pause.since for pause in pauses.values()],
                    [pause.until - now for pause in pauses.values()],
                    [pause.number for pause in pauses.values()],
                ],
            )


def shared_pauses() -> tuple[dict[str, Pause], str | None]:
    """The hosts that are paused for all, by name; their moments are those of this process's monotonic clock.

    Where there are more than MOST_SHARED, the first ones, and the last name among them; else None in its place.
    """
    rows = execute(_READ, [MOST_SHARED])
    now = monotonic()
    pauses = {
        name: Pause(now + wait, now - max(age, 0.0), code, message, number)
        for name, code, message, number, wait, age in rows
    }
    return pauses, rows[-1][0] if len(rows) == MOST_SHARED else None


def take_probes(worker_id: int, hosts: Sequence[str]) -> list[str]:
    """Of these hosts those that this worker may try now; no other will, while it lives and has not said how it went."""
    return [name for (name,) in execute(_TAKE_PROBES, [worker_id, list(hosts), worker_id])]


def resume_host(name: str) -> bool:
    """A person's wish to try a host again at once. Returns whether it was paused."""
    deleted, _ = PausedHost.objects.filter(name=name).delete()
    return deleted > 0
