"""What is deleted of events, slice by slice: old ones, those of deleted jobs, and the log of deleted endpoints."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef
from django.db.models.functions import Now

from jobs.engine.companion import Companion
from jobs.models import Job
from jobs.queue import database_now
from webhooks.claims import pending_endpoints
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledFor, Endpoint, Event

logger = logging.getLogger(__name__)

# How often one looks for something to delete.
LOOK_SECONDS = 30.0
# Rows of one transaction: of events, of which each may have some deliveries, or of deliveries.
MOST_ROWS = 1_000


class Forgetter(Companion):
    """Two that look at once delete each row once."""

    name = "webhook-retention"
    on_error = "deleting events again"

    @property
    def seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> None:
        self.rest_between(slices(database_now() - timedelta(days=settings.WEBHOOK_LOG_DAYS)))


def slices(before: datetime) -> Iterator[None]:
    """One transaction after the other, until nothing is left that is older than `before` or belongs to nobody."""
    after: int | None = 0
    while after is not None:
        after = fail_of_disabled(after)
        yield
    while forget_events(before):
        yield
    while forget_deleted():
        yield
    while forget_callbacks(before):
        yield


def fail_of_disabled(after: int) -> int | None:
    """End what waits for endpoints that are disabled, of the next ones behind the id `after`.

    Returns the id to go on behind, None after the last one. What is being sent at this moment is left alone.
    """
    endpoint_ids = pending_endpoints(after, MOST_ROWS)
    if not endpoint_ids:
        return None
    enabled = set(Endpoint.objects.enabled().filter(pk__in=endpoint_ids).values_list("pk", flat=True))
    for endpoint_id in endpoint_ids:
        if endpoint_id in enabled:
            continue
        with transaction.atomic():
            waiting = Delivery.objects.pending().filter(endpoint_id=endpoint_id)
            free = waiting.exclude(sender_id__isnull=False, due_at__gt=Now()).select_for_update(skip_locked=True)
            failed = list(free.order_by("due_at").values_list("pk", flat=True)[:MOST_ROWS])
            Delivery.objects.filter(id__any=failed).update(state=DeliveryState.FAILED, ended_at=Now(), sender_id=None)
        if len(failed) == MOST_ROWS:
            return int(endpoint_id) - 1
    return int(endpoint_ids[-1]) if len(endpoint_ids) == MOST_ROWS else None


def forget_events(before: datetime) -> int:
    """Delete the oldest events with all that became of them; returns how many."""
    with transaction.atomic():
        old = Event.objects.filter(created_at__lt=before).order_by("created_at")
        return _delete_events(list(old.values_list("pk", flat=True)[:MOST_ROWS]))


def forget_jobs(job_ids: list[int], most: int) -> int:
    """Delete events of these jobs, and the jobs' own endpoints once no event is left; returns how many events."""
    of_jobs = Event.objects.filter(id__any=_events_of(job_ids, most))
    deleted = _delete_events(list(of_jobs.values_list("pk", flat=True)))
    if deleted < most:
        _delete(Endpoint, "job_id", job_ids)
    return deleted


def forget_deleted() -> int:
    """Delete the log of an endpoint that is deleted, then the endpoint; returns how many rows."""
    endpoint = Endpoint.with_deleted.filter(disabled_for=DisabledFor.DELETED).order_by("pk").first()
    if endpoint is None:
        return 0
    with transaction.atomic():
        of_endpoint = Delivery.objects.filter(endpoint_id=endpoint.pk).order_by("id")
        deliveries = list(of_endpoint.values_list("pk", flat=True)[:MOST_ROWS])
        _delete_deliveries(deliveries)
        if len(deliveries) < MOST_ROWS:
            _delete(Endpoint, "id", [endpoint.pk])
    return len(deliveries) + 1


def forget_callbacks(before: datetime) -> int:
    """Delete endpoints of single jobs that ended, or were deleted, long ago, so that nothing is left of them in the
    log."""
    ongoing = Job.with_deleted.filter(pk=OuterRef("job_id")).exclude(finished_at__lt=before)
    old = Endpoint.with_deleted.filter(job_id__isnull=False, created_at__lt=before).exclude(Exists(ongoing))
    waiting = Delivery.objects.filter(endpoint_id=OuterRef("pk"))
    gone = old.exclude(Exists(waiting)).order_by("created_at")
    deleted = list(gone.values_list("pk", flat=True)[:MOST_ROWS])
    return _delete(Endpoint, "id", deleted)


def _events_of(job_ids: Sequence[int], most: int) -> list[int]:
    """Written so that only the index of the jobs' events is read, whatever the statistics say."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT event.id FROM unnest(%s::bigint[]) AS job (id) CROSS JOIN LATERAL (
                SELECT id FROM webhooks_event WHERE job_id = job.id LIMIT %s
            ) event LIMIT %s
            """,
            [list(job_ids), most, most],
        )
        return [event_id for (event_id,) in cursor.fetchall()]


def _delete_events(event_ids: list[int]) -> int:
    """With all that became of them."""
    _delete_deliveries(list(Delivery.objects.filter(event__in=event_ids).values_list("pk", flat=True)))
    return _delete(Event, "id", event_ids)


def _delete_deliveries(delivery_ids: list[int]) -> None:
    # Locked, so that nobody records an attempt in between.
    list(Delivery.objects.filter(id__any=delivery_ids).order_by("pk").select_for_update().values_list("pk"))
    _delete(Attempt, "delivery_id", delivery_ids)
    _delete(Delivery, "id", delivery_ids)


def _delete(model: type[Model], column: str, ids: list[int]) -> int:
    """These rows alone; the ORM would first look for all that refers to them. Returns how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE {column} = ANY (%s)", [ids])  # noqa: S608 - names
        return int(cursor.rowcount)
