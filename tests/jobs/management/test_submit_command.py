"""`manage.py submit`: what it prints, what it submits, and its exit codes."""

import io
import json
import os
import signal
import sys
import threading
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from client.retail_pulse_client.lines import MOST_LINES, in_words
from jobs import queue
from jobs.management import watching
from jobs.management.commands import submit as command
from jobs.management.watching import status_line
from jobs.models import ImageResult, Job, Worker
from tests.factories import KNOWN_STORE, defer, look, make_stores, make_worker, pause_host, submit_job
from tests.jobs.engine.conftest import start_engine  # noqa: F401 - a fixture
from tests.tables.files import workbook
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"


def run(*arguments):
    """Standard output, the exit code, and the error message, if any."""
    out = io.StringIO()
    try:
        call_command("submit", *map(str, arguments), stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return out.getvalue(), error.returncode, str(error)
    except SystemExit as end:
        return out.getvalue(), end.code, ""
    return out.getvalue(), 0, ""


def body(*urls, **more):
    visit = {"store_id": KNOWN_STORE, "visit_time": "2026-11-25", "image_url": list(urls) or ["http://a.test/1"]}
    return {"count": 1, "visits": [visit], **more}


@pytest.fixture
def write(tmp_path):
    make_stores(KNOWN_STORE)

    def write(content, name="visits"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.02)


@pytest.mark.django_db
def test_json_is_submitted_and_the_jobs_id_printed(write):
    out, code, _ = run(write(body(on_error="stop_store")))
    job = Job.objects.get()
    assert code == 0
    assert f"job {job.pk} submitted; results: ./run manage export {job.pk};" in out
    assert (job.total, job.owner, job.on_error, job.priority) == (1, None, "stop_store", 0)


@pytest.mark.django_db
def test_csv_is_submitted_with_the_options_of_the_command(write):
    anna = User.objects.create(username="anna")
    rows = f"StoreID,visit_time,image_url\n{KNOWN_STORE},2026-11-25,http://a.test/1\n{KNOWN_STORE},2026-11-25,http://a.test/2"
    _, code, _ = run(write(rows), "--user", "anna", "--on-error", "stop_store", "--priority", "-3")
    job = Job.objects.get()
    assert (code, job.total, job.owner, job.on_error, job.priority) == (0, 2, anna, "stop_store", -3)
    assert job.visits.count() == 1


@pytest.mark.django_db
def test_standard_input_is_a_file_too(write, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(body()).encode())))
    assert run("-")[1] == 0
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_warnings_are_printed_and_bounded_and_cannot_control_the_terminal(write):
    visits = [
        {"store_id": f"\x1b[2J{number}", "visit_time": "noon", "image_url": ["ftp://x"]}
        for number in range(MOST_LINES + 2)
    ]
    out, code, _ = run(write({"count": len(visits), "visits": visits}), "--dry-run")
    assert code == 0
    assert "\x1b" not in out
    assert r"  1 x \x1b[2J0 (visits[0])" in out
    assert "  … and 2 more others" in out
    assert "warning: 12 images will fail without a fetch because of the URL." in out
    assert "dry run, nothing submitted" in out
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_a_refused_body_lists_every_error_with_its_place(write):
    out, code, sentence = run(write({"count": 2, "visits": [{"store_id": "s"}]}))
    assert (code, sentence.endswith("nothing is submitted.")) == (2, True)
    assert "error: count must be the number of visits, which is 1." in out
    assert "error: visits[0].image_url is missing." in out
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_a_csv_that_cannot_be_read_lists_every_error_with_line_and_column(write):
    out, code, _ = run(write("store_id,visit_time,image_url\n,noon,x\ns,noon,"))
    assert code == 2
    assert out.splitlines() == ["line 2, 'store_id': is blank.", "line 3, 'image_url': is blank."]


@pytest.mark.django_db
def test_a_submission_that_cannot_begin_ends_with_code_2(write, tmp_path, settings):
    assert run(tmp_path / "absent")[1:] == (2, f"{tmp_path / 'absent'}: No such file or directory")
    assert run(write(body()), "--user", "nobody")[1:] == (2, "There is no user 'nobody'.")
    settings.MAX_PENDING_IMAGES = 1
    submit_job(1)
    out, code, _ = run(write(body()))
    assert code == 2
    assert "1 of your images are still pending" in out


@pytest.mark.django_db
@pytest.mark.parametrize("priority", [-9, 9, -10, 10])
def test_both_sides_of_the_priorities(write, priority):
    assert (run(write(body()), f"--priority={priority}")[1] == 0) is (abs(priority) <= 9)


@pytest.mark.django_db
def test_json_is_one_document(write):
    out, _, _ = run(write(body("ftp://x")), "--format", "json")
    document = json.loads(out)
    assert document["job_id"] == Job.objects.get().pk
    assert document["rehearsal"]["refused_urls"]["count"] == 1
    out, code, _ = run(write("store_id,visit_time,image_url\n,noon,x"), "--format", "json")
    assert code == 2
    assert json.loads(out)["errors"] == [{"line": 2, "column": "store_id", "complaint": "is blank"}]


def test_a_watched_job_that_completes_ends_with_code_0(start_engine, write, images, quick, capsys):  # noqa: F811
    start_engine(THREADS)
    wait_for(Worker.objects.alive().exists)
    out, code, _ = run(write(body(*(f"{images.url}/{name}" for name in images.names))), "--watch")
    count = len(images.names)
    assert code == 0
    assert f"completed: {count} of {count} images completed, 0 failed" in out
    shown = capsys.readouterr().err
    assert "No worker is alive" not in shown
    assert f"{count} of {count}" in shown


def test_a_watched_job_that_fails_ends_with_code_1_and_says_why(start_engine, write, images, quick):  # noqa: F811
    start_engine(THREADS)
    wait_for(Worker.objects.alive().exists)
    out, code, _ = run(write(body(f"{images.url}/404", f"{images.url}/{images.names[0]}")), "--watch")
    assert code == 1
    assert "failed: 1 of 2 images completed, 1 failed" in out
    assert "1 x http_404 (127.0.0.1, area A-1): The server answered 404 instead of 200." in out
    assert f"store {KNOWN_STORE}: 1 of 2 images failed" in out
    document = json.loads(run(write(body(f"{images.url}/404")), "--watch", "--format", "json")[0])
    assert (document["outcome"], document["counts"]["failed"]) == ("failed", 1)
    assert document["failures"][0]["code"] == "http_404"


def in_thread(act):
    """Do it in a thread with its own connection, once the job exists."""

    def do():
        try:
            act(wait_for(lambda: Job.objects.order_by("pk").last()))
        finally:
            connection.close()

    thread = threading.Thread(target=do)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_without_a_worker_it_says_so_once_and_waits_and_a_canceled_job_ends_with_code_3(write, quick, capsys):
    def act(job):
        threading.Event().wait(0.3)
        queue.cancel(job.pk)

    thread = in_thread(act)
    out, code, _ = run(write(body()), "--watch")
    thread.join()
    assert code == 3
    assert "canceled: 0 of 1 image completed, 1 failed" in out
    assert capsys.readouterr().err.count("No worker is alive") == 1


@pytest.fixture
def interruptible():
    """SIGINT is Ctrl-C, which a job in a shell's background, and what it starts, is set to ignore."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_leaves_the_job_running(write, monkeypatch, interruptible):
    def interrupted(job_id):
        os.kill(os.getpid(), signal.SIGINT)
        return watching.watch(job_id)

    monkeypatch.setattr(command, "watch", interrupted)
    _, code, _ = run(write(body()), "--watch")
    assert code == 130
    assert ImageResult.objects.pending().count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_an_unavailable_database(quick):
    job = submit_job(1)
    screen = io.StringIO()
    asked = []

    def be_unavailable(execute, *args):
        asked.append(1)
        if len(asked) <= 3:
            raise OperationalError("gone")
        return execute(*args)

    queue.cancel(job.pk)
    with connection.execute_wrapper(be_unavailable):
        ended = watching.watch(job.pk, screen)
    assert ended.outcome == "canceled"
    assert screen.getvalue().count("The database is unavailable") == 1


@pytest.mark.django_db
def test_a_status_line_takes_two_queries_besides_the_job(django_assert_num_queries):
    job = submit_job(1)
    assert queue.claim(make_worker(), limit=1)
    job = look(job)
    with django_assert_num_queries(2):
        assert status_line(job) == f"job {job.pk} running: 0 of 1, 0 completed, 0 failed"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.django_db
def test_on_a_terminal_there_is_a_bar_of_completed_and_failed(quick):
    job = submit_job(2)
    queue.cancel(job.pk)
    screen = Terminal()
    watching.watch(job.pk, screen)
    assert "━" * watching.BAR_WIDTH in screen.getvalue()
    assert "2 of 2, 0 completed, 2 failed" in screen.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5999, "100 min"), (6000, "1.7 h")]
)
def test_durations_are_short(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.django_db
def test_a_job_that_waits_for_a_host_says_so():
    job = submit_job(3)
    assert "wait" not in status_line(look(job))
    pause_host("photos.test:443")
    defer(job, "photos.test:443", 2)
    assert status_line(look(job)).endswith("0 failed, 2 wait for photos.test: The server answered 503 instead of 200")
    pause_host("other.test:80")
    defer(job, "other.test:80")
    assert ", all of them wait for photos.test and 1 more: The server answered 503" in status_line(look(job))


@pytest.mark.django_db
def test_an_export_is_submitted_again(write, tmp_path):
    ids = [" T-1", "T\u200b1", "=1", "a,b\n"]
    visits = [{"store_id": each, "visit_time": "noon", "image_url": ["http://a.test/1"]} for each in ids]
    run(write({"count": 4, "visits": visits}))
    for form in ("csv", "ndjson"):
        path = tmp_path / f"export.{form}"
        call_command("export", str(Job.objects.latest("pk").pk), str(path), "--format", form, stderr=io.StringIO())
        out, code, error = run(path)
        assert (code, error) == (0, "")
        assert "T<U+200B>1" in out
        job = Job.objects.latest("pk")
        assert list(job.visits.order_by("pk").values_list("store_id", flat=True)) == ids
    assert Job.objects.count() == 3


@pytest.mark.django_db
def test_a_workbook_and_an_encoding_are_named_by_options(write, tmp_path):
    write({})
    path = tmp_path / "visits.xlsx"
    header = ["store_id", "visit_time", "image_url"]
    path.write_bytes(workbook(["x"], header=["x"], sheet="Notes", Visits=[header, [17, "noon", "http://a.test/1"]]))
    out, code, _ = run(path)
    assert (code, "another sheet can be named with --sheet: 'Visits'." in out) == (2, True)
    out, code, _ = run(path, "--sheet", "Visits", "--dry-run")
    assert code == 0
    assert "warning: The file is read as the sheet 'Visits', one of 2.\n" in out
    assert "warning: 'store_id': 1 cell is a number in the workbook" in out
    path.write_bytes("store_id,visit_time,image_url\nł,noon,http://a.test/1\n".encode("iso-8859-2"))
    out, code, _ = run(path, "--encoding", "iso-8859-2", "--format", "json", "--dry-run")
    document = json.loads(out)
    assert document["notes"] == ["The file is read as iso8859-2."]
    assert document["rehearsal"]["unknown_stores"]["listed"][0]["subject"] == "ł"


@pytest.mark.django_db
def test_options_name_the_job_and_say_more_of_it(write):
    file = write(body(client_reference="of the file", metadata={"a": "b"}))
    assert run(file, "--reference", "A-7", "--metadata", "route=7", "--metadata", "shift=a=b")[1] == 0
    job = Job.objects.get()
    assert (job.client_reference, job.metadata) == ("A-7", {"route": "7", "shift": "a=b"})
    assert run(file)[1] == 0
    job = Job.objects.latest("pk")
    assert (job.client_reference, job.metadata) == ("of the file", {"a": "b"})


@pytest.mark.django_db
def test_a_reference_that_is_taken_is_refused_and_names_the_job(write):
    file = write(body())
    run(file, "--reference", "A-7")
    out, code, sentence = run(file, "--reference", "A-7")
    assert code == 2
    assert f"client_reference 'A-7' is that of job {Job.objects.get().pk}." in out
    assert "nothing is submitted" in sentence


@pytest.mark.django_db
@pytest.mark.parametrize("option", [("--metadata", "route"), ("--metadata", "=7"), ("--reference", "x" * 129)])
def test_options_that_cannot_be_meant_are_refused(write, option):
    _, code, sentence = run(write(body()), *option)
    assert code != 0
    assert sentence
    assert not Job.objects.exists()
