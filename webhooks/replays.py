"""Sending again what was delivered or has failed: the same event under the same `webhook-id`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs.queue import database_now
from webhooks.endpoints import Refused
from webhooks.models import Delivery, DeliveryState, Endpoint
from webhooks.readers import hides_many

# Deliveries of one transaction.
SLICE = 1_000
# Deliveries that one request sends again.
MOST_REPLAYED = 10_000

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


class Replayed(NamedTuple):
    """How many deliveries are sent again, and whether there may be more of them."""

    deliveries: int
    more: bool


def replay_failed(endpoint: Endpoint, since: datetime, most: int | None = None) -> Replayed:
    """Send again what has failed since then, the first that failed first; `most` of it, if given.

    What fails once more meanwhile is not sent another time. Raises Refused where the endpoint is disabled.
    """
    number, until = 0, database_now()
    while most is None or number < most:
        limit = SLICE if most is None else min(SLICE, most - number)
        found = _replay_slice(endpoint, since, until, limit)
        number += found
        if found < limit:
            return Replayed(number, more=False)
    return Replayed(number, more=True)


def replay_for(owner: User | AnonymousUser, endpoint: Endpoint, since: datetime) -> Replayed:
    """As `replay_failed` at its owner's request, MOST_REPLAYED at most.

    Raises Refused also where it is told of jobs that they may not read any more: the number would say how many ended.
    """
    if hides_many(endpoint, owner):
        raise Refused(
            "of_all", "It is told of all jobs, which you may not read any more: replay deliveries one by one."
        )
    return replay_failed(endpoint, since, MOST_REPLAYED)


def _replay_slice(endpoint: Endpoint, since: datetime, until: datetime, limit: int) -> int:
    _check(endpoint)
    with transaction.atomic():
        failed = Delivery.objects.failed().filter(endpoint_id=endpoint.pk, ended_at__gte=since, ended_at__lte=until)
        slice_ = failed.order_by("ended_at").select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit]
        return Delivery.objects.filter(id__any=list(slice_)).update(**_AGAIN)


def _check(endpoint: Endpoint) -> None:
    if not Endpoint.objects.enabled().filter(pk=endpoint.pk).exists():
        raise Refused("", "The endpoint is disabled; enable it first.")
