from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from webhooks.models.endpoint import Endpoint
from webhooks.models.event import Event


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    # After the last attempt, or because the endpoint was disabled.
    FAILED = "failed"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def pending(self) -> DeliveryQuerySet:
        return self.filter(state=DeliveryState.PENDING)

    def failed(self) -> DeliveryQuerySet:
        return self.filter(state=DeliveryState.FAILED)


class Delivery(models.Model):
    """One event on its way to one endpoint: the row of the outbox, and afterwards of the log."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    # Without a constraint: the outcomes of images must never wait for, or fail by, somebody who deletes an endpoint.
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.DO_NOTHING, related_name="deliveries", db_index=False, db_constraint=False
    )
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.PENDING)
    # The attempts since it was stored, or last replayed, whose ends are recorded.
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    # When the next attempt is due. While one is under way: when it is given up for lost, and another process may try.
    due_at = models.DateTimeField(db_default=Now())
    # The worker that is sending it, until `due_at`; null is nobody.
    sender_id = models.BigIntegerField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_once"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                condition=models.Q(state=DeliveryState.PENDING),
                name="delivery_due",
            ),
            models.Index(fields=["endpoint", "id"], name="delivery_of_endpoint"),
            models.Index(
                fields=["endpoint", "ended_at"],
                condition=models.Q(state=DeliveryState.FAILED),
                name="delivery_failed",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"
