"""A file as the body of a submission or of its dry run."""

import pytest

from jobs.models import ImageResult, Job
from tests.api.payloads import submission, visit
from tests.api.v1.conftest import assert_problem
from tests.tables.files import workbook

pytestmark = pytest.mark.django_db

CSV = "store_id,visit_time,image_url\nS1,2026-01-31,http://a.test/1\nS1,2026-01-31,http://a.test/2\nŻ2,later,http://a.test/3\n"
ROWS = [line.split(",") for line in CSV.splitlines()]
NDJSON = b'{"store_id":"S1","visit_time":"2026-01-31","image_url":"http://a.test/1"}\n'
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def send(v1, path, body, content_type="text/csv", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    # Django's client declares no type for an empty body.
    declared = {"CONTENT_TYPE": content_type}
    return v1.client.generic("POST", f"/api/v1/{path}", body, content_type=content_type, headers=names, **declared)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (CSV.encode(), "text/csv"),
        (CSV.encode("cp1250"), "text/csv; charset=cp1250"),
        (CSV.replace(",", ";").encode(), "text/csv"),
        (workbook(*ROWS[1:], header=ROWS[0]), XLSX),
    ],
    ids=["csv", "a charset", "semicolons", "a workbook"],
)
def test_a_table_is_submitted(v1, body, content_type):
    response = send(v1, "jobs?on_error=stop_store&priority=-2", body, content_type)
    assert response.status_code == 201, response.content
    job = Job.objects.get()
    assert (job.total, job.on_error, job.priority) == (3, "stop_store", -2)
    found = ImageResult.objects.order_by("id").values_list("visit__store_id", "visit__visit_time", "url")
    assert [list(row) for row in found] == ROWS[1:]


def test_lines_of_an_export_are_submitted(v1):
    assert send(v1, "jobs", NDJSON, "application/x-ndjson").json()["counts"]["total"] == 1


def test_options_override_those_of_a_json_body(v1):
    body = {**submission(visit()), "on_error": "continue", "priority": 0}
    assert v1.post("jobs?on_error=stop_store&priority=-1", body).json()["priority"] == -1
    assert Job.objects.get().on_error == "stop_store"


def test_every_fault_has_its_line_and_column(v1):
    response = send(v1, "jobs", b"store_id,visit_time,Image_URL\n,x,http://a.test/1\nS1,x,\n")
    problem = assert_problem(response, 400, "invalid-submission")
    assert problem["detail"] == "Line 2, 'store_id': is blank (and 1 more)."
    assert problem["errors"] == [
        {"line": 2, "column": "store_id", "detail": "line 2, 'store_id': is blank."},
        {"line": 3, "column": "Image_URL", "detail": "line 3, 'Image_URL': is blank."},
    ]
    assert not Job.objects.exists()


@pytest.mark.parametrize("body", [b"", b"%PDF-1.4", b"store,image\n1,2\n"], ids=["nothing", "a PDF", "other columns"])
@pytest.mark.parametrize("path", ["jobs", "jobs:validate"])
def test_what_is_no_table_is_said_of_the_whole_file(v1, path, body):
    assert_problem(send(v1, path, body), 400, "invalid-submission")


@pytest.mark.parametrize("query", ["priority=10", "priority=x", "on_error=stop", "sheet=", "skip_rejected=true"])
def test_an_option_that_is_none_is_named(v1, query):
    problem = assert_problem(send(v1, f"jobs?{query}", CSV.encode()), 400, "invalid-request")
    assert problem["errors"][0]["parameter"] == query.partition("=")[0]


def test_a_dry_run_says_how_a_file_was_read(v1):
    found = send(v1, "jobs:validate", CSV.encode("cp1252", "replace")).json()
    assert found["accepted"]
    assert found["numbers"] == {"visits": 2, "images": 3, "stores": 2, "hosts": 1}
    found = send(v1, "jobs:validate", CSV.replace(",", ";").encode()).json()
    assert "semicolons" in found["notes"][0]
    assert v1.post("jobs:validate", submission(visit())).json()["notes"] == []


def test_the_same_file_with_other_options_is_another_submission(v1):
    first = send(v1, "jobs", NDJSON, "application/x-ndjson", Idempotency_Key="a")
    again = send(v1, "jobs", NDJSON, "application/x-ndjson", Idempotency_Key="a")
    other = send(v1, "jobs?priority=-1", NDJSON, "application/x-ndjson", Idempotency_Key="a")
    assert first.status_code == 201, first.content
    assert (again.json()["id"], again["Idempotent-Replayed"]) == (first.json()["id"], "true")
    assert_problem(other, 422, "idempotency-key-reused")


def test_the_same_options_in_another_order_are_the_same_submission(v1):
    type_ = "application/x-ndjson"
    first = send(v1, "jobs?priority=-1&on_error=continue", NDJSON, type_, Idempotency_Key="a")
    again = send(v1, "jobs?on_error=continue&priority=-01", NDJSON, type_, Idempotency_Key="a")
    assert (again.json()["id"], again["Idempotent-Replayed"]) == (first.json()["id"], "true")


@pytest.mark.parametrize("spare", [0, -1], ids=["as large as a body", "larger"])
def test_a_workbook_holds_no_more_text_than_the_largest_body(v1, settings, spare):
    """It holds a repeated text once, so its own size says little."""
    url = "http://a.test/" + 500 * "x"
    sent = workbook(*[["S1", "later", url]] * 200, header=ROWS[0])
    settings.MAX_BODY_BYTES = len("S1later") + 200 * len(url) + spare
    assert len(sent) < settings.MAX_BODY_BYTES
    response = send(v1, "jobs", sent, XLSX)
    if not spare:
        assert response.status_code == 201, response.content
        return
    problem = assert_problem(response, 400, "invalid-submission")
    assert problem["errors"][0]["line"] == 201
    assert "at most 102,806 characters altogether" in problem["detail"]
