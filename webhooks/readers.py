"""Whether the owner of an endpoint may read, at this moment, what an event is about.

Asked before it is sent, and whenever the log is read: else whoever might read all jobs once, and made an endpoint that
is told of them, would go on reading in its log what is not sent to them any more.
"""

from __future__ import annotations

from math import inf
from time import monotonic

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, Q, Subquery

from access import rights
from webhooks.kinds import EventType
from webhooks.models import Delivery, DeliveryQuerySet, Endpoint, Event

# For how long it is known what an endpoint's owner may read.
KNOWN_SECONDS = 10.0
# Owners that one process knows; beyond, it begins anew.
MOST_KNOWN = 4_096


def deliveries_of(endpoint: Endpoint, owner: User | AnonymousUser) -> DeliveryQuerySet:
    """Those of its log whose events its owner may read: the rule of `Readers.may_be_told`, for many rows."""
    found = Delivery.objects.filter(endpoint=endpoint)
    if rights.may_read_all_jobs(owner):
        return found
    is_own = Q(owner_id=owner.pk) if owner.is_authenticated else Q(owner_id__isnull=True)
    events = Event.objects.filter(Q(type=EventType.STORES_IMPORTED) | (is_own & Q(of_all=False)))
    # By one step in an index for each row: for a join, the planner may look through all events.
    told = Subquery(events.filter(pk=OuterRef("event_id")).values("pk"))
    return found.annotate(readable_event=told).filter(readable_event__isnull=False)


def hides_many(endpoint: Endpoint, owner: User | AnonymousUser) -> bool:
    """Whether its log may hold many deliveries that its owner may not read any more."""
    return endpoint.of_all and not rights.may_read_all_jobs(owner)


class Readers:
    """The owners of endpoints, each read again after KNOWN_SECONDS; for one thread."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, User | None]] = {}

    def may_be_told(self, endpoint: Endpoint, event: Event) -> bool:
        """Raises django.db.Error."""
        owner = None if endpoint.owner_id is None else self._active(endpoint.owner_id)
        if owner is None and endpoint.owner_id is not None:
            return False
        is_everybodys = event.type == EventType.STORES_IMPORTED
        is_own = event.owner_id == endpoint.owner_id and not event.of_all
        return is_everybodys or is_own or rights.may_read_all_jobs(owner)

    def _active(self, user_id: int) -> User | None:
        """The user with its rights; None where it may not even sign in."""
        read_at, user = self._known.get(user_id, (-inf, None))
        if monotonic() - read_at > KNOWN_SECONDS:
            user = User.objects.filter(pk=user_id, is_active=True).first()
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[user_id] = monotonic(), user
        return user
