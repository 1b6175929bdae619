"""What does an exported file contain, and what happens to a truncated one?"""

import csv
import io
import json
import re
import threading
import time
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import errors, queue
from jobs.error_help import Retry, explain
from jobs.models import ImageFilter, ImageResult, Job
from jobs.reporting import exports, long_files
from jobs.reporting.exports import COLUMNS, Export, ExportFormat, filename, write
from jobs.reporting.long_files import ExportTooLong
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import submit
from stores.models import Store
from tables.csv_files import guard_cell, unguard_cell
from tests.factories import KNOWN_STORE, failure, make_stores, make_worker, submit_job, submit_visits, success
from tests.waiting import wait_for

EVERYTHING = ImageFilter()


def read(job, form="ndjson", image_filter=EVERYTHING):
    exported = b"".join(Export(job.pk, image_filter, ExportFormat(form)))
    if form == "ndjson":
        return [json.loads(line) for line in exported.decode().splitlines()]
    return list(csv.DictReader(io.StringIO(exported.decode("utf-8-sig"), newline="")))


@pytest.fixture
def job(db):
    """A completed image, one that failed with 503, a pending one, and one of an unknown store."""
    Store.objects.create(store_id="s", name='Café, "North"', area_code="N")
    visits = [
        VisitPayload("s", "2026-11-25T10:00:00+02:00", datetime(2026, 11, 25, 8, tzinfo=UTC), ["http://A.test/1"]),
        VisitPayload("s", "time of visit", None, ["http://a.test/2", "http://a.test/3"]),
        VisitPayload("nowhere", "noon", None, ["x"]),
    ]
    job = Job.objects.get(pk=submit(visits).job_id)
    worker = make_worker()
    first, second = queue.claim(worker, limit=2)
    queue.record(worker, [success(first), failure(second, errors.NotAnImage())])
    return job


def test_every_column_is_where_it_is_documented():
    names = [column.name for column in COLUMNS]
    assert ",".join(names) == (
        "store_id,store_name,area_code,visit_time,visited_at,image_url,host,state,width,height,perimeter,format,bytes,"
        "attempts,finished_at,fetch_ms,measure_ms,gpu_ms,error_code,error_message,retryable,visited_by,"
        "metadata,findings,visit_reference,image_reference,image_metadata,job_reference,job_metadata,gpu_result"
    )


def test_ndjson_holds_every_value_as_it_is_stored(job):
    rows = read(job)
    assert [list(row) for row in rows] == [[column.name for column in COLUMNS]] * 4
    image = ImageResult.objects.filter(job=job).order_by("pk")[0]
    assert rows[0] == {
        "store_id": "s",
        "store_name": 'Café, "North"',
        "area_code": "N",
        "visit_time": "2026-11-25T10:00:00+02:00",
        "visited_at": "2026-11-25T08:00:00.000000Z",
        "image_url": "http://A.test/1",
        "host": "a.test",
        "state": "completed",
        "width": 640,
        "height": 480,
        "perimeter": 2240,
        "format": "JPEG",
        "bytes": 1000,
        "attempts": 1,
        "finished_at": image.finished_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "fetch_ms": image.fetch_ms,
        "measure_ms": image.measure_ms,
        "gpu_ms": image.gpu_ms,
        "error_code": None,
        "error_message": None,
        "retryable": None,
        "visited_by": None,
        "metadata": None,
        "findings": None,
        "visit_reference": None,
        "image_reference": None,
        "image_metadata": None,
        "job_reference": None,
        "job_metadata": None,
        "gpu_result": None,
    }
    assert (rows[1]["state"], rows[1]["error_code"], rows[1]["retryable"]) == ("failed", "not_an_image", False)
    assert rows[1]["error_message"] == "The downloaded file is not an image."
    assert (rows[2]["state"], rows[2]["finished_at"], rows[2]["retryable"]) == ("pending", None, None)
    assert (rows[3]["store_name"], rows[3]["host"], rows[3]["error_code"]) == (None, None, "unknown_store")


def test_csv_holds_the_same_except_the_models_result(job):
    rows = read(job, "csv")
    assert [list(row) for row in rows] == [[column.name for column in COLUMNS if column.name != "gpu_result"]] * 4
    flags = {True: "true", False: "false", None: ""}
    for row, other in zip(rows, read(job), strict=True):
        assert row == {
            name: flags[value] if value is None or isinstance(value, bool) else str(value)
            for name, value in other.items()
            if name != "gpu_result"
        }


def test_csv_is_utf_8_with_a_mark_and_ends_its_lines_by_crlf(job):
    exported = b"".join(Export(job.pk, EVERYTHING, ExportFormat.CSV))
    assert exported.startswith(b'\xef\xbb\xbf"store_id","store_name",')
    assert exported.count(b"\r\n") == exported.count(b"\n") == 5
    assert b'"Caf\xc3\xa9, ""North"""' in exported
    assert exported.endswith(b"\r\n")


def test_the_models_result_is_exported_unchanged(job):
    worker = make_worker()
    [claim] = queue.claim(worker, limit=1)
    outcome = success(claim)
    queue.record(
        worker, [type(outcome)(claim, outcome.evidence, outcome.measurement, gpu_result={"a": ["\n\u2028\x85é", 1]})]
    )
    assert read(job)[2]["gpu_result"] == {"a": ["\n\u2028\x85é", 1]}


@pytest.mark.parametrize("error", list(errors.all_errors()), ids=lambda error: error.code)
def test_whether_a_retry_may_help_is_what_the_image_itself_says(error, db):
    job = submit_job(1)
    worker = make_worker()
    for status in (404, 503):
        made = error(status) if error is errors.HTTPStatus else error()
        made.retryable = False
        for claim in queue.claim(worker, limit=1):
            queue.record(worker, [failure(claim, made)])
        [image] = ImageResult.objects.filter(job=job)
        [row] = read(job)
        assert row["retryable"] == image.retryable == (explain(image.error_code).retry is not Retry.AFTER_REPAIR)
        job = submit_job(1)


@pytest.mark.parametrize(
    ("image_filter", "urls"),
    [
        (ImageFilter(state="failed"), ["http://a.test/2", "x"]),
        (ImageFilter(code="not_an_image"), ["http://a.test/2"]),
        (ImageFilter(host="a.test", state="completed"), ["http://A.test/1"]),
        (ImageFilter(store="nowhere"), ["x"]),
        (ImageFilter(area="N"), ["http://A.test/1", "http://a.test/2", "http://a.test/3"]),
        (ImageFilter(area=""), ["x"]),
        (ImageFilter(code="50%' OR 1=1"), []),
    ],
)
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_the_filters_are_those_of_the_images(job, image_filter, urls, form):
    assert [row["image_url"] for row in read(job, form, image_filter)] == urls


def test_without_matching_images_there_is_only_the_header(db):
    assert b"".join(Export(7, EVERYTHING, ExportFormat.NDJSON)) == b""
    assert b"".join(Export(7, EVERYTHING, ExportFormat.CSV)).count(b"\r\n") == 1


def test_it_is_one_statement(job, django_assert_num_queries):
    with django_assert_num_queries(4) as captured:  # with its own limit, in a transaction
        read(job)
    assert [query["sql"].split()[0] for query in captured.captured_queries] == ["SAVEPOINT", "SET", "COPY", "RELEASE"]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''-", " =1", "\xa0 @x"]
)
def test_a_cell_that_a_spreadsheet_would_evaluate_is_quoted(cell):
    assert guard_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a", "a=1", "'", "'a", "1", " a", "http://a.test/=1"])
def test_other_cells_stay_as_they_are(cell):
    assert guard_cell(cell) == cell
    assert unguard_cell(cell) == cell


@given(st.text())
def test_guarding_can_be_undone(text):
    assert unguard_cell(guard_cell(text)) == text
    assert not guard_cell(text).lstrip().startswith(tuple("=+-@"))


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
FORMULA = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", '"', ",", "\r\n"])


SCOPED_AND_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(suppress_health_check=SCOPED_AND_SLOW, deadline=None, max_examples=50)
@given(st.lists(st.tuples(FORMULA, TEXT), min_size=1, max_size=5))
def test_any_text_comes_back_from_csv_and_no_cell_of_it_is_a_formula(db, drawn):
    texts = [first + rest for first, rest in drawn]
    job = Job.objects.get(pk=submit([VisitPayload(text[:64], text, None, [text]) for text in texts]).job_id)
    rows = read(job, "csv")
    for name in ("store_id", "visit_time", "image_url"):
        assert not any(row[name].startswith(("\t", "\r")) for row in rows)
        assert not any(row[name].lstrip().startswith(tuple("=+-@")) for row in rows)
    assert [unguard_cell(row["visit_time"]) for row in rows] == texts
    assert [row["visit_time"] for row in read(job)] == texts


def test_numbers_get_no_apostrophe(job):
    assert read(job, "csv")[0]["perimeter"] == "2240"


@pytest.mark.parametrize("separated", ["X;=1+1", "X\t=1+1", "X|=1+1", "X =1+1", 'X";=1+1', "X,=1+1", ";"])
def test_every_cell_is_quoted_so_that_no_other_separator_makes_two_of_it(db, separated):
    job = Job.objects.get(pk=submit([VisitPayload(separated, separated, None, [separated])]).job_id)
    head, row = b"".join(Export(job.pk, EVERYTHING, ExportFormat.CSV)).decode("utf-8-sig").splitlines()
    for line in (head, row):
        assert re.fullmatch(r'("(?:[^"]|"")*"(,|$))+', line), line
    quoted = separated.replace('"', '""')
    assert row.startswith(f'"{quoted}","","","{quoted}","","{quoted}",')


def test_a_file_comes_in_chunks(db, monkeypatch):
    monkeypatch.setattr(long_files, "CHUNK_BYTES", 1000)
    job = submit_job(50)
    chunks = list(Export(job.pk, EVERYTHING, ExportFormat.NDJSON))
    assert len(chunks) > 10
    assert max(map(len, chunks)) < 2000
    assert len(b"".join(chunks).splitlines()) == 50


def backends():
    """How many connections of this test's database are executing a COPY."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY (%%'"
        )
        return cursor.fetchone()[0]


@pytest.fixture
def large(transactional_db, monkeypatch):
    monkeypatch.setattr(long_files, "CHUNK_BYTES", 1000)
    return submit_job(20_000)


def test_an_export_is_broken_off_by_the_server_when_it_takes_too_long(large, settings, tmp_path, caplog):
    settings.LONG_STATEMENT_SECONDS = {**settings.LONG_STATEMENT_SECONDS, "export": 0.01}
    with pytest.raises(ExportTooLong, match="raise EXPORT_SECONDS"):
        write(large.pk, EVERYTHING, ExportFormat.CSV, tmp_path / "all.csv")
    assert list(tmp_path.iterdir()) == []
    assert "export broken off" in caplog.messages
    assert connection.connection is None


def test_a_reader_who_is_too_slow_gets_no_whole_export(large, settings):
    settings.LONG_STATEMENT_SECONDS = {**settings.LONG_STATEMENT_SECONDS, "export": 2}
    export = Export(large.pk, EVERYTHING, ExportFormat.NDJSON)
    next(export)
    # It is the time that passes here that is tried.
    time.sleep(2.2)
    with pytest.raises(ExportTooLong, match=r"after EXPORT_SECONDS \(2 s\)"):
        list(export)
    assert connection.connection is None
    assert backends() == 0


def test_the_session_of_a_reader_who_has_stopped_reading_is_ended(large, settings):
    settings.LONG_STATEMENT_SECONDS = {**settings.LONG_STATEMENT_SECONDS, "export": 2}
    export = Export(large.pk, EVERYTHING, ExportFormat.NDJSON)
    next(export)
    wait_for(lambda: others_copying() == 0)
    with pytest.raises(ExportTooLong):
        list(export)
    assert connection.connection is None


def others_copying():
    """As `backends`, seen from another connection."""
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    with psycopg.connect(**parameters) as other:
        return other.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY (%'"
        ).fetchone()[0]


def test_a_client_that_disconnects_frees_the_connection(large):
    export = Export(large.pk, EVERYTHING, ExportFormat.NDJSON)
    next(export)
    assert connection.connection is not None
    export.close()
    assert connection.connection is None
    assert backends() == 0
    assert Job.objects.count() == 1


def test_the_end_frees_the_connection(transactional_db):
    job = submit_job(1)
    list(Export(job.pk, EVERYTHING, ExportFormat.NDJSON))
    assert connection.connection is None


@pytest.mark.parametrize("form", list(ExportFormat))
def test_a_connection_lost_in_the_middle_ends_in_an_error_and_not_in_a_file(large, form, tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"before")
    seen = []

    def lines(columns, rows, original=exports.ndjson_lines):
        for number, line in enumerate(original(columns, rows)):
            if number == 5_000:
                connection.connection.pgconn.finish()
            seen.append(number)
            yield line

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "ndjson_lines", lines)
        patch.setattr(exports, "_csv_lines", lines)
        with pytest.raises(Exception, match=r"closed|lost|NULL"):
            write(large.pk, EVERYTHING, form, path)
    assert len(seen) > 1000
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert Job.objects.count() == 1


def test_a_path_holds_the_whole_file_with_the_usual_permissions(job, tmp_path):
    path, plain = tmp_path / "out.csv", tmp_path / "plain"
    plain.touch()
    written = write(job.pk, EVERYTHING, ExportFormat.CSV, path)
    assert path.stat().st_size == written > 0
    assert path.stat().st_mode == plain.stat().st_mode
    buffer = io.BytesIO()
    assert write(job.pk, EVERYTHING, ExportFormat.CSV, buffer) == written
    assert buffer.getvalue() == path.read_bytes()


def test_a_file_is_one_consistent_snapshot(transactional_db, monkeypatch):
    monkeypatch.setattr(long_files, "CHUNK_BYTES", 1000)
    job = submit_job(5_000)
    export = Export(job.pk, EVERYTHING, ExportFormat.NDJSON)
    first = next(export)

    def cancel():
        queue.cancel(job.pk)
        connection.close()

    thread = threading.Thread(target=cancel)
    thread.start()
    thread.join()
    rows = [json.loads(line) for line in (first + b"".join(export)).splitlines()]
    assert {row["state"] for row in rows} == {"pending"}
    assert len(rows) == 5_000
    assert {row["state"] for row in read(job)} == {"failed"}


@pytest.mark.parametrize(
    ("image_filter", "name"),
    [
        (EVERYTHING, "job-7.csv"),
        (ImageFilter(state="failed"), "job-7-failed.csv"),
        (ImageFilter(state="failed", code="http_404"), "job-7-failed-http_404.csv"),
        (ImageFilter(code='../"x\r\n'), "job-7-x.csv"),
        (ImageFilter(host="a.test", area="N"), "job-7.csv"),
    ],
)
def test_the_files_name_says_what_is_in_it(image_filter, name):
    assert filename(7, image_filter, ExportFormat.CSV) == name


def test_stores_of_one_job_are_distinguished(db):
    make_stores("other")
    job = submit_visits((KNOWN_STORE, ["http://a.test/1"]), ("other", ["http://a.test/2"]))
    assert [row["store_name"] for row in read(job)] == [f"Shop {KNOWN_STORE}", "Shop other"]
