"""What every kind of page and answer tells a browser, and what no page makes a browser load."""

import re

import pytest
from django.test import Client

from jobs.models import ImageResult, Job, Visit, Worker
from tests.admin.conftest import HOSTILE_URL, list_page, row_page

pytestmark = pytest.mark.django_db

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


def break_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Job.objects, "visible_to", None)
    monkeypatch.setattr("jobs.admin.job.JobAdmin.get_queryset", None)


# A path, and the status that it answers with.
PAGES = [
    ("/admin/login/", 200), ("/admin/", 200), ("/admin/jobs/job/", 200), ("/admin/jobs/imageresult/", 200),
    ("/admin/stores/store/add/", 200), ("/admin/stores/store/import/", 302), ("/admin/access/apikey/", 200),
    ("/admin/auth/user/", 200), ("/account/password/", 200), ("/admin/nothing/", 404), ("/nothing", 404),
    ("/", 302), ("/jobs/", 200), ("/submit/", 200), ("/stores/", 200), ("/stores/groups/", 200),
    ("/stores/duplicates/", 200), ("/stores/route/", 200), ("/admin/stores/storegroup/", 200),
    ("/stores/import/", 200), ("/operations/", 200),
    ("/sign-in/", 302), ("/docs/errors/", 200), ("/docs/problems/", 200), ("/jobs/1/", 404), ("/favicon.ico", 302),
    ("/api/v1/jobs", 401), ("/api/v1/openapi.json", 200), ("/api/v1/nothing", 404), ("/api/status?jobid=1", 401),
    ("/api/visits", 401), ("/api/nothing", 404), ("/api/submit", 401),
    ("/static/admin/css/base.css", 200), ("/static/admin/img/icon-yes.svg", 200), ("/static/nothing.css", 404),
]  # fmt: skip


def assert_guarded(response) -> None:
    directives = dict(
        part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part.strip()
    )
    assert directives == POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(("path", "status"), PAGES)
def test_every_page_carries_the_strict_policy(settings, client, admin_client, path, status):
    settings.API_OPEN = False
    browser = client if path == "/admin/login/" or path.startswith("/api") else admin_client

    response = browser.get(path)

    assert response.status_code == status
    assert_guarded(response)


def test_rows_and_their_pages_carry_it_too(admin_client, job):
    for model in (Job, Visit, ImageResult):
        assert_guarded(admin_client.get(row_page(model.objects.first())))


@pytest.mark.parametrize("path", ["/admin/jobs/job/", "/api/status?jobid=1"])
def test_so_does_a_crash(settings, admin_client, monkeypatch, path):
    admin_client.raise_request_exception = False
    break_down(monkeypatch)

    response = admin_client.get(path)

    assert response.status_code == 500
    assert_guarded(response)


@pytest.mark.parametrize(
    "headers", [{"Content-Length": str(10**12)}, {"Transfer-Encoding": "chunked"}], ids=["too large", "chunked"]
)
@pytest.mark.parametrize("path", ["/admin/login/", "/api/submit", "/api/token/", "/nothing"])
def test_so_does_a_refusal_of_a_body(path, headers):
    response = Client(headers=headers).generic("POST", path)

    assert response.status_code in (411, 413)
    assert_guarded(response)


def test_nothing_may_be_framed(admin_client):
    for path in ("/admin/", "/api/visits", "/nothing"):
        assert admin_client.get(path)["X-Frame-Options"] == "DENY"


def test_behind_a_tls_proxy_cookies_are_secure_and_plain_http_is_left(settings, client):
    settings.SECURE_SSL_REDIRECT = settings.CSRF_COOKIE_SECURE = settings.SESSION_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    plain = client.get("/admin/login/")
    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/admin/login/")

    page = client.get("/admin/login/", headers={"X-Forwarded-Proto": "https"})
    assert page["Strict-Transport-Security"].startswith("max-age=31536000")
    assert page.cookies["csrftoken"]["secure"]


def test_a_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client, django_user_model):
    django_user_model.objects.create_superuser("boss", password="correct horse")
    signed_in = client.post("/admin/login/", {"username": "boss", "password": "correct horse"})

    cookie = signed_in.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


# Everything that makes a browser fetch something, or leads to it.
LOADS = re.compile(
    r'(?:src|srcset|href|action|data|poster|formaction|content|background)\s*=\s*"([^"]*)"', re.IGNORECASE
)


def test_no_page_loads_or_leads_to_what_a_client_sent(admin_client, job):
    bad = ImageResult.objects.get(url=HOSTILE_URL)
    for page in [
        *(list_page(model) for model in (Job, Visit, ImageResult, Worker)),
        *(row_page(row) for model in (Job, Visit, ImageResult) for row in model.objects.all()),
        "/admin/",
    ]:
        text = admin_client.get(page).text
        assert [url for url in LOADS.findall(text) if ".test" in url or url.startswith(("//", "http"))] == []
        assert "<img" not in text.replace('<img src="/static/', "")
    assert "images.test/good.jpg" in admin_client.get(list_page(ImageResult)).text
    assert "http://b.test/" in admin_client.get(row_page(bad)).text
