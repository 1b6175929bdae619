"""Is every refusal under /api/v1/ a problem, wherever it is made?"""

import json

import pytest
from django.urls import reverse

from api.v1 import urls
from api.v1.problem_types import Problem
from api.v1.problems import body_for_status, pointer
from jobs.models import Job
from tests.api import databases
from tests.api.payloads import submission
from tests.api.v1.conftest import assert_problem
from tests.factories import submit_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["", "nothing", "jobs/1/nothing", "jobs//", "jobs/1/images/2/3", "openapi.yaml", "%00", "%ff", "x" * 5000]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("debug", [False, True])
def test_an_unknown_path_is_404(v1, settings, path, method, debug):
    settings.DEBUG = debug
    assert_problem(v1.client.generic(method, f"/api/v1/{path}"), 404, "not-found")


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
def test_the_root_has_nothing(v1, path):
    assert_problem(v1.client.get(path), 404, "not-found")


PATHS = ["jobs", "jobs/1", "jobs/1/images", "jobs/1/actions", "stores/x", "visits", "schemas/submission.json"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path in PATHS
        for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "BREW")
        if (path, method) != ("jobs/1", "DELETE")
    ],
)
def test_a_wrong_method_is_405(v1, path, method):
    response = v1.client.generic(method, f"/api/v1/{path}", b"{}", content_type="application/json")
    assert_problem(response, 405, "method-not-allowed")
    assert "GET" in response["Allow"]


def test_an_action_cannot_be_read(v1):
    assert_problem(v1.get("jobs/1/cancel"), 405, "method-not-allowed")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_another_type_of_body_is_415(v1, content_type):
    response = v1.client.generic("POST", "/api/v1/jobs", b"{}", content_type=content_type)
    assert_problem(response, 415, "wrong-media-type")


def test_a_body_of_unknown_length_is_411(v1):
    assert_problem(v1.get("jobs", transfer_encoding="chunked"), 411, "length-required")


def test_a_body_beyond_the_limit_is_413(v1, settings):
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024
    assert_problem(v1.post("jobs", b" " * 1025), 413, "too-large")
    assert_problem(v1.post("jobs", b" " * 1024), 400, "invalid-submission")


def test_too_many_requests_are_429(v1, settings):
    settings.API_RATE_PER_MINUTE = 1
    v1.get("jobs")
    response = v1.get("jobs")
    assert_problem(response, 429, "too-often")
    assert int(response["Retry-After"]) > 0


def test_a_foreign_host_is_400(v1, settings):
    settings.ALLOWED_HOSTS = ["shop.example"]
    assert_problem(v1.get("jobs", host="evil.example"), 400, "invalid-request")


@pytest.mark.parametrize("header", ["Bearer x", "Basic eDp4", "Bearer rp_0_0", "Bearer", ""])
def test_wrong_credentials_are_401(v1, header):
    response = v1.get("jobs", authorization=header)
    assert_problem(response, 401, "not-signed-in")
    assert response["WWW-Authenticate"] == 'Bearer realm="Retail Pulse"'


def test_an_unexpected_error_is_500_and_reveals_nothing(v1, monkeypatch):
    def break_down(*_):
        raise LookupError("the secret plan")

    monkeypatch.setattr(Job.objects, "with_running", break_down)
    response = v1.get("jobs")
    assert_problem(response, 500, "internal")
    assert b"secret" not in response.content
    assert response["Content-Length"] == str(len(response.content))
    assert "Content-Security-Policy" in response


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["jobs", "jobs/1", "jobs/1/images", "stores", "stores/x", "visits"])
def test_without_its_database_it_is_503(v1, path):
    with databases.refusing():
        response = v1.get(path)
    assert_problem(response, 503, "unavailable")
    assert int(response["Retry-After"]) > 0


@pytest.mark.django_db(transaction=True)
def test_a_session_that_cannot_be_looked_up_is_503(as_user, person):
    api = as_user(person)
    with databases.refusing():
        response = api.get("jobs")
    assert_problem(response, 503, "unavailable")
    assert int(response["Retry-After"]) > 0


def test_requests_that_need_no_database_are_still_answered(v1, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert_problem(v1.get("jobs?x=1"), 400, "invalid-request")
        assert_problem(v1.post("jobs", submission(count=9)), 400, "invalid-submission")
        assert_problem(v1.get("jobs/x"), 404, "not-found")
        assert v1.get("schemas/submission.json").status_code == 200
        assert v1.get("openapi.json").status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*;" * 999, "q=;;,"])
def test_accept_changes_nothing(v1, accept):
    job = submit_job()
    assert v1.get(f"jobs/{job.pk}", accept=accept)["Content-Type"] == "application/json"
    assert_problem(v1.get("jobs/0", accept=accept), 404, "not-found")


def test_pointers_escape_what_json_pointer_and_uris_require():
    assert pointer(()) == "#"
    assert pointer(("visits", 3, "store_id")) == "#/visits/3/store_id"
    assert pointer(("a/b~c", "é %")) == "#/a~1b~0c/%C3%A9%20%25"


def test_every_status_without_its_own_type_is_about_blank():
    assert body_for_status(414)["type"] == "about:blank"
    assert body_for_status(404)["type"] == Problem.NOT_FOUND.value.uri


def test_the_type_links_to_a_page_of_this_service():
    assert {problem.value.uri.partition("#")[0] for problem in Problem} == {reverse("dashboard:problems_docs")}


def test_every_view_names_a_scope_or_is_public():
    for pattern in urls.urlpatterns:
        view = pattern.callback.cls
        assert hasattr(view, "scopes") or not view.permission_classes, pattern


def test_the_assignments_layer_keeps_its_form(v1):
    response = v1.client.get("/api/nothing")
    assert json.loads(response.content) == {"error": "There is nothing at this path."}
    assert response["Content-Type"] == "application/json"
