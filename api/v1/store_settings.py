"""What settings of the store master have in common: all read them, and whoever may change stores changes them."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from access import rights
from access.models import Scope
from api.v1 import request_bodies
from api.v1.problem_types import Problem
from api.v1.problems import Refusal
from api.v1.views import V1View


class SettingsView(V1View):
    """Changes are for signed-in users, even where the API is open."""

    tag = "stores"
    scopes = {"POST": Scope.STORES, "PATCH": Scope.STORES, "DELETE": Scope.STORES}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            return
        if not isinstance(request.user, User):
            raise NotAuthenticated("Sign in to change this, or send an API key or a token as Authorization: Bearer.")
        if not rights.may_edit_rules(request.user):
            raise Refusal(Problem.NOT_ALLOWED, "This needs the permission to change stores.")


def check(row: Model) -> None:
    """Raises InvalidPayload with every fault."""
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        raise request_bodies.refused(error) from None


def save(row: Model) -> None:
    """Raises InvalidPayload with every fault."""
    check(row)
    row.save()
