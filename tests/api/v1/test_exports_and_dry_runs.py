"""A job's images as a file, and dry runs of submissions, over the API."""

import csv
import io
import json

import pytest

from access.models import Scope
from jobs.errors import HTTPStatus
from jobs.models import Job
from tests.api.payloads import submission, visit, work_off
from tests.api.v1.conftest import assert_problem
from tests.factories import make_stores, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_visits(("T-1", ["http://a.test/1", "http://b.test/2"]))
    work_off({"http://b.test/2": HTTPStatus(404)})
    return job


def export(v1, job, **query):
    response = v1.get(f"jobs/{job.pk}/export", query)
    assert response.status_code == 200, response.content
    return response, b"".join(response.streaming_content).decode()


def test_csv_has_a_row_for_each_image(v1, job):
    response, text = export(v1, job, format="csv")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="job-{job.pk}.csv"'
    assert [row["state"] for row in rows] == ["completed", "failed"]


@pytest.mark.parametrize(
    ("query", "count"),
    [({}, 2), ({"state": "failed"}, 1), ({"host": "a.test"}, 1), ({"code": "http_404", "host": "a.test"}, 0)],
)
def test_ndjson_has_a_line_for_each_image_that_matches(v1, job, query, count):
    response, text = export(v1, job, format="ndjson", **query)
    assert response["Content-Type"] == "application/x-ndjson"
    assert len([json.loads(line) for line in text.splitlines()]) == count


@pytest.mark.parametrize(
    "query", ["", "format=xml", "format=", "format=csv&hots=a", "format=csv&limit=1", "format=csv&state=x"]
)
def test_a_misspelt_export_exports_nothing(v1, job, query):
    assert_problem(v1.get(f"jobs/{job.pk}/export?{query}"), 400, "invalid-request")


def test_nobody_exports_what_they_may_not_see(v1, job, person):
    Job.objects.update(owner=person)
    assert_problem(v1.get(f"jobs/{job.pk}/export?format=csv"), 404, "not-found")


def test_a_dry_run_says_what_would_happen_and_stores_nothing(v1):
    make_stores("T-1")
    body = submission(visit("T-1", "http://a/1", "http://a/1"), visit("gone", "http://127.0.0.1/x"))
    response = v1.post("jobs:validate", body)
    answer = response.json()

    assert response.status_code == 200
    assert (answer["accepted"], answer["errors"]) == (True, [])
    assert answer["numbers"]["images"] == 3
    assert answer["unknown_stores"]["listed"][0]["subject"] == "gone"
    assert "repeated_urls" in {warning["code"] for warning in answer["warnings"]}
    assert not Job.objects.exists()


def test_a_dry_run_lists_every_error_with_its_place(v1):
    answer = v1.post("jobs:validate/", submission({**visit(), "store_id": 7}, count=2, priority=10)).json()

    assert answer["accepted"] is False
    assert [error["pointer"] for error in answer["errors"]] == ["#/count", "#/visits/0/store_id", "#/priority"]
    refused = v1.post("jobs", submission({**visit(), "store_id": 7}, count=2, priority=10)).json()
    assert [error["detail"] for error in answer["errors"]] == [error["detail"] for error in refused["errors"]]


@pytest.mark.parametrize("body", [[], "x", 7, None, {}])
def test_any_json_can_be_dry_run(v1, body):
    answer = v1.post("jobs:validate", json.dumps(body).encode()).json()
    assert answer["accepted"] is False
    assert answer["errors"]


def test_what_is_not_json_cannot_be_dry_run(v1):
    assert_problem(v1.post("jobs:validate", b"{"), 400, "invalid-submission")


def test_a_dry_run_needs_the_scope_of_a_submission(with_key, person):
    assert with_key(person, Scope.SUBMIT).post("jobs:validate", submission()).status_code == 200
    assert_problem(with_key(person, Scope.READ).post("jobs:validate", submission()), 403, "not-allowed")
