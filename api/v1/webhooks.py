"""Webhooks: addresses that are told of events, their secrets, and tests of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import pages, parameters, problems, request_bodies, webhook_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.views import V1View, find_by_id, path_id
from api.v1.webhook_serializers import DeliveryRow, EndpointRow, EndpointWithSecret
from webhooks import delivery_log, endpoints
from webhooks.models import Endpoint, EndpointQuerySet

WEBHOOK_ID = path_id("webhook_id", "A webhook's id.")
NEEDS_ALL = "A webhook that is told of everybody's jobs takes the permission to view jobs."
_MOST_ID = 999_999_999
_JOB = parameters.integer(
    "job", "The webhook of this job's `callback_url`; without it, those that you have set up.", 1, _MOST_ID
)


class WebhookView(V1View):
    tag = "webhooks"

    def own(self) -> EndpointQuerySet:
        return Endpoint.objects.owned_by(self.request.user)

    def find_webhook(self, webhook_id: str) -> Endpoint:
        """Raises a Refusal where the caller has none with this id."""
        return find_by_id(self.own(), webhook_id, "webhook")


class Webhooks(WebhookView):
    scopes = {"POST": Scope.MANAGE}
    parameters = {"GET": (_JOB, *parameters.PAGE)}
    refusals = {"POST": (409,)}

    @describe(summary="List webhooks", responses=pages.page_of(EndpointRow))
    def get(self, request: Request) -> Response:
        """Your own, in the order in which they were made; without their secrets."""
        page = parameters.page_of(self.query)
        found = self.own().filter(job_id=self.query["job"]) if "job" in self.query else self.own().lasting()
        return Response(pages.answer(EndpointRow, page.of(found)))

    @describe(
        summary="Add a webhook",
        request={"application/json": webhook_bodies.NEW_BODY},
        responses={201: EndpointWithSecret},
        examples=[OpenApiExample("Tell a warehouse", webhook_bodies.EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """An address that is told of the chosen events of your jobs, see `webhooks` in this document.

        The answer shows its secret, this once. 409 where you have as many webhooks as one user may have.
        """
        values = request_bodies.read_object(request.data, webhook_bodies.NEW, ("url", "events"))
        if values.get("of_all") and not rights.may_read_all_jobs(request.user):
            raise problems.Refusal(Problem.NOT_ALLOWED, NEEDS_ALL)
        with conflicts():
            endpoint = endpoints.create(rights.owner_of(request.user), **values)
        headers = {"Location": reverse("v1:webhook", args=[endpoint.pk])}
        return Response(EndpointWithSecret(endpoint).data, status=201, headers=headers)


class OneWebhook(WebhookView):
    scopes = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
    path_parameters = (WEBHOOK_ID,)

    @describe(summary="Read a webhook", responses=EndpointRow)
    def get(self, request: Request, webhook_id: str) -> Response:
        """With how it has fared lately; without its secret."""
        return Response(EndpointRow(self.find_webhook(webhook_id)).data)

    @describe(
        summary="Change a webhook",
        request={"application/json": webhook_bodies.CHANGES_BODY},
        responses=EndpointRow,
        examples=[OpenApiExample("Switch it off", {"enabled": False}, request_only=True)],
    )
    def patch(self, request: Request, webhook_id: str) -> Response:
        """What is not given stays as it is.

        `{"enabled": true}` is the way back after it was disabled, by whomever: what happens from then on is sent to
        it. What has failed meanwhile is sent by `replay-failed`.
        """
        endpoint = self.find_webhook(webhook_id)
        values = request_bodies.read_object(request.data, webhook_bodies.CHANGES)
        enabled = values.pop("enabled", None)
        endpoints.change(endpoint, **values)
        if enabled is not None:
            (endpoints.enable if enabled else endpoints.disable)(endpoint)
        return Response(EndpointRow(endpoint).data)

    @describe(
        summary="Delete a webhook",
        request=None,
        responses={204: OpenApiResponse(description="It is deleted.")},
    )
    def delete(self, request: Request, webhook_id: str) -> Response:
        """With its log: what is pending is not sent any more."""
        request_bodies.read_nothing(request.data)
        endpoints.delete(self.find_webhook(webhook_id))
        return Response(status=204)


class RotateSecret(WebhookView):
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    path_parameters = (WEBHOOK_ID,)

    @describe(summary="Rotate a webhook's secret", request=None, responses=EndpointWithSecret)
    def post(self, request: Request, webhook_id: str) -> Response:
        """A new secret, shown this once. Until `old_secret_until`, for 24 hours, every request has both signatures."""
        request_bodies.read_nothing(request.data)
        return Response(EndpointWithSecret(endpoints.rotate(self.find_webhook(webhook_id))).data)


class SendTest(WebhookView):
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    refusals = {"POST": (409,)}
    path_parameters = (WEBHOOK_ID,)

    @describe(summary="Send a test", request=None, responses={201: DeliveryRow})
    def post(self, request: Request, webhook_id: str) -> Response:
        """A `webhook.test` event, whatever events were chosen. The answer is its delivery, not yet sent.

        409 where the webhook is disabled.
        """
        request_bodies.read_nothing(request.data)
        endpoint = self.find_webhook(webhook_id)
        with conflicts():
            delivery = endpoints.send_test(endpoint)
        return Response(DeliveryRow(delivery_log.find(delivery.pk)).data, status=201)


@contextmanager
def conflicts() -> Iterator[None]:
    """A Refusal, where what was asked for is refused for the state of things."""
    try:
        yield
    except endpoints.Refused as refused:
        raise problems.Refusal(Problem.CONFLICT, str(refused)) from None
