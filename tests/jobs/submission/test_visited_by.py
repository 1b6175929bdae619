"""Who made a visit: what JSON, files and exports take, and that the assignment's endpoints know nothing of it."""

import io
import json

import pytest

from jobs.models import ImageFilter, Job, Visit
from jobs.reporting.exports import COLUMNS, ExportFormat, write
from jobs.submission.payload import MAX_VISITED_BY, VISITED_BY_RULE, InvalidPayload, parse_submission
from jobs.submission.submit import submit
from jobs.submission.visit_rows import UnreadableVisits
from jobs.submission.visits_file import read_visits
from tests.api.payloads import submission, visit
from tests.tables.files import workbook

HEADER = "store_id,visit_time,image_url,visited_by"


def body_of(*lines):
    return read_visits(io.BytesIO("\n".join(lines).encode())).body


def complaints(*lines):
    with pytest.raises(UnreadableVisits) as unreadable:
        body_of(*lines)
    return [(problem.line, problem.column, problem.complaint) for problem in unreadable.value.problems]


@pytest.mark.parametrize("name", ["", "rep-7", "x" * MAX_VISITED_BY, "Ana\u00efs \u5e97", " 7 "])
def test_a_visit_may_say_who_made_it(name):
    (parsed,) = parse_submission(submission({**visit(), "visited_by": name})).visits
    assert parsed.visited_by == name
    assert parse_submission(submission()).visits[0].visited_by == ""


@pytest.mark.parametrize("name", [None, 7, ["rep"], "x" * (MAX_VISITED_BY + 1), "a\nb", "a\x7f"])
def test_anything_else_is_refused_with_its_place(name):
    with pytest.raises(InvalidPayload) as refused:
        parse_submission(submission({**visit(), "visited_by": name}))
    (problem,) = refused.value.problems
    assert problem.sentence == f"visits[0].visited_by {VISITED_BY_RULE}"


@pytest.mark.parametrize("name", ["rep-7", None, 7, "x" * 65, "a\nb"])
@pytest.mark.django_db
def test_the_assignments_endpoint_ignores_it_as_any_unknown_key(client, settings, name):
    settings.API_OPEN = True
    body = json.dumps(submission({**visit("unknown"), "visited_by": name}))
    assert client.post("/api/submit/", body, content_type="application/json").status_code == 201
    assert Visit.objects.get().visited_by == ""


@pytest.mark.django_db
def test_v1_keeps_it_and_lists_it(client, settings):
    settings.API_OPEN = True
    body = json.dumps(submission({**visit("unknown"), "visited_by": "rep-7"}))
    assert client.post("/api/v1/jobs", body, content_type="application/json").status_code == 201
    (row,) = client.get("/api/v1/visits").json()["results"]
    assert row["visited_by"] == "rep-7"


def test_a_table_may_have_the_column_and_rows_of_two_people_are_two_visits():
    body = body_of(
        HEADER, "s,noon,http://a/1,ann", "s,noon,http://a/2,bob", "s,noon,http://a/3,ann", "s,noon,http://a/4,"
    )
    assert [(each.get("visited_by"), each["image_url"]) for each in body["visits"]] == [
        ("ann", ["http://a/1", "http://a/3"]), ("bob", ["http://a/2"]), (None, ["http://a/4"]),
    ]  # fmt: skip
    assert body_of("VisitedBy,StoreID,visit_time,image_url", "ann,s,noon,u")["visits"][0]["visited_by"] == "ann"


def test_a_workbook_may_have_it_too():
    content = workbook(["s", "noon", "http://a/1", "ann"], header=HEADER.split(","))
    assert read_visits(io.BytesIO(content)).body["visits"][0]["visited_by"] == "ann"


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [("x" * 65, VISITED_BY_RULE), ("a\x7f", VISITED_BY_RULE), (" ann", "begins or ends with white space")],
)
def test_a_cell_that_cannot_be_meant_is_refused_with_line_and_column(cell, complaint):
    assert complaints(HEADER, "s,noon,http://a/1,ann", f"s,noon,http://a/1,{cell}") == [(3, "visited_by", complaint)]


@pytest.mark.parametrize("value", ["x" * 65, 7, "a\nb"])
def test_a_line_of_json_that_cannot_be_meant_is_refused(value):
    row = {"store_id": "s", "visit_time": "noon", "image_url": "u", "visited_by": value}
    line = json.dumps(row)
    assert complaints(line) == [(1, "visited_by", VISITED_BY_RULE)]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.django_db
def test_an_export_ends_with_it_and_brings_it_back(form):
    body = submission({**visit("s"), "visited_by": "=ann, 7"}, visit("t"), {**visit("s"), "visited_by": " bob "})
    job = Job.objects.get(pk=submit(parse_submission(body).visits).job_id)
    file = io.BytesIO()
    write(job.pk, ImageFilter(), ExportFormat(form), file)
    file.seek(0)
    assert read_visits(file).body == body


@pytest.mark.parametrize("later", [[], ["findings"], ["metadata", "findings"], ["visited_by", "metadata", "findings"]])
@pytest.mark.django_db
def test_an_export_of_before_is_still_taken_back_as_it_is(later):
    before = [column.name for column in COLUMNS if not column.only_ndjson]
    # Behind those that tell nothing of references, which came last.
    names = [name for name in before[: before.index("visit_reference")] if name not in later]
    cells = {"store_id": " s ", "visit_time": "noon", "image_url": "http://a/1"}
    lines = [",".join(f'"{text}"' for text in row) for row in (names, [cells.get(name, "") for name in names])]
    # White space, which no other table may have around an id.
    assert body_of(*lines)["visits"] == [{"store_id": " s ", "visit_time": "noon", "image_url": ["http://a/1"]}]
