"""Is every answer on an API path JSON, wherever it is made?"""

import pytest
from django.test import Client

from jobs.models import Job
from tests.api.conftest import API
from tests.api.payloads import assert_refused, submission

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[(method, "/api/submit") for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")],
        *[(method, "/api/status?jobid=1") for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")],
        *[(method, "/api/visits/") for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")],
    ],
)
def test_a_wrong_method_is_405(api, method, path):
    response = api.client.generic(method, path, b"{}", content_type="application/json")

    assert response["Allow"] == ("POST" if "submit" in path else "GET, HEAD")
    if method != "HEAD":
        assert_refused(response, 405)
    assert response.status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/api", "/api/", "/api/jobs", "/api/submit/x", "/api/submit//", "/api//submit", "/api/submit%0A", "/api/Submit",
        "/api/v2/", "/api/%00", "/api/%ff", "/api/../admin/", "/api/" + "x" * 5000, "/api/<script>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_unknown_path_is_404(api, settings, method, path, debug):
    settings.DEBUG = debug

    assert_refused(getattr(api.client, method)(path), 404)


@pytest.mark.parametrize("host", ["evil.example", "", "a b", "localhost:x", "é"])
@pytest.mark.parametrize("debug", [False, True])
def test_a_foreign_host_is_400(api, settings, host, debug):
    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.DEBUG = debug

    assert_refused(api.client.get("/api/visits", headers={"host": host}), 400)


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml", "image/*", "application/json; indent=8", "q=;;,", "", "*/*;" * 999]
)
def test_json_whatever_accept_says(api, accept):
    response = api.submit(submission(), accept=accept)

    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    assert response.content == b'{"job_id":%d}' % Job.objects.get().pk


def test_the_format_cannot_be_chosen(api):
    assert api.visits(format="xml").status_code == 200


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_is_500_in_one_sentence(api, settings, monkeypatch, debug):
    settings.DEBUG = debug

    def break_down(*_):
        raise LookupError("the secret plan")

    monkeypatch.setattr(Job.objects, "visible_to", break_down)
    response = api.status(1)

    assert_refused(response, 500)
    assert b"secret" not in response.content
    assert response["Content-Length"] == str(len(response.content))


def test_an_unexpected_error_keeps_the_security_headers(api, monkeypatch):
    monkeypatch.setattr(Job.objects, "visible_to", None)
    response = api.status(1)

    assert response.status_code == 500
    assert "Content-Security-Policy" in response
    assert response["X-Content-Type-Options"] == "nosniff"


def test_pages_stay_html():
    client = Client(raise_request_exception=False)

    for path in ("/", "/nothing-here", "/apiary", "/admin/login/"):
        assert client.get(path)["Content-Type"].startswith("text/html")


def test_a_forged_session_cookie_does_not_break_the_pages():
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x"
    client.cookies["sessionid"]._coded_value = '"00000000\\000"'

    assert client.get("/admin/login/").status_code == 200


def test_everything_at_once_is_still_a_sentence(settings):
    settings.API_OPEN = False
    api = API(Client(enforce_csrf_checks=True))

    assert_refused(api.submit(b"\xff" * 100, content_type="image/png", host="evil.example"), 400)
