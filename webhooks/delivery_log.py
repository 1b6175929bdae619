"""What is read of an endpoint's log: deliveries page by page, by key, and each page from a bounded number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import JSONObject

from jobs.imaging.request_headers import REQUEST_HEADERS
from webhooks.models import Attempt, Delivery, DeliveryQuerySet, Endpoint, Event
from webhooks.readers import deliveries_of, hides_many

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# Deliveries that one page looks at where it is narrowed: those that fit may be far between.
MOST_SEARCHED = 20_000
# Attempts that are shown of one delivery, the latest ones.
MOST_ATTEMPTS = 50

# By the index of their delivery: without the sum, the planner may look through the attempts of all deliveries from the
# latest one on, until it has met those of this one.
_LATEST_FIRST = (F("pk") + 0).desc()
_EVENT = Event.objects.filter(pk=OuterRef("event_id"))


class LogPage(NamedTuple):
    """Deliveries, each with its event and, as `last_attempt`, what came of its last attempt.

    `next_before` is the id before which the next page begins; None on the last page. A narrowed page may be short, or
    empty, though others follow.
    """

    rows: list[Delivery]
    next_before: int | None


def page(
    endpoint: Endpoint,
    reader: User | AnonymousUser,
    *,
    state: str = "",
    event_type: str = "",
    before: int = 0,
    limit: int,
) -> LogPage:
    """Up to `limit` deliveries that its owner, who reads them, may read, with ids below `before`, if given.

    Two statements at most, besides those about the reader.
    """
    found = deliveries_of(endpoint, reader)
    if before:
        found = found.filter(pk__lt=before)
    end = None
    if state or event_type or hides_many(endpoint, reader):
        of_endpoint = Delivery.objects.filter(endpoint=endpoint, **({"pk__lt": before} if before else {}))
        end = of_endpoint.order_by("-pk").values_list("pk", flat=True)[MOST_SEARCHED - 1 : MOST_SEARCHED].first()
        if end is not None:
            found = found.filter(pk__gte=end)
    if state:
        found = found.filter(state=state)
    if event_type:
        found = found.annotate(event_type=Subquery(_EVENT.values("type"))).filter(event_type=event_type)
    rows = list(_told(found.order_by("-pk"), limit + 1))
    if len(rows) > limit:
        return LogPage(rows[:limit], rows[limit - 1].pk)
    return LogPage(rows, end)


def find(delivery_id: int) -> Delivery:
    """As those of a page are, with its event's body. Raises Delivery.DoesNotExist."""
    for delivery in _told(Delivery.objects.filter(pk=delivery_id), 1, "body"):
        return delivery
    raise Delivery.DoesNotExist


def _told(deliveries: DeliveryQuerySet, limit: int, *more: str) -> Iterator[Delivery]:
    """With their events, and what came of their last attempts, by one step in an index for each.

    Not by a join: for that, the planner may look through all events, whatever is asked for.
    """
    fields = {name: F(name) for name in ("uid", "type", "job_id", "owner_id", "created_at", *more)}
    last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by(_LATEST_FIRST)
    said = {name: F(name) for name in ("status", "error_code", "milliseconds")}
    told = deliveries.annotate(
        told=Subquery(_EVENT.values(told=JSONObject(**fields))),
        last_attempt=Subquery(last.values(said=JSONObject(**said))[:1]),
    )
    for delivery in told[:limit]:
        event: dict[str, Any] = delivery.told  # type: ignore[attr-defined]  # annotated
        event["created_at"] = datetime.fromisoformat(event["created_at"])
        delivery.event = Event(pk=delivery.event_id, **event)
        yield delivery


def attempts(delivery: Delivery) -> list[Attempt]:
    """Of one delivery, the latest first; at most MOST_ATTEMPTS."""
    return list(Attempt.objects.filter(delivery=delivery).order_by(_LATEST_FIRST)[:MOST_ATTEMPTS])


def request_of(delivery: Delivery) -> dict[str, Any]:
    """The headers but for the signature, and the body, of the delivery's last attempt, or of its first if none was."""
    last = Attempt.objects.filter(delivery=delivery).order_by(_LATEST_FIRST).first()
    headers = {**REQUEST_HEADERS, "Content-Type": "application/json", "webhook-id": delivery.event.uid}
    if last is not None:
        headers["webhook-timestamp"] = str(last.timestamp)
    return {"headers": headers, "body": delivery.event.body}
