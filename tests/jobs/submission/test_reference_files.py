"""Clients' own ids and metadata of images: what tables take, what exports hold, and what of those is taken back."""

import csv
import io
import json

import pytest

from jobs.models import ImageFilter, Job
from jobs.reporting.exports import ExportFormat, write
from jobs.submission.payload import METADATA_VALUE_RULE, REFERENCE_RULE, parse_submission
from jobs.submission.submit import submit
from jobs.submission.visit_rows import UnreadableVisits, VisitRows
from jobs.submission.visits_file import read_visits
from tests.api.payloads import submission, visit
from tests.tables.files import workbook

HEADER = "store_id,visit_time,image_url,visit_reference,image_reference,image_metadata"
CELL = '"{""route"": ""7""}"'


def read(*lines):
    return read_visits(io.BytesIO("\n".join(lines).encode()))


def exported(body, form):
    payload = parse_submission(body)
    file = io.BytesIO()
    job = Job.objects.get(pk=submit(payload.visits, details=payload.details).job_id)
    write(job.pk, ImageFilter(), ExportFormat(form), file)
    file.seek(0)
    return file


def test_a_table_may_name_visits_and_images_and_rows_of_two_visits_are_two():
    body = read(HEADER, "s,noon,u1,V-1,I-1,", f"s,noon,u2,V-1,,{CELL}", "s,noon,u3,V-2,I-2,", "s,noon,u4,,,").body
    assert body["visits"] == [
        {
            "store_id": "s",
            "visit_time": "noon",
            "client_reference": "V-1",
            "image_url": [{"url": "u1", "client_reference": "I-1"}, {"url": "u2", "metadata": {"route": "7"}}],
        },
        {
            "store_id": "s",
            "visit_time": "noon",
            "client_reference": "V-2",
            "image_url": [{"url": "u3", "client_reference": "I-2"}],
        },
        {"store_id": "s", "visit_time": "noon", "image_url": ["u4"]},
    ]
    assert len(parse_submission(body).visits) == 3


def test_a_workbook_may_do_so_too():
    content = workbook(["s", "noon", "u", "V-1", "I-1", '{"a": "b"}'], header=HEADER.split(","))
    (found,) = read_visits(io.BytesIO(content)).body["visits"]
    assert found["client_reference"] == "V-1"
    assert found["image_url"] == [{"url": "u", "client_reference": "I-1", "metadata": {"a": "b"}}]


@pytest.mark.parametrize(
    ("row", "column", "complaint"),
    [
        (f"{'x' * 129},,", "visit_reference", REFERENCE_RULE),
        (",a\x7f,", "image_reference", REFERENCE_RULE),
        (" a,,", "visit_reference", "begins or ends with white space"),
        (',,"{""a"": 7}"', "image_metadata", f"['a'] {METADATA_VALUE_RULE}"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_refused_with_line_and_column(row, column, complaint):
    with pytest.raises(UnreadableVisits) as unreadable:
        read(HEADER, f"s,noon,u,{'x' * 128},,", f"s,noon,u,{row}")
    (problem,) = unreadable.value.problems
    assert (problem.line, problem.column, problem.complaint) == (3, column, complaint)


def test_what_is_kept_of_a_file_is_bounded_by_references_and_metadata_too():
    rows = VisitRows(most_characters=20)
    rows.add(1, "s", "t", "u", visit_reference="12345", image_reference="12345", image_metadata='{"":""}')
    with pytest.raises(UnreadableVisits):
        rows.add(2, "s", "t", "u", visit_reference="12345")


SAID = {"client_reference": "=A", "metadata": {"route": "=7"}}
BODY = submission(
    {**visit("s", "http://a/1", {"url": "http://a/2", **SAID}), "client_reference": "-V", "metadata": {"a": "b"}},
    visit("t"),
    **SAID,
)
HELD = {
    "visit_reference": ["-V", "-V", None],
    "image_reference": [None, "=A", None],
    "image_metadata": [None, {"route": "=7"}, None],
    "job_reference": ["=A"] * 3,
    "job_metadata": [{"route": "=7"}] * 3,
}


@pytest.mark.django_db
def test_an_export_holds_them_each_beside_the_image():
    rows = [json.loads(line) for line in exported(BODY, "ndjson")]
    assert {name: [row[name] for row in rows] for name in HELD} == HELD


@pytest.mark.django_db
def test_in_csv_they_are_no_formulas_and_metadata_is_json():
    rows = list(csv.DictReader(io.StringIO(exported(BODY, "csv").read().decode("utf-8-sig"))))
    assert [row["visit_reference"] for row in rows] == ["'-V", "'-V", ""]
    assert [row["image_reference"] for row in rows] == ["", "'=A", ""]
    assert json.loads(rows[1]["image_metadata"]) == json.loads(rows[2]["job_metadata"]) == {"route": "=7"}
    assert list(rows[0])[-5:] == list(HELD)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.django_db
def test_an_export_is_taken_back_without_references_which_belong_to_its_job(form):
    found = read_visits(exported(BODY, form))
    metadata = {"route": "=7"}
    assert found.body["visits"] == [
        {**visit("s", "http://a/1", {"url": "http://a/2", "metadata": metadata}), "metadata": {"a": "b"}},
        visit("t"),
    ]
    assert found.notes[-1].startswith("The references in the export are left out")
    submit(parse_submission(found.body).visits)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.django_db
def test_of_an_export_without_any_nothing_is_said(form):
    body = submission(visit("s"), visit("t"))
    found = read_visits(exported(body, form))
    assert found.body == body
    assert not any("left out" in note for note in found.notes)


@pytest.mark.parametrize("metadata", [7, {"a": 7}, "x"])
def test_a_line_of_json_that_cannot_be_meant_is_refused(metadata):
    row = {"store_id": "s", "visit_time": "noon", "image_url": "u", "image_metadata": metadata}
    with pytest.raises(UnreadableVisits) as unreadable:
        read(json.dumps(row))
    assert unreadable.value.problems[0].column == "image_metadata"
