"""Sending again what was delivered or has failed: the same event with the same number, so that receivers know it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from webhooks.endpoints import Refused
from webhooks.models import Delivery, DeliveryState, Endpoint

# Deliveries of one transaction.
MOST_REPLAYED = 1_000

_AGAIN = {"state": DeliveryState.PENDING, "attempts": 0, "due_at": Now(), "sender_id": None, "ended_at": None}


def replay(delivery: Delivery) -> Delivery:
    """Send it once more, at once and with all attempts anew; also where it waits for its next attempt.

    Raises Refused where it is on its way already, or its endpoint is disabled.
    """
    _check(delivery.endpoint)
    is_waiting = Q(attempts__gt=0, sender_id=None, due_at__gt=Now())
    is_idle = Delivery.objects.filter(~Q(state=DeliveryState.PENDING) | is_waiting, pk=delivery.pk)
    if not is_idle.update(**_AGAIN):
        raise Refused("", "The delivery is on its way: it is sent without that.")
    delivery.refresh_from_db()
    return delivery


def replay_failed(
    endpoint: Endpoint, since: datetime, most: int = MOST_REPLAYED, *, until: datetime | None = None
) -> int:
    """Send again at most `most` of the endpoint's deliveries that have failed since then, the first that failed first.

    Returns how many; call it again until there are none, with the time of the first call as `until`: else what fails
    once more meanwhile is sent again, too. Raises Refused where the endpoint is disabled.
    """
    _check(endpoint)
    with transaction.atomic():
        failed = Delivery.objects.failed().filter(endpoint_id=endpoint.pk, ended_at__gte=since)
        if until is not None:
            failed = failed.filter(ended_at__lt=until)
        slice_ = failed.order_by("ended_at").select_for_update(skip_locked=True).values_list("pk", flat=True)[:most]
        return Delivery.objects.filter(id__any=list(slice_)).update(**_AGAIN)


def _check(endpoint: Endpoint) -> None:
    if not Endpoint.objects.enabled().filter(pk=endpoint.pk).exists():
        raise Refused("", "The endpoint is disabled; enable it first.")
