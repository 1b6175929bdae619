"""Are the results of a period exported whole, in parts that can be checked, and only as a whole?"""

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from jobs import deletion, queue
from jobs.errors import HTTPStatus
from jobs.models import ImageResult, Job
from jobs.reporting import parts, periods
from jobs.reporting.exports import result_columns
from tests.api.payloads import work_off
from tests.factories import submit_job, submit_visits

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, tzinfo=UTC)
END = datetime(2026, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def one_attempt(settings):
    settings.MAX_ATTEMPTS = 1


def ended_at(*instants, job=None):
    """A job whose images have ended then; it was submitted at the first of these times."""
    job = job or submit_job(len(instants))
    work_off()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # final rows stay final otherwise
        for image, instant in zip(job.images.order_by("pk"), instants, strict=True):
            ImageResult.objects.filter(pk=image.pk).update(finished_at=instant)
        cursor.execute("SET LOCAL session_replication_role = origin")
    Job.objects.filter(pk=job.pk).update(created_at=min(instants), finished_at=max(instants))
    return job


def export(folder, since="2026-01-10", until="2026-01-11", **options):
    out = StringIO()
    call_command("export_results", "--from", since, "--to", until, folder=folder, stdout=out, **options)
    return json.loads((folder / "manifest.json").read_text())


def lines(folder, manifest):
    return [json.loads(line) for part in manifest["parts"] for line in (folder / part["file"]).read_text().splitlines()]


def test_both_ends_of_a_period(tmp_path):
    tick = timedelta(microseconds=1)
    job = ended_at(BEGIN - tick, BEGIN, END - tick, END)
    manifest = export(tmp_path / "new" / "folder")
    found = lines(tmp_path / "new" / "folder", manifest)
    assert [line["image_id"] for line in found] == list(job.images.order_by("pk").values_list("pk", flat=True))[1:3]
    assert manifest["period"] == {"from": BEGIN.isoformat(), "to": END.isoformat()}
    assert (manifest["format"], manifest["user"], manifest["rows"]) == ("ndjson", None, 2)


def test_the_manifest_says_what_the_parts_hold(tmp_path):
    ended_at(*[BEGIN] * 5)
    manifest = export(tmp_path, part_rows=2)
    assert [(part["file"], part["rows"]) for part in manifest["parts"]] == [
        ("part-00001.ndjson", 2), ("part-00002.ndjson", 2), ("part-00003.ndjson", 1),
    ]  # fmt: skip
    for part in manifest["parts"]:
        content = (tmp_path / part["file"]).read_bytes()
        assert (part["bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert manifest["bytes"] == sum(part["bytes"] for part in manifest["parts"])
    names = [column.name for column in result_columns()]
    assert [column["name"] for column in manifest["columns"]] == names
    assert [list(line) for line in lines(tmp_path, manifest)] == [names] * 5
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(("rows", "part_rows", "number"), [(4, 4, 1), (4, 3, 2), (4, 1, 4), (4, 5, 1)])
def test_a_part_has_at_most_so_many_rows(tmp_path, monkeypatch, rows, part_rows, number):
    monkeypatch.setattr(parts, "BLOCK_ROWS", 2)
    ended_at(*[BEGIN] * rows)
    manifest = export(tmp_path, part_rows=part_rows)
    assert (len(manifest["parts"]), len(lines(tmp_path, manifest))) == (number, rows)


def test_a_period_without_results_is_a_manifest_without_parts(tmp_path):
    manifest = export(tmp_path)
    assert (manifest["rows"], manifest["parts"]) == (0, [])


@pytest.mark.parametrize(("images", "jobs"), [(1, 1), (2, 2), (3, 1), (100, 100)])
def test_jobs_and_images_are_read_some_at_a_time(monkeypatch, images, jobs):
    monkeypatch.setattr(periods, "MOST_IMAGES", images)
    monkeypatch.setattr(periods, "MOST_JOBS", jobs)
    made = [ended_at(*[BEGIN] * number) for number in (1, 4, 2, 1, 3)]
    ended_at(END)
    rows = list(periods.rows(Job.objects.all(), BEGIN, END, result_columns()))
    assert [int(row[1] or 0) for row in rows] == [
        image for job in made for image in job.images.order_by("pk").values_list("pk", flat=True)
    ]


def test_unfinished_jobs_and_retried_images_are_of_the_period_in_which_they_ended(tmp_path):
    job = submit_visits(("T-1", ["http://a.test/1", "http://a.test/2"]))
    work_off({"http://a.test/2": HTTPStatus(404)})
    ended_at(BEGIN, BEGIN, job=job)
    queue.retry(job.pk)
    manifest = export(tmp_path)
    assert [line["image_url"] for line in lines(tmp_path, manifest)] == ["http://a.test/1"]


def test_only_results_of_one_user(tmp_path):
    anna = User.objects.create_user("anna")
    hers = submit_job(1, owner=anna)
    ended_at(BEGIN, job=hers)
    ended_at(BEGIN)
    manifest = export(tmp_path, user="anna")
    assert [(line["job_id"], line["owner"]) for line in lines(tmp_path, manifest)] == [(hers.pk, "anna")]
    assert manifest["user"] == "anna"
    with pytest.raises(CommandError, match="no user bert"):
        export(tmp_path / "other", user="bert")


def test_deleted_jobs_are_not_exported(tmp_path):
    deletion.mark(ended_at(BEGIN).pk, None)
    assert export(tmp_path)["rows"] == 0


def test_a_folder_that_holds_anything_is_refused(tmp_path):
    export(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(CommandError, match=r"not empty: it holds manifest\.json"):
        export(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_an_export_that_breaks_off_leaves_whole_parts_and_no_manifest(tmp_path, monkeypatch):
    ended_at(*[BEGIN] * 5)
    plain = parts.NdjsonWriter.write
    written = []

    def full(self, rows):
        written.append(rows)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        plain(self, rows)

    monkeypatch.setattr(parts.NdjsonWriter, "write", full)
    with pytest.raises(CommandError, match="No space left on device; the export is not complete"):
        export(tmp_path, part_rows=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-00001.ndjson", "part-00002.ndjson"]


@pytest.mark.django_db(transaction=True)
def test_a_period_must_be_over_and_so_must_what_was_being_recorded_in_it(tmp_path, other):
    later = timezone.now() + timedelta(days=1)
    with pytest.raises(CommandError, match="must be over"):
        export(tmp_path, until=later.isoformat())
    other.execute("SELECT 1")  # a transaction that may still write something that ended since it began
    begun = timezone.now()
    with pytest.raises(CommandError, match="must be over"):
        export(tmp_path, until=begun.isoformat())
    other.rollback()
    export(tmp_path, until=begun.isoformat())


@pytest.fixture
def other(request):
    """A plain connection, whose transaction the test ends."""
    import psycopg

    names = {"host", "port", "user", "password", "dbname"}
    parameters = {key: value for key, value in connection.get_connection_params().items() if key in names}
    with psycopg.connect(**parameters) as made:
        yield made


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        ("x", "2026-01-11", "--from x"),
        ("2026-01-10", "tomorrow", "--to tomorrow"),
        ("2026-01-11", "2026-01-10", "must not be before"),
    ],
)
def test_what_is_no_period_is_said_so(tmp_path, since, until, why):
    with pytest.raises(CommandError, match=why):
        export(tmp_path, since, until)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part_rows", [0, -1, 10_000_001])
def test_a_part_has_a_number_of_rows(tmp_path, part_rows):
    with pytest.raises(CommandError, match="from 1 to 10,000,000"):
        export(tmp_path, part_rows=part_rows)


def test_parquet_has_types_and_the_same_rows(tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    job = submit_visits(("T-1", ["http://a.test/1", "http://a.test/ü\u2028"]), ("gone", ["http://a.test/3"]))
    work_off({"http://a.test/ü\u2028": HTTPStatus(404)})
    ended_at(BEGIN, BEGIN + timedelta(microseconds=1), BEGIN, job=job)
    manifest = export(tmp_path / "parquet", format="parquet", part_rows=2)
    plain = lines(tmp_path / "ndjson", export(tmp_path / "ndjson"))
    rows = []
    for part in manifest["parts"]:
        content = (tmp_path / "parquet" / part["file"]).read_bytes()
        assert (part["bytes"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        table = parquet.read_table(tmp_path / "parquet" / part["file"])
        assert table.num_rows == part["rows"]
        rows += table.to_pylist()
        types = {field.name: str(field.type) for field in table.schema}
    assert len(rows) == len(plain) == 3
    assert {types[name] for name in ("job_id", "width", "bytes")} == {"int64"}
    assert (types["finished_at"], types["retryable"], types["gpu_result"]) == (
        "timestamp[us, tz=UTC]",
        "bool",
        "string",
    )
    for row, line in zip(rows, plain, strict=True):
        for name, value in row.items():
            if isinstance(value, datetime):
                assert value == datetime.fromisoformat(line[name])
            elif types[name] == "string" and isinstance(line[name], (dict, list)):
                assert json.loads(value) == line[name]
            else:
                assert value == line[name]


def test_parquet_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(CommandError, match=r"pip install 'retail-pulse\[parquet\]'"):
        export(tmp_path, format="parquet")
    assert not list(tmp_path.iterdir())
