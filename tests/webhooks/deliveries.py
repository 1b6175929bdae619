"""Endpoints and deliveries as the engines leave them, without anything being sent."""

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from webhooks import endpoints
from webhooks.kinds import EventType
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledFor, Endpoint, Event
from webhooks.outbox import new_uid

URL = "https://receiver.example/hooks"
BODY = '{"type":"job.ended","timestamp":"2026-11-22T06:21:00.387Z","data":{"id":17}}'


def make_endpoint(owner: User | None = None, **values: Any) -> Endpoint:
    given = {"url": URL, "events": ["job.ended"], **values}
    return endpoints.create(owner, **given)


def make_delivery(endpoint: Endpoint, event_type: EventType = EventType.JOB_ENDED, **values: Any) -> Delivery:
    event = Event.objects.create(uid=new_uid(), type=event_type, owner_id=endpoint.owner_id, job_id=17, body=BODY)
    return Delivery.objects.create(event=event, endpoint=endpoint, **values)


def make_failed(endpoint: Endpoint, event_type: EventType = EventType.JOB_ENDED, *, attempts: int = 2) -> Delivery:
    """With its last attempts in the log: first no answer, then 500."""
    now = timezone.now()
    failed = make_delivery(endpoint, event_type, state=DeliveryState.FAILED, attempts=attempts, ended_at=now)
    for number in range(1, attempts + 1):
        answered: dict[str, Any] = (
            {"status": 500, "answer": "<b>Oh"}
            if number > 1
            else {"error_code": "read_timeout", "error_message": "Nothing came in time."}
        )
        Attempt.objects.create(
            delivery=failed,
            number=number,
            url=endpoint.url,
            timestamp=int(now.timestamp()),
            milliseconds=120,
            **answered,
        )
    return failed


def disable_by_itself(endpoint: Endpoint, reason: DisabledFor = DisabledFor.GONE) -> Endpoint:
    """As a sender does."""
    Endpoint.objects.filter(pk=endpoint.pk).update(disabled_for=reason, disabled_at=timezone.now())
    endpoint.refresh_from_db()
    return endpoint
