"""Whether the owner of an endpoint may read, at this moment, what an event is about."""

from __future__ import annotations

from math import inf
from time import monotonic

from django.contrib.auth.models import User

from access import rights
from webhooks.kinds import EventType
from webhooks.models import Endpoint, Event

# For how long it is known what an endpoint's owner may read.
KNOWN_SECONDS = 10.0


class Readers:
    """The owners of endpoints, each read again after KNOWN_SECONDS; for one thread."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, User | None]] = {}

    def may_be_told(self, endpoint: Endpoint, event: Event) -> bool:
        """Raises django.db.Error."""
        if endpoint.owner_id is None:
            return event.owner_id is None and not event.of_all
        owner = self._active(endpoint.owner_id)
        if owner is None:
            return False
        is_everybodys = event.type == EventType.STORES_IMPORTED
        is_own = event.owner_id == endpoint.owner_id and not event.of_all
        return is_everybodys or is_own or rights.may_read_all_jobs(owner)

    def _active(self, user_id: int) -> User | None:
        """The user with its rights; None where it may not even sign in."""
        read_at, user = self._known.get(user_id, (-inf, None))
        if monotonic() - read_at > KNOWN_SECONDS:
            user = User.objects.filter(pk=user_id, is_active=True).first()
            self._known[user_id] = monotonic(), user
        return user
