"""One's own API keys: for people, by session or token, and never by an API key."""

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import own_keys
from access.models import LONGEST_DAYS, LONGEST_NAME, ApiKey, Scope
from access.permissions import PeopleOnly
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.request_bodies import Unacceptable
from api.v1.views import V1View
from jobs.submission.payload import InvalidPayload
from jobs.submission.payload import Problem as Fault

_PREFIX = OpenApiParameter(
    "prefix",
    {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    "path",
    required=True,
    description="The key's second part: `1a2b3c4d5e6f` of `rp_1a2b3c4d5e6f_…`.",
)
_BODY = {
    "type": "object",
    "properties": {
        "name": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_NAME,
            "description": "What the key is for; printable characters.",
        },
        "scopes": {
            "type": "array",
            "items": {"type": "string", "enum": Scope.values},
            "minItems": 1,
            "maxItems": len(Scope),
            "uniqueItems": True,
            "description": "What it may do of what you may do.",
        },
        "days": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": LONGEST_DAYS,
            "description": "Until it expires; null: it never does.",
        },
    },
    "required": ["name", "scopes"],
    "additionalProperties": False,
}


def _scopes(value: Any) -> list[str]:
    known = isinstance(value, list) and all(isinstance(each, str) and each in Scope.values for each in value)
    if not known or not value or len(set(value)) < len(value):
        raise Unacceptable(f"must be a list of one or more of {', '.join(Scope.values)}, each once")
    return list(value)


_FIELDS = {
    "name": request_bodies.text(LONGEST_NAME),
    "scopes": _scopes,
    "days": request_bodies.or_null(request_bodies.whole_number(1, LONGEST_DAYS)),
}


class ApiKeyRow(serializers.Serializer[ApiKey]):
    """One key, without its text, which is kept nowhere."""

    class Meta:
        ref_name = "ApiKey"

    prefix = serializers.CharField(help_text="By which it is told apart, and revoked.")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.values))
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Null: it never does.")
    revoked_at = serializers.DateTimeField(allow_null=True, help_text="Null: it was not.")
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute; null: it never was.")


class NewApiKey(ApiKeyRow):
    """A new key, and its text."""

    class Meta:
        ref_name = "NewApiKey"

    key = serializers.CharField(source="text", help_text="`rp_…`, for Authorization: Bearer. Shown this once.")


class _KeyView(V1View):
    permission_classes = [PeopleOnly]
    tag = "keys"

    @property
    def person(self) -> User:
        assert isinstance(self.request.user, User)  # PeopleOnly
        return self.request.user


class ApiKeys(_KeyView):
    parameters = {"GET": parameters.PAGE}
    refusals = {"POST": (409,)}

    @describe(summary="List your API keys", responses=pages.page_of(ApiKeyRow))
    def get(self, request: Request) -> Response:
        """All of them, in the order in which they were made, also those that have ended. For sessions and tokens."""
        found = own_keys.keys_of(self.person).order_by("pk")
        return Response(pages.answer(ApiKeyRow, parameters.page_of(self.query).of(found)))

    @describe(
        summary="Make an API key",
        request={"application/json": _BODY},
        responses={201: NewApiKey},
        examples=[OpenApiExample("To read", {"name": "report", "scopes": ["read"], "days": 90}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Its text is in this answer alone. It does what you may do, within its scopes; for sessions and tokens.

        409 where you have 50 keys that are neither revoked nor expired.
        """
        values = request_bodies.read_object(request.data, _FIELDS, ("name", "scopes"))
        try:
            key, text = own_keys.make(self.person, values["name"], values["scopes"], values.get("days"))
        except own_keys.KeyRefused as refusal:
            if refusal.field is None:
                raise problems.Refusal(Problem.CONFLICT, str(refusal)) from None
            raise InvalidPayload([Fault((refusal.field,), f"is refused: {refusal}".removesuffix("."))]) from None
        key.refresh_from_db()
        key.text = text  # type: ignore[attr-defined]  # for this answer alone
        return Response(NewApiKey(key).data, status=201)


class OneApiKey(_KeyView):
    path_parameters = (_PREFIX,)

    @describe(
        summary="Revoke an API key", request=None, responses={204: OpenApiResponse(description="It opens nothing now.")}
    )
    def delete(self, request: Request, prefix: str) -> Response:
        """One of your own, for good; again, and it stays revoked. For sessions and tokens."""
        request_bodies.read_nothing(request.data)
        if own_keys.revoke(self.person, prefix) is None:
            raise problems.not_found(f"API key {prefix[:20]}")
        return Response(status=204)
