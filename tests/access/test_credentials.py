"""Which credentials open which endpoint?"""

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import jwt
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from access import tokens
from access.models import ApiKey, Scope
from jobs.models import Job
from tests.access.conftest import WithHeaders, bearer, make_key
from tests.api.payloads import assert_nothing_stored, assert_refused, submission
from tests.factories import submit_job

pytestmark = pytest.mark.django_db

ENDPOINTS: dict[str, Callable[[WithHeaders], Any]] = {
    "submit": lambda api: api.submit(submission()),
    "status": lambda api: api.status(1),
    "visits": lambda api: api.visits(),
}


def encode(claims: dict[str, Any], *, key: str | None = None, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key or str(django_settings.SIMPLE_JWT["SIGNING_KEY"]), algorithm)


def claims(user: User, lifetime: timedelta = timedelta(minutes=1)) -> dict[str, Any]:
    token = AccessToken(cast(Any, tokens.issue(user).access))
    token.set_exp(lifetime=lifetime)
    return dict(token.payload)


def alg_none(user: User) -> str:
    parts = [json.dumps({"alg": "none", "typ": "JWT"}), json.dumps(claims(user))]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts) + "."


def expired_key(user: User) -> str:
    key, text = make_key(user, days=1)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=key.created_at)
    return text


def revoked_key(user: User) -> str:
    key, text = make_key(user)
    ApiKey.objects.filter(pk=key.pk).revoke()
    return text


def key_of_nobody_active(user: User) -> str:
    text = make_key(user)[1]
    User.objects.filter(pk=user.pk).update(is_active=False)
    return text


def changed(text: str, place: int) -> str:
    """With another character at this place."""
    parts = list(text)
    parts[place] = "0" if parts[place] != "0" else "1"
    return "".join(parts)


def token_of(change: Callable[[User], None]) -> Callable[[User], str]:
    def make(user: User) -> str:
        access = tokens.issue(user).access
        change(user)
        return access

    return make


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def delete(user: User) -> None:
    user.delete()


def change_password(user: User) -> None:
    user.set_password("another")
    user.save()


# What follows `Bearer`, and what the refusal's sentence says.
REFUSED: dict[str, tuple[Callable[[User], str], str]] = {
    "token, expired": (lambda user: encode(claims(user, timedelta(seconds=-1))), "token is not valid"),
    "token, payload changed": (lambda user: changed(tokens.issue(user).access, 90), "token is not valid"),
    "token, signature changed": (lambda user: changed(tokens.issue(user).access, -5), "token is not valid"),
    "token, alg none": (alg_none, "token is not valid"),
    "token, another algorithm": (lambda user: encode(claims(user), algorithm="HS512"), "token is not valid"),
    "token, signed by the secret key itself": (
        lambda user: encode(claims(user), key=django_settings.SECRET_KEY), "token is not valid",
    ),
    "token, a refresh one": (lambda user: tokens.issue(user).refresh, "token is not valid"),
    "token, user deleted": (token_of(delete), "token is not valid"),
    "token, user deactivated": (token_of(deactivate), "token is not valid"),
    "token, password changed": (token_of(change_password), "token is not valid"),
    "token, header nested deeply": (
        lambda user: base64.urlsafe_b64encode(b"[" * 1400).decode().rstrip("=") + ".e30.x", "token is not valid",
    ),
    "key, revoked": (revoked_key, "revoked"),
    "key, expired": (expired_key, "expired"),
    "key, user deactivated": (key_of_nobody_active, "deactivated"),
    "key, unknown prefix": (lambda user: changed(make_key(user)[1], 5), "no such API key"),
    "key, wrong secret": (lambda user: changed(make_key(user)[1], -1), "no such API key"),
    "key, without its secret": (lambda user: make_key(user)[1][:15], "no such API key"),
    "key, in capitals": (lambda user: "rp_" + make_key(user)[1][3:].upper(), "no such API key"),
    "key, more behind it": (lambda user: make_key(user)[1] + "0", "no such API key"),
    "key, its hash": (lambda user: f"rp_{(key := make_key(user)[0]).prefix}_{key.secret_sha256}", "no such API key"),
    "neither": (lambda user: "x", "token is not valid"),
}  # fmt: skip


@pytest.mark.parametrize("api_open", [False, True])
@pytest.mark.parametrize("credentials", REFUSED)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_credentials_that_are_not_valid_are_401_even_where_the_api_is_open(
    settings, person, endpoint, credentials, api_open
):
    settings.API_OPEN = api_open
    make, words = REFUSED[credentials]

    response = ENDPOINTS[endpoint](WithHeaders(**bearer(make(person))))

    assert words in assert_refused(response, 401)
    assert response["WWW-Authenticate"] == 'Bearer realm="Retail Pulse"'
    assert_nothing_stored()


ACCEPTED = {"submit": 201, "status": 400, "visits": 200}  # 400: there is no job 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_key_and_a_token_open_every_endpoint_without_csrf_token(person, endpoint, scheme):
    for credentials in (make_key(person)[1], tokens.issue(person).access):
        response = ENDPOINTS[endpoint](WithHeaders(**bearer(credentials, scheme)))
        assert response.status_code == ACCEPTED[endpoint], response.content


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_credentials_open_nothing(endpoint):
    assert "Sign in" in assert_refused(ENDPOINTS[endpoint](WithHeaders()), 401)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_session_opens_what_its_csrf_token_covers(person, endpoint):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    without = ENDPOINTS[endpoint](WithHeaders(client))
    client.cookies["csrftoken"] = "a" * 32
    with_token = ENDPOINTS[endpoint](WithHeaders(client, x_csrftoken="a" * 32))

    assert with_token.status_code == ACCEPTED[endpoint]
    assert without.status_code == (403 if endpoint == "submit" else ACCEPTED[endpoint])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_wrong_key_is_not_replaced_by_a_session(person, endpoint):
    client = Client()
    client.force_login(person)

    assert_refused(ENDPOINTS[endpoint](WithHeaders(client, **bearer("rp_x"))), 401)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_on_an_open_api_a_proxy_opens_nothing_but_for_callers_with_credentials(settings, person, endpoint):
    settings.API_OPEN = True
    proxied = {"x_forwarded_for": "203.0.113.9"}

    assert "proxy" in assert_refused(ENDPOINTS[endpoint](WithHeaders(**proxied)), 401)
    for credentials in (make_key(person)[1], tokens.issue(person).access):
        response = ENDPOINTS[endpoint](WithHeaders(**bearer(credentials), **proxied))
        assert response.status_code == ACCEPTED[endpoint]


@pytest.mark.parametrize(("scope", "allowed"), [(Scope.SUBMIT, {"submit"}), (Scope.READ, {"status", "visits"})])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_key_goes_as_far_as_its_scope(person, endpoint, scope, allowed):
    response = ENDPOINTS[endpoint](WithHeaders(**bearer(make_key(person, scope)[1])))

    if endpoint in allowed:
        assert response.status_code == ACCEPTED[endpoint]
    else:
        missing = Scope.READ if scope == Scope.SUBMIT else Scope.SUBMIT
        assert f"lacks the scope {missing}," in assert_refused(response, 403)
        assert_nothing_stored()


@pytest.mark.parametrize(
    "header",
    [
        "", " ", "Bearer", "Bearer ", "Basic cGVyc29uOmNvcnJlY3QgaG9yc2U=", "Token abc", "Bearer a b", "Bearer a,b",
        "Bearer \x00", "Bearer a\x00", "\x00", "Bearer \xff", "\xff", "Bearer é", "Bearer " + "a" * 100_000,
        "Bearer " + "=" * 50, "Bearera", "rp_0123", "Bearer\trp_1", "Digest username=x", "Bearer a\nb",
        "Bearer " + "a" * 2001, "a" * 100_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("api_open", [False, True])
def test_a_malformed_authorization_header_is_401(settings, header, api_open):
    settings.API_OPEN = api_open
    api = WithHeaders(authorization=header)

    for ask in ENDPOINTS.values():
        assert "Bearer" in assert_refused(ask(api), 401)


@pytest.mark.parametrize("api_open", [False, True])
def test_a_job_submitted_with_credentials_belongs_to_their_user(settings, person, by_key, by_token, api_open):
    settings.API_OPEN = api_open
    for api in (by_key, by_token):
        job_id = api.submit(submission()).json()["job_id"]
        assert Job.objects.get(pk=job_id).owner == person
        assert api.status(job_id).status_code == 200


def test_a_key_of_one_person_shows_nothing_of_anothers(by_key):
    stranger = User.objects.create_user("stranger")
    job = submit_job()
    Job.objects.update(owner=stranger)

    assert (by_key.status(job.pk).status_code, by_key.status(job.pk).content) == (400, b"{}")


def test_credentials_open_no_page_of_the_admin(person):
    User.objects.update(is_staff=True, is_superuser=True)
    for credentials in (make_key(person)[1], tokens.issue(person).access):
        response = Client().get("/admin/", headers={"Authorization": f"Bearer {credentials}"})
        assert response["Location"].startswith("/admin/login/")


def test_every_view_of_the_api_says_which_scope_it_asks_for():
    from api.assignment import urls

    assert [pattern.callback.cls.scope for pattern in urls.urlpatterns] == [Scope.SUBMIT, Scope.READ, Scope.READ]


def test_no_endpoint_of_the_api_was_forgotten_here():
    from api.assignment import urls

    assert {pattern.name for pattern in urls.urlpatterns} == set(ENDPOINTS)


def test_the_database_holds_no_part_of_a_keys_secret(person):
    from django.db import connection

    text = make_key(person)[1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM access_apikey k")
        (row,) = cursor.fetchone()
    secret = text.rsplit("_", 1)[1]
    assert re.fullmatch(r"[0-9a-f]{64}", secret)
    assert not any(secret[start : start + 8] in row for start in range(len(secret) - 8))
