from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections, models
from django.db.models.functions import Now

from jobs.models.given_rows import AnyRow, GivenRows

# An INSERT … ON CONFLICT of which the longer pause wins: `bulk_create` can only overwrite. In the order of the names:
# all who lock several rows do so.
_PAUSE = """
    INSERT INTO jobs_pausedhost (name, code, message, since, until, number)
    SELECT name, code, message, clock_timestamp() - make_interval(secs => age),
        clock_timestamp() + make_interval(secs => wait), number
    FROM {rows} ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
        code = excluded.code, message = excluded.message, probed_by = NULL, changed_at = clock_timestamp(),
        since = least(jobs_pausedhost.since, excluded.since),
        until = greatest(jobs_pausedhost.until, excluded.until),
        number = greatest(jobs_pausedhost.number, excluded.number)
"""


class PausedHostQuerySet(models.QuerySet["PausedHost"]):
    def pause(self, rows: Iterable[AnyRow]) -> None:
        """Write pauses, or make those that are there longer; no name twice.

        A row holds `name`, `code`, `message` and `number` as the model has them, `age`, the seconds since the host
        first refused, and `wait`, the seconds until the pause is over.
        """
        fields: dict[str, Any] = {name: self.model._meta.get_field(name) for name in _PLAIN}
        given = GivenRows({**fields, "age": models.FloatField(), "wait": models.FloatField()})
        connection = connections[self.db]
        if (holding := given.as_parameter(rows, connection)) is not None:
            with connection.cursor() as cursor:
                cursor.execute(_PAUSE.format(rows=given.as_sql(connection)), [holding])


_PLAIN = ["name", "code", "message", "number"]


class PausedHost(models.Model):
    """An image host that gets no request for a while, as all processes of this database agree.

    The row begins with the refusals of several different images and goes with the first answer. See
    `imaging/host_limits.py` for when, and `queue/hosts.py` for how the processes share it.
    """

    # As "photos.example:443".
    name = models.CharField(max_length=262, unique=True, db_collation="C")
    # Of the last refusal.
    code = models.CharField(max_length=32)
    message = models.CharField(max_length=500)
    # When the host refused for the first time since its last answer.
    since = models.DateTimeField()
    until = models.DateTimeField()
    # How many pauses in a row, this one included.
    number = models.PositiveIntegerField(default=1)
    # The worker that is trying whether the host has recovered; plain, like `ImageResult.claimed_by`.
    probed_by = models.BigIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    objects = PausedHostQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
