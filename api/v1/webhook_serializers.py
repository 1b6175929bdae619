"""Webhooks as documents of v1: endpoints, deliveries and attempts. Secrets are shown in two answers alone."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webhooks.kinds import EventType
from webhooks.models import Attempt, Delivery, DeliveryState, DisabledFor, Endpoint
from webhooks.models.attempt import MOST_ANSWER


def _links(*names: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "format": "uri-reference"} for name in names},
        "required": list(names),
    }


class EndpointRow(serializers.Serializer[Endpoint]):
    """An address that is told of events."""

    class Meta:
        ref_name = "Webhook"  # its name in the OpenAPI document

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))
    of_all = serializers.BooleanField(help_text="Told of everybody's jobs, for as long as you may read them.")
    job = serializers.IntegerField(
        source="job_id", allow_null=True, help_text="The only job that it is told of: this job's `callback_url`."
    )
    enabled = serializers.SerializerMethodField(help_text="Whether anything is sent to it.")
    disabled_for = serializers.SerializerMethodField(help_text="Why nothing is; null where it is enabled.")
    disabled_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(min_value=0, help_text="Failures in a row; those side by side are one.")
    failing_since = serializers.DateTimeField(allow_null=True, help_text="When the first of them was.")
    succeeded_at = serializers.DateTimeField(allow_null=True, help_text="The last success.")
    rests_until = serializers.DateTimeField(allow_null=True, help_text="Nothing is sent before.")
    last_ms = serializers.IntegerField(allow_null=True, help_text="What the last attempt took, in milliseconds.")
    old_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then the secret before the last rotation signs too."
    )
    created_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    def get_enabled(self, endpoint: Endpoint) -> bool:
        return not endpoint.disabled_for

    @extend_schema_field({"type": ["string", "null"], "enum": [*DisabledFor.values, None]})
    def get_disabled_for(self, endpoint: Endpoint) -> str | None:
        return endpoint.disabled_for or None

    @extend_schema_field(_links("deliveries"))
    def get_links(self, endpoint: Endpoint) -> dict[str, str]:
        return {"deliveries": reverse("v1:webhook-deliveries", args=[endpoint.pk])}


class EndpointWithSecret(EndpointRow):
    """An endpoint with its new secret, which is shown this once."""

    class Meta:
        ref_name = "WebhookWithSecret"

    secret = serializers.CharField(help_text="`whsec_…`: verifies the signatures. It is not shown again.")


class EventSummary(serializers.Serializer[Any]):
    """What a delivery tells of."""

    class Meta:
        ref_name = "WebhookEvent"

    id = serializers.CharField(source="uid", help_text="`webhook-id`: the same at every attempt, and in a replay.")
    type = serializers.ChoiceField(choices=EventType.choices)
    job = serializers.IntegerField(source="job_id", allow_null=True)
    created_at = serializers.DateTimeField()


class LastAttempt(serializers.Serializer[Any]):
    """What came of the last attempt."""

    status = serializers.IntegerField(allow_null=True, help_text="The HTTP status; null where there was no answer.")
    error_code = serializers.CharField(help_text="Why there was no answer; else empty.")
    milliseconds = serializers.IntegerField(min_value=0)


class DeliveryRow(serializers.Serializer[Delivery]):
    """One event on its way to an endpoint."""

    class Meta:
        ref_name = "WebhookDelivery"

    id = serializers.IntegerField(source="pk")
    event = EventSummary()
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    attempts = serializers.IntegerField(min_value=0, help_text="Since it was stored, or last replayed.")
    due_at = serializers.SerializerMethodField(help_text="When the next attempt is due; null where there is none.")
    ended_at = serializers.DateTimeField(allow_null=True)
    last_attempt = LastAttempt(allow_null=True, help_text="Null before the first.")

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_due_at(self, delivery: Delivery) -> Any:
        if delivery.state != DeliveryState.PENDING:
            return None
        return serializers.DateTimeField().to_representation(delivery.due_at)


class AttemptRow(serializers.Serializer[Attempt]):
    """One request, and what came back."""

    class Meta:
        ref_name = "WebhookAttempt"

    number = serializers.IntegerField(min_value=1, help_text="From 1; begins again with a replay.")
    url = serializers.CharField(help_text="Where it was sent to.")
    sent_at = serializers.DateTimeField()
    timestamp = serializers.IntegerField(help_text="`webhook-timestamp`: seconds since 1970, which were signed.")
    milliseconds = serializers.IntegerField(min_value=0)
    status = serializers.IntegerField(allow_null=True, help_text="The HTTP status; null where there was no answer.")
    error_code = serializers.CharField(help_text="Why there was no answer; else empty.")
    error_message = serializers.CharField()
    answer = serializers.CharField(help_text=f"The first {MOST_ANSWER:,} characters of the body that came back.")


class SentRequest(serializers.Serializer[Any]):
    """The request that an attempt sends."""

    class Meta:
        ref_name = "WebhookRequest"

    headers = serializers.DictField(
        child=serializers.CharField(),
        help_text="As sent last; without `webhook-signature`, which is not kept.",
    )
    body = serializers.CharField(help_text="The same bytes at every attempt, in UTF-8.")


class DeliveryDetail(DeliveryRow):
    """One delivery with its request and its attempts."""

    class Meta:
        ref_name = "WebhookDeliveryDetail"

    request = SentRequest()
    log = AttemptRow(
        many=True, source="shown_attempts", help_text="The latest attempts, the last one first; 50 at most."
    )


class Replayed(serializers.Serializer[Any]):
    """How many deliveries are sent again."""

    class Meta:
        ref_name = "WebhooksReplayed"

    deliveries = serializers.IntegerField(min_value=0)
    more = serializers.BooleanField(help_text="Whether others have failed since then, which are not taken yet.")
