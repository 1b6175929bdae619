"""The log of a webhook's deliveries, and replays."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Scope
from api.pagination import Page, write_cursor
from api.v1 import pages, parameters, request_bodies, webhook_bodies
from api.v1.describe import describe
from api.v1.views import find_by_id, path_id
from api.v1.webhook_serializers import DeliveryDetail, DeliveryRow, Replayed
from api.v1.webhooks import WEBHOOK_ID, WebhookView, conflicts
from webhooks import delivery_log, replays
from webhooks.kinds import EventType
from webhooks.models import Delivery, DeliveryState
from webhooks.readers import deliveries_of

DELIVERY_ID = path_id("delivery_id", "A delivery's id.")
_FILTERS = (
    parameters.choice("state", "Deliveries in this state.", DeliveryState.values),
    parameters.choice("type", "Deliveries of events of this type.", EventType.values),
)


class Deliveries(WebhookView):
    path_parameters = (WEBHOOK_ID,)
    parameters = {"GET": (*_FILTERS, *parameters.PAGE)}

    @describe(summary="List a webhook's deliveries", responses=pages.page_of(DeliveryRow))
    def get(self, request: Request, webhook_id: str) -> Response:
        """The latest first. With a filter, a page may be short, or empty, though `next_cursor` leads to others."""
        asked = parameters.page_of(self.query)
        found = delivery_log.page(
            self.find_webhook(webhook_id),
            request.user,
            state=self.query.get("state", ""),
            event_type=self.query.get("type", ""),
            before=asked.after,
            limit=asked.limit,
        )
        cursor = None if found.next_before is None else write_cursor(found.next_before)
        return Response(pages.answer(DeliveryRow, Page(found.rows, cursor)))


class OneDelivery(WebhookView):
    path_parameters = (WEBHOOK_ID, DELIVERY_ID)

    @describe(summary="Read a delivery", responses=DeliveryDetail)
    def get(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """The request as it is sent, and each attempt with what came back."""
        return Response(self.detail(webhook_id, delivery_id))

    def find_delivery(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Raises a Refusal where the caller has none with this id at this webhook."""
        readable = deliveries_of(self.find_webhook(webhook_id), self.request.user)
        return find_by_id(readable, delivery_id, "delivery")

    def detail(self, webhook_id: str, delivery_id: str) -> Any:
        delivery: Any = delivery_log.find(self.find_delivery(webhook_id, delivery_id).pk)
        delivery.request = delivery_log.request_of(delivery)
        delivery.shown_attempts = delivery_log.attempts(delivery)
        return DeliveryDetail(delivery).data


class ReplayDelivery(OneDelivery):
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    refusals = {"POST": (409,)}

    @describe(summary="Replay a delivery", request=None, responses=DeliveryDetail)
    def post(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """The same event with the same `webhook-id`, to where the webhook leads now.

        One that waits for its next attempt is sent at once.

        409 while it is on its way, and where the webhook is disabled.
        """
        request_bodies.read_nothing(request.data)
        delivery = self.find_delivery(webhook_id, delivery_id)
        with conflicts():
            replays.replay(delivery)
        return Response(self.detail(webhook_id, delivery_id))


class ReplayFailed(WebhookView):
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    refusals = {"POST": (409,)}
    path_parameters = (WEBHOOK_ID,)

    @describe(
        summary="Replay a webhook's failed deliveries",
        request={"application/json": webhook_bodies.SINCE_BODY},
        responses=Replayed,
        examples=[OpenApiExample("Since a time", {"since": "2026-01-31T17:00:00Z"}, request_only=True)],
    )
    def post(self, request: Request, webhook_id: str) -> Response:
        """All that have failed at `since` or later, those first that failed first. 409 where the webhook is disabled.

        Many are taken in parts: ask again while `more` is true.
        """
        since = request_bodies.read_object(request.data, webhook_bodies.SINCE, ("since",))["since"]
        endpoint = self.find_webhook(webhook_id)
        with conflicts():
            replayed = replays.replay_for(request.user, endpoint, since)
        return Response(Replayed(replayed).data)
