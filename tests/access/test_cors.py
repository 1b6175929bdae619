"""What may pages of the websites in CORS_ORIGINS do, and what do browsers learn of it?"""

import pytest
from django.test import Client

from access import tokens
from jobs.models import Job
from tests.access.conftest import bearer, make_key
from tests.api.payloads import submission
from tests.api.v1.conftest import assert_problem

SHOP, EVIL = "https://shop.example", "https://evil.example"
CORS = "corsheaders.middleware.CorsMiddleware"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(autouse=True)
def named(closed, settings):
    """The middleware as the settings have it where an origin is named."""
    settings.CORS_ORIGINS = settings.CORS_ALLOWED_ORIGINS = [SHOP, "http://localhost:3000"]
    place = settings.MIDDLEWARE.index("retail_pulse.health.Probes") + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], CORS, *settings.MIDDLEWARE[place:]]


def preflight(origin, path="/api/v1/jobs", **headers):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", **headers}
    return Client().options(path, headers=asked)


def test_a_preflight_is_answered_without_credentials_and_without_a_statement():
    # Without the mark for the database, any statement is an error.
    answer = preflight(SHOP)
    assert (answer.status_code, answer.content, answer[ALLOW]) == (200, b"", SHOP)
    allowed = set(answer["Access-Control-Allow-Headers"].split(", "))
    assert {"authorization", "content-type", "idempotency-key", "if-none-match", "prefer"} <= allowed
    assert answer["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE"
    assert answer["Access-Control-Max-Age"] == "7200"
    assert "origin" in answer["Vary"].lower()
    assert "RateLimit" not in answer
    assert answer["X-Request-Id"]


@pytest.mark.parametrize(
    "origin",
    [
        EVIL,
        "null",
        "http://shop.example",
        "https://shop.example:8443",
        "https://a.shop.example",
        f"{SHOP}.evil.example",
    ],
)
def test_other_origins_are_allowed_nothing(origin):
    assert ALLOW not in preflight(origin)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/jobs/", "/admin/login/", "/livez", "/apis", "/static/x.css"])
def test_only_the_api_is_opened(path):
    for answer in (preflight(SHOP, path), Client().get(path, headers={"Origin": SHOP})):
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["key", "token"])
def test_a_page_with_a_key_or_a_token_uses_the_api_and_reads_its_headers(person, way):
    credential = make_key(person)[1] if way == "key" else tokens.issue(person).access
    headers = {**bearer(credential), "Origin": SHOP, "Sec-Fetch-Site": "cross-site"}
    answer = Client().post("/api/v1/jobs", submission(), "application/json", headers=headers)
    assert (answer.status_code, answer[ALLOW]) == (201, SHOP)
    assert "Access-Control-Allow-Credentials" not in answer
    exposed = set(answer["Access-Control-Expose-Headers"].split(", "))
    assert {"ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotent-Replayed"} <= exposed
    assert Client().get(answer["Location"], headers=headers)[ALLOW] == SHOP
    # A page may read why it was refused.
    wrong = Client().get("/api/v1/jobs", headers={**headers, "Authorization": "Bearer rp_x"})
    assert (wrong.status_code, wrong[ALLOW]) == (401, SHOP)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/visits"])
def test_a_session_is_not_accepted_from_there(person, path):
    client = Client()
    client.force_login(person)
    # As a browser sends it to another port of the same host, where the cookie's SameSite lets it pass.
    refused = client.get(path, headers={"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"})
    assert refused.status_code == 403
    assert "Access-Control-Allow-Credentials" not in refused
    assert "with an API key or a token" in refused.text
    # The same from this service's own page, from a program, and from where nobody could read it.
    for headers in ({"Origin": "http://testserver"}, {}, {"Origin": EVIL}):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200
        assert ALLOW not in answer


@pytest.mark.django_db
def test_a_session_does_not_act_from_there_even_with_its_csrf_token(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    client.get("/jobs/")
    headers = {"Origin": SHOP, "X-CSRFToken": client.cookies["csrftoken"].value}
    answer = client.post("/api/v1/jobs", submission(), "application/json", headers=headers)
    assert_problem(answer, 403, "cross-site")
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_an_open_api_is_closed_to_such_a_page_without_a_key(settings, person):
    settings.API_OPEN = True
    headers = {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}
    assert_problem(Client().get("/api/v1/jobs", headers=headers), 403, "cross-site")
    assert_problem(Client().post("/api/v1/jobs", submission(), "application/json", headers=headers), 403, "cross-site")
    assert not Job.objects.exists()
    with_key = {**headers, **bearer(make_key(person)[1])}
    assert Client().get("/api/v1/jobs", headers=with_key).status_code == 200
    assert Client().get("/api/v1/jobs").status_code == 200


@pytest.mark.django_db
def test_without_named_origins_nothing_is_answered_of_them(settings):
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != CORS]
    settings.CORS_ORIGINS = settings.CORS_ALLOWED_ORIGINS = []
    settings.API_OPEN = True
    for answer in (preflight(SHOP), Client().get("/api/v1/jobs", headers={"Origin": SHOP})):
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert "origin" not in answer.get("Vary", "").lower()
