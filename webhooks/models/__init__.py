"""Endpoints, what they are told, and what became of it."""

from webhooks.models.attempt import Attempt
from webhooks.models.delivery import Delivery, DeliveryQuerySet, DeliveryState
from webhooks.models.endpoint import DisabledFor, Endpoint, EndpointQuerySet
from webhooks.models.event import Event

__all__ = [
    "Attempt",
    "Delivery",
    "DeliveryQuerySet",
    "DeliveryState",
    "DisabledFor",
    "Endpoint",
    "EndpointQuerySet",
    "Event",
]
