"""Which events an endpoint's owner may read, at this moment: asked before one is sent, and whenever the log is read.

Else whoever once might read all jobs, and made an endpoint that is told of them, would go on reading in its log what is
not sent to them any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, Subquery

from access import rights
from webhooks.kinds import EventType
from webhooks.models import Delivery, DeliveryQuerySet, Endpoint, Event

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


def may_read(owner: User | None, event: Event) -> bool:
    """`owner` is None for endpoints that are nobody's."""
    is_own = event.owner_id == (owner.pk if owner else None) and not event.of_all
    return event.type == EventType.STORES_IMPORTED or is_own or rights.may_read_all_jobs(owner)


def deliveries_of(endpoint: Endpoint, reader: User | AnonymousUser | None) -> DeliveryQuerySet:
    """Those of the endpoint, which is the reader's own, whose events they may read: the same rule, for many rows."""
    found = Delivery.objects.filter(endpoint=endpoint)
    if rights.may_read_all_jobs(reader):
        return found
    owner = rights.owner_of(reader)
    is_own = Q(owner_id=owner.pk) if owner else Q(owner_id__isnull=True)
    events = Event.objects.filter(Q(type=EventType.STORES_IMPORTED) | (is_own & Q(of_all=False)))
    # By one step in an index for each row: for a join, the planner may look through all events.
    told = Subquery(events.filter(pk=OuterRef("event_id")).values("pk"))
    return found.annotate(readable_event=told).filter(readable_event__isnull=False)
