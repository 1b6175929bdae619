"""What may a page of another website have its visitors' browsers do here?"""

import json

import pytest
from django.test import Client

from access.cross_site import is_cross_site
from jobs.models import Job
from tests.access.conftest import bearer, make_key
from tests.api.payloads import assert_refused, submission
from tests.api.v1.conftest import assert_problem
from tests.factories import look, submit_job

OWN = "http://testserver"
EVIL = "https://evil.example"


@pytest.fixture(autouse=True)
def open_api(closed, settings):
    settings.API_OPEN = True
    settings.ALLOWED_HOSTS = ["*"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example", "https://*.shops.example", "http://till.test:8080"]


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        # A program.
        ({}, False),
        # This service's own page; an address that the person opened.
        ({"sec-fetch-site": "same-origin", "origin": OWN}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": OWN}, False),
        ({"origin": "http://testserver:80"}, False),
        ({"origin": "HTTP://TestServer"}, False),
        # Another site, by either header; another port or name of the same site; another scheme.
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "Cross-Site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "same-origin, cross-site"}, True),
        ({"origin": EVIL}, True),
        ({"origin": "http://testserver:8001"}, True),
        ({"origin": "http://testserver.evil.example"}, True),
        ({"origin": "https://testserver"}, True),
        ({"sec-fetch-site": "same-origin", "origin": EVIL}, True),
        # A sandboxed frame, a file, a redirect between sites; what is no origin at all.
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": f"{OWN} {EVIL}"}, True),
        ({"origin": f"{OWN}/path"}, True),
        ({"origin": "http://testserver:99999"}, True),
        ({"origin": "http://["}, True),
        ({"origin": "http://testserver@evil.example"}, True),
        # Those that the operator trusts.
        ({"origin": "https://shop.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "https://a.shops.example", "sec-fetch-site": "same-site"}, False),
        ({"origin": "http://till.test:8080"}, False),
        ({"origin": "http://shop.example"}, True),
        ({"origin": "https://a.shop.example"}, True),
        ({"origin": "https://evilshops.example"}, True),
        ({"origin": "http://till.test"}, True),
        ({"origin": "https://till.test:8080"}, True),
        # No page can add this header; what it is worth, authentication decides.
        ({"origin": EVIL, "sec-fetch-site": "cross-site", "authorization": "Bearer x"}, False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_where_a_request_comes_from_is_read_from_its_headers(rf, method, headers, refused):
    assert is_cross_site(rf.generic(method, "/api/submit", headers=headers)) == refused


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_no_acting(rf, method):
    assert not is_cross_site(rf.generic(method, "/api/visits", headers={"origin": EVIL}))


@pytest.mark.parametrize(
    ("host", "proto", "origin", "refused"),
    [
        ("pulse.example", "https", "https://pulse.example", False),
        ("pulse.example:8443", "https", "https://pulse.example:8443", False),
        ("pulse.example", "https", "http://pulse.example", True),
        # A proxy that does not pass Host on: CSRF_TRUSTED_ORIGINS is the cure.
        ("127.0.0.1:8000", "https", "https://pulse.example", True),
        ("127.0.0.1:8000", "https", "https://shop.example", False),
        ("[::1]:8000", "http", "http://[::1]:8000", False),
    ],
)
def test_behind_a_proxy_the_origin_is_what_the_browser_asked_for(rf, settings, host, proto, origin, refused):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"host": host, "x-forwarded-proto": proto, "origin": origin}
    assert is_cross_site(rf.post("/api/submit", headers=headers)) == refused


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_a_foreign_page_neither_cancels_nor_submits_and_is_told_the_cure(client, headers):
    job = submit_job()
    cancel = f"/api/v1/jobs/{job.pk}/cancel"
    problem = assert_problem(client.generic("POST", cancel, headers=headers), 403, "cross-site")
    assert "CSRF_TRUSTED_ORIGINS" in problem["detail"]
    answer = client.post("/api/submit", submission(), "application/json", headers=headers)
    assert "CSRF_TRUSTED_ORIGINS" in assert_refused(answer, 403)
    assert look(job).state == "queued"
    assert Job.objects.count() == 1
    # The same from the service's own pages.
    assert client.generic("POST", cancel, headers={"origin": OWN}).status_code == 200


@pytest.mark.django_db
def test_what_the_refusal_repeats_of_the_origin_is_short_and_plain(client):
    answer = client.post("/api/submit", headers={"origin": "https://<script>alert(1)</script>\u2028" + "x" * 500})
    error = assert_refused(answer, 403)
    assert "<" not in error
    assert len(error) < 400


@pytest.mark.django_db
def test_a_foreign_page_that_has_a_key_may_act(person, client):
    headers = {**bearer(make_key(person)[1]), "origin": EVIL, "sec-fetch-site": "cross-site"}
    assert client.post("/api/v1/jobs", submission(), "application/json", headers=headers).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/submit", submission()),
        ("POST", "/api/v1/jobs", submission()),
        ("POST", "/api/v1/jobs:validate", submission()),
        ("POST", "/api/v1/jobs/{}/cancel", ""),
        ("POST", "/api/v1/jobs/{}/retry", {}),
        ("PATCH", "/api/v1/jobs/{}", {"priority": -1}),
    ],
)
def test_a_session_acts_with_its_csrf_token_alone_also_where_the_api_is_open(person, method, path, body):
    job = submit_job(owner=person)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    client.get("/jobs/")
    path, kind = path.format(job.pk), "application/json"
    data = json.dumps(body) if body else ""
    assert client.generic(method, path, data, content_type=kind).status_code == 403
    token = {"x-csrftoken": client.cookies["csrftoken"].value}
    assert client.generic(method, path, data, content_type=kind, headers={**token, "origin": EVIL}).status_code == 403
    assert client.generic(method, path, data, content_type=kind, headers=token).status_code in (200, 201)
