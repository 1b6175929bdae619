from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import BooleanField, Func, IntegerField, Q, Value
from django.db.models.functions import Cast, Now

from jobs.models.locks import LocksMixin
from retail_pulse.db import advisory_locks


class WorkerQuerySet(LocksMixin, models.QuerySet["Worker"]):
    def alive(self) -> WorkerQuerySet:
        """Workers whose heartbeat is no older than the lease."""
        return self.filter(beat_at__gte=Now() - timedelta(seconds=settings.LEASE_SECONDS))

    def silent(self) -> WorkerQuerySet:
        """Workers whose heartbeat is older than the lease."""
        return self.filter(beat_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))

    def dead(self) -> WorkerQuerySet:
        """Workers whose heartbeat's lock is free, or whose heartbeat is older than the lease.

        Under LEASE_ONLY the lock says nothing. To ask for a lock that is free is to hold it until the transaction ends.
        """
        if settings.LEASE_ONLY:
            return self.silent()
        lock_is_free = Func(
            Value(advisory_locks.WORKER),
            Cast("id", IntegerField()),
            function="pg_try_advisory_xact_lock",
            output_field=BooleanField(),
        )
        return self.filter(Q(pk__in=Worker.objects.silent().values("pk")) | Q(lock_is_free))


class Worker(models.Model):
    """One epoch of one engine process; deleted when it leaves, or by the process that rescues its claims.

    Nothing refers to it by a foreign key: `ImageResult.claimed_by` is a plain number, so that a final row may
    keep the number of a worker long gone.
    """

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    seats = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())
    # What it says of its model at each beat, see `jobs/engine/model_report.py`; null where there is nothing to say.
    model = models.JSONField(null=True, blank=True, editable=False)

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Worker {self.pk} ({self.host}, process {self.pid})"
