"""What else a client says of a visit: what JSON, files and exports take; the assignment's endpoints ignore it."""

import io
import json

import pytest

from jobs.models import ImageFilter, Job, Visit
from jobs.reporting.exports import ExportFormat, write
from jobs.submission.payload import METADATA_RULE, METADATA_VALUE_RULE, InvalidPayload, parse_submission
from jobs.submission.submit import submit
from jobs.submission.typos import find_misspellings
from jobs.submission.visit_rows import UnreadableVisits
from jobs.submission.visits_file import read_visits
from tests.api.payloads import submission, visit

HEADER = "store_id,visit_time,image_url,metadata"
TEN = {f"name {number}": "x" * 500 for number in range(10)}


def with_metadata(metadata):
    return submission({**visit("unknown"), "metadata": metadata})


@pytest.mark.parametrize("metadata", [{}, {"route": "7"}, {"n" * 64: ""}, TEN, {"caf\u00e9 \u5e97": "\U0001f600"}])
def test_a_visit_may_have_metadata(metadata):
    (parsed,) = parse_submission(with_metadata(metadata)).visits
    assert (parsed.metadata or {}) == metadata
    assert parse_submission(submission()).visits[0].metadata is None


@pytest.mark.parametrize(
    ("metadata", "place", "rule"),
    [
        (None, "", METADATA_RULE),
        ("x", "", METADATA_RULE),
        ([], "", METADATA_RULE),
        ({**TEN, "eleven": ""}, "", METADATA_RULE),
        ({"": "x"}, "", METADATA_RULE),
        ({"n" * 65: "x"}, "", METADATA_RULE),
        ({"a\nb": "x"}, "", METADATA_RULE),
        ({"a": "x" * 501}, ".a", METADATA_VALUE_RULE),
        ({"a": "x\x7f"}, ".a", METADATA_VALUE_RULE),
        ({"a": 7}, ".a", METADATA_VALUE_RULE),
        ({"a": {"b": "c"}}, ".a", METADATA_VALUE_RULE),
        ({"a": None}, ".a", METADATA_VALUE_RULE),
    ],
)
def test_anything_else_is_refused_with_its_place(metadata, place, rule):
    with pytest.raises(InvalidPayload) as refused:
        parse_submission(with_metadata(metadata))
    (problem,) = refused.value.problems
    assert problem.sentence == f"visits[0].metadata{place} {rule}"


def test_every_value_that_is_wrong_is_named():
    with pytest.raises(InvalidPayload) as refused:
        parse_submission(with_metadata({"a": 1, "b": "fine", "c": 2}))
    assert [problem.path[-1] for problem in refused.value.problems] == ["a", "c"]


@pytest.mark.parametrize("metadata", [{"route": "7"}, None, 7])
@pytest.mark.django_db
def test_the_assignments_endpoint_ignores_it_as_any_unknown_key(client, settings, metadata):
    settings.API_OPEN = True
    body = json.dumps(with_metadata(metadata))
    assert client.post("/api/submit/", body, content_type="application/json").status_code == 201
    assert Visit.objects.get().metadata == {}


@pytest.mark.django_db
def test_v1_keeps_it_and_lists_it(client, settings):
    settings.API_OPEN = True
    body = json.dumps(submission({**visit("unknown"), "metadata": {"route": "7"}}, visit("other")))
    assert client.post("/api/v1/jobs", body, content_type="application/json").status_code == 201
    assert [row["metadata"] for row in client.get("/api/v1/visits").json()["results"]] == [{"route": "7"}, {}]


@pytest.mark.django_db
def test_a_dry_run_names_what_is_wrong_with_it(client, settings):
    settings.API_OPEN = True
    body = json.dumps(with_metadata({"route": 7}))
    answer = client.post("/api/v1/jobs:validate", body, content_type="application/json").json()
    assert METADATA_VALUE_RULE in json.dumps(answer)


def test_a_misspelt_key_is_noticed():
    found = find_misspellings(submission({**visit(), "meta_data": {}, "visitedBy": "x"}))
    assert [(each.key, each.meant) for each in found] == [("meta_data", "metadata"), ("visitedBy", "visited_by")]
    assert find_misspellings(submission({**visit(), "metadata": {}, "visited_by": ""})) == []


def body_of(*lines):
    return read_visits(io.BytesIO("\n".join(lines).encode())).body


def test_a_table_may_have_it_as_json_and_rows_that_differ_in_it_are_two_visits():
    cell = '"{""route"": ""7""}"'
    body = body_of(HEADER, f"s,noon,u1,{cell}", "s,noon,u2,", f"s,noon,u3,{cell}")
    assert [(each.get("metadata"), each["image_url"]) for each in body["visits"]] == [
        ({"route": "7"}, ["u1", "u3"]), (None, ["u2"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("[]", METADATA_RULE),
        ("7", METADATA_RULE),
        ('"{""a"": 7}"', f"['a'] {METADATA_VALUE_RULE}"),
        ("{", "is no JSON"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_refused_with_line_and_column(cell, complaint):
    with pytest.raises(UnreadableVisits) as unreadable:
        body_of(HEADER, "s,noon,u,", f"s,noon,u,{cell}")
    (problem,) = unreadable.value.problems
    assert (problem.line, problem.column) == (3, "metadata")
    assert problem.complaint.startswith(complaint)


@pytest.mark.parametrize("metadata", [[], 7, {"a": 7}, "x"])
def test_a_line_of_json_that_cannot_be_meant_is_refused(metadata):
    row = {"store_id": "s", "visit_time": "noon", "image_url": "u", "metadata": metadata}
    if metadata == []:
        assert "metadata" not in body_of(json.dumps(row))["visits"][0]
        return
    with pytest.raises(UnreadableVisits) as unreadable:
        body_of(json.dumps(row))
    assert unreadable.value.problems[0].column == "metadata"


@pytest.mark.parametrize("form", ["csv", "ndjson"])
@pytest.mark.django_db
def test_an_export_brings_it_back(form):
    body = submission({**visit("s"), "metadata": {"route": "=7", "b": "\u00e9, \u2028"}}, visit("t"))
    job = Job.objects.get(pk=submit(parse_submission(body).visits).job_id)
    file = io.BytesIO()
    write(job.pk, ImageFilter(), ExportFormat(form), file)
    file.seek(0)
    assert read_visits(file).body == body
