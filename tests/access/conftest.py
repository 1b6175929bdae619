from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from access import tokens
from access.models import ApiKey, Scope
from tests.api.conftest import API


@pytest.fixture(autouse=True)
def closed(settings):
    """Nothing counted so far, and no way in without credentials."""
    settings.API_OPEN = False
    cache.clear()


@pytest.fixture
def clock(monkeypatch):
    """The throttles' clock, at the start of a window; move it by its only element."""
    now = [1_800_000_000.0]
    monkeypatch.setattr("access.throttles._now", lambda: now[0])
    return now


@pytest.fixture
def person(db) -> User:
    return User.objects.create_user("person", password="correct horse")


def make_key(user: User, *scopes: Scope, days: int | None = None) -> tuple[ApiKey, str]:
    return ApiKey.objects.create_for(user, "till", scopes or list(Scope), days)


def bearer(credentials: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"authorization": f"{scheme} {credentials}"}


class WithHeaders(API):
    """The API's client, with these headers on every request."""

    def __init__(self, client: Client | None = None, /, **headers: str) -> None:
        super().__init__(client or Client(enforce_csrf_checks=True))
        self.headers = headers

    def submit(self, body: Any, **options: Any) -> Any:
        return super().submit(body, **self.headers, **options)

    def get(self, path: str, **parameters: Any) -> Any:
        headers = {name.replace("_", "-"): value for name, value in self.headers.items()}
        return self.client.get(f"/api/{path}", parameters, headers=headers)


@pytest.fixture
def by_key(person) -> WithHeaders:
    return WithHeaders(**bearer(make_key(person)[1]))


@pytest.fixture
def by_token(person) -> WithHeaders:
    return WithHeaders(**bearer(tokens.issue(person).access))
