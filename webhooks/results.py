"""Recording attempts: of several in one transaction, each only where its lease still holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Case, Value, When
from django.db.models.lookups import Exact

from jobs.errors import Internal
from jobs.models.expressions import ClockTimestamp, FromRow, Seconds
from jobs.models.update_from import UpdateFrom
from jobs.queue import database_now
from webhooks import schedule
from webhooks.attempts import NOT_ALLOWED, Result
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledFor, Endpoint

# After so long of nothing but failures, nothing more is sent until a person enables the endpoint again.
DISABLED_AFTER = timedelta(days=5)

_goes_on = Exact(FromRow("state", models.CharField()), Value(DeliveryState.PENDING))
# What somebody has replayed or taken over meanwhile is left alone.
_record = UpdateFrom(
    Delivery.objects.pending,
    match=["id", "sender_id", "due_at"],
    fields=["state", "attempts"],
    also={"wait": models.FloatField()},
    returning=["id"],
    sender_id=None,
    due_at=ClockTimestamp() + Seconds(FromRow("wait")),
    ended_at=Case(When(_goes_on, then=None), default=ClockTimestamp()),
)
_LEARNED = ["failures", "failing_since", "succeeded_at", "rests_until", "last_ms", "disabled_for", "disabled_at"]
_learn = UpdateFrom(Endpoint.objects.all, fields=_LEARNED)


def record(sender_id: int, results: Sequence[Result]) -> int:
    """What became of the deliveries, a line of the log for each, and what it says of the endpoints.

    Returns how many leases still held; of the others nothing is written: another process has sent them again.
    """
    with transaction.atomic():
        # In the order of their ids, so that two processes wait for one another in no circle.
        held = Endpoint.objects.select_for_update(no_key=True).order_by("pk")
        endpoints = {each.pk: each for each in held.filter(id__any=sorted({r.claim.endpoint.pk for r in results}))}
        recorded = {delivery_id for (delivery_id,) in _record.returned(_row(sender_id, each) for each in results)}
        ours = [each for each in results if each.claim.id in recorded]
        Attempt.objects.bulk_create(_line(each) for each in ours)
        now = database_now()
        learned = set()
        for each in ours:
            endpoint = endpoints.get(each.claim.endpoint.pk)
            if endpoint is not None and each.error_code not in (NOT_ALLOWED, Internal.code):
                _take_in(endpoint, each, now)
                learned.add(endpoint.pk)
        _learn({"id": pk} | {name: getattr(endpoints[pk], name) for name in _LEARNED} for pk in sorted(learned))
    return len(ours)


def _row(sender_id: int, result: Result) -> dict[str, Any]:
    attempts = result.claim.attempts + 1
    wait = None if result.is_gone or result.error_code == NOT_ALLOWED else schedule.wait(attempts, result.retry_after)
    if result.is_delivered:
        state = DeliveryState.DELIVERED
    else:
        state = DeliveryState.FAILED if wait is None else DeliveryState.PENDING
    return {
        "id": result.claim.id,
        "sender_id": sender_id,
        "due_at": result.claim.lease,
        "state": state,
        "attempts": attempts,
        "wait": wait or 0.0,
    }


def _line(result: Result) -> Attempt:
    return Attempt(
        delivery_id=result.claim.id,
        number=result.claim.attempts + 1,
        url=result.claim.endpoint.url,
        timestamp=result.timestamp,
        milliseconds=result.milliseconds,
        status=result.status,
        error_code=result.error_code,
        error_message=result.error_message,
        answer=result.answer,
    )


def _take_in(endpoint: Endpoint, result: Result, now: datetime) -> None:
    """What an attempt says of its endpoint."""
    endpoint.last_ms = result.milliseconds
    if result.is_delivered:
        endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None
        endpoint.succeeded_at = now
        return
    # What was under way when another failure was recorded tells of the same one.
    is_known = endpoint.failures > result.claim.endpoint.failures
    endpoint.failures += not is_known
    endpoint.failing_since = endpoint.failing_since or now
    rest = schedule.asked(result.retry_after) if is_known else schedule.rest(endpoint.failures, result.retry_after)
    endpoint.rests_until = max(endpoint.rests_until or now, now + timedelta(seconds=rest))
    if endpoint.disabled_for:
        return
    if result.is_gone:
        endpoint.disabled_for, endpoint.disabled_at = DisabledFor.GONE, now
    elif now - endpoint.failing_since >= DISABLED_AFTER:
        endpoint.disabled_for, endpoint.disabled_at = DisabledFor.FAILING, now
