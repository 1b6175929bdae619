import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from access.models import Scope
from tests.access.conftest import make_key

PROBLEM = "application/problem+json"


class V1:
    """The API as a client in another process would see it: a crash is an answer too."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()
        self.client.raise_request_exception = False

    def get(self, path: str, query: Any = None, **headers: str) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=_named(headers))

    def post(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Any:
        """`body` is sent as it is where it is bytes, not at all where it is None, else as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind: Any = {} if body is None else {"content_type": "application/json"}
        return self.client.generic(method, f"/api/v1/{path}", data, headers=_named(headers), **kind)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.post(path, body, method="PATCH", **headers)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def assert_problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    """The problem, once everything about its form is right."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    assert response["Cache-Control"] == "no-store"
    problem = response.json()
    assert list(problem)[:4] == ["type", "title", "status", "detail"]
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    assert problem["request_id"] == response["X-Request-Id"]
    assert problem["status"] == status
    assert problem["type"] == f"/docs/problems/#{slug}"
    assert problem["detail"].endswith(".")
    return problem


@pytest.fixture(autouse=True)
def open_api(settings):
    settings.API_OPEN = True
    cache.clear()


@pytest.fixture
def v1() -> V1:
    return V1()


@pytest.fixture
def person() -> User:
    return User.objects.create_user("person")


@pytest.fixture
def as_user():
    def sign_in(user: User) -> V1:
        client = Client()
        client.force_login(user)
        return V1(client)

    return sign_in


@pytest.fixture
def with_key():
    def open_with(user: User, *scopes: Scope) -> V1:
        text = make_key(user, *scopes)[1]
        return V1(Client(headers={"Authorization": f"Bearer {text}"}))

    return open_with
