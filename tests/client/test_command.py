"""The command `retail-pulse` against a real server."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from client.retail_pulse_client import Client, Refused, Unreachable, command
from client.retail_pulse_client.transport import FIRST_PAUSE
from demo.service import free_port
from tests.end_to_end.conftest import CHECKOUT

HEADER = "store_id,visit_time,image_url\n"
STORE = "DEMO0001"


@pytest.fixture
def visits(tmp_path, images):
    """Write a file of visits: one image each, of these addresses."""

    def write(*urls, name="visits.csv"):
        path = tmp_path / name
        path.write_text(HEADER + "".join(f"{STORE},2026-01-31,{url}\n" for url in urls))
        return path

    return write


@pytest.fixture
def good(images):
    return f"{images.url}/{images.names[0]}"


def test_submit_and_watch_a_job_that_completes(run_process, visits, good):
    out, shown, code = run_process("submit", visits(good, f"{good}?2"), "--watch")
    assert code == 0, shown
    assert "2 images of 1 visit to 1 store, from 1 host" in out
    assert "completed: 2 of 2 images completed, 0 failed" in out
    assert "2 of 2, 2 completed, 0 failed" in shown


def test_submit_and_watch_a_job_that_fails_says_why(run, visits, images, good):
    out, _, code = run("submit", visits(good, f"{images.url}/404"), "--watch")
    assert code == 1
    assert "1 x http_404 (127.0.0.1" in out
    assert f"store {STORE}: 1 of 2 images failed" in out


def test_the_same_file_is_one_job_until_it_is_wanted_again(run, visits, good):
    path = visits(f"{good}?same")
    first = json.loads(run("submit", path, "--format", "json")[0])
    second = json.loads(run("submit", path, "--format", "json")[0])
    other = json.loads(run("submit", path, "--format", "json", "--priority=-1")[0])
    third = json.loads(run("submit", path, "--format", "json", "--again")[0])
    assert first["id"] == second["id"]
    assert len({first["id"], other["id"], third["id"]}) == 3
    assert "was submitted before" in run("submit", path)[0]


def test_a_client_that_is_killed_and_started_again_submits_one_job(service, run, visits, images, tmp_path):
    path = visits(*(f"{images.url}/404?{number}" for number in range(5_000)))
    before = len(list_jobs(service))
    command = [sys.executable, "-u", "-m", "retail_pulse_client", "--url", service.url, "submit", str(path), "--watch"]
    # Each is killed as soon as it says this: while it submits, behind the submission, and while it watches.
    for said in (b"to 1 store, from 1 host", b"submitted", b"completed"):
        process = subprocess.Popen(command, cwd=CHECKOUT / "client", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        assert any(said in line for line in process.stdout)
        process.kill()
        process.communicate()
    job = json.loads(run("submit", path, "--format", "json")[0])
    assert job["counts"]["total"] == 5_000
    assert len(list_jobs(service)) == before + 1
    # So that no other test waits for its images; a quick machine may have done them all.
    with suppress(Refused):
        Client(service.url).cancel(job["id"])


def list_jobs(service):
    return Client(service.url)._get("/jobs", {"limit": 500})["results"]


def test_a_job_that_is_named_is_found_again_and_so_are_its_visits(service, run, visits, good):
    path = visits(f"{good}?named")
    metadata = ("--metadata", "route=7", "--metadata", "b=c")
    job = json.loads(run("submit", path, "--format", "json", "--reference", "A-7", *metadata)[0])
    client = Client(service.url)
    assert client.job_with("A-7")["id"] == job["id"]
    assert client.job(job["id"])["metadata"] == {"route": "7", "b": "c"}
    assert client.job_with("A-8") is None
    again, shown, code = run("submit", path, "--reference", "A-7", "--again")
    assert code == 2
    assert f"is that of job {job['id']}." in again + shown
    visit = {"store_id": STORE, "visit_time": "2026-01-31", "client_reference": "V-7", "visited_by": "rep 7"}
    image = {"url": good, "client_reference": "I-7"}
    submitted = client.submit({"count": 1, "visits": [{**visit, "metadata": {"x": "y"}, "image_url": [image]}]}).job
    for options in (("--reference", "V-7"), ("--visited-by", "rep 7"), ("--metadata", "x:y")):
        (line,) = run("visits", *options, "--format", "json")[0].splitlines()
        assert json.loads(line)["client_reference"] == "V-7"
    (line,) = run("images", submitted["id"], "--reference", "I-7", "--format", "json")[0].splitlines()
    assert json.loads(line)["client_reference"] == "I-7"


def test_images_retry_and_export(run, visits, images, tmp_path):
    path = visits(f"{images.url}/404?a", f"{images.url}/404?b", f"{images.url}/{images.names[0]}?c")
    job = json.loads(run("submit", path, "--watch", "--format", "json")[0])["id"]
    lines = run("images", job, "--state", "failed")[0].splitlines()
    assert [line.split("\t")[2:] for line in lines] == [
        [f"{images.url}/404?{each}", "http_404: The server answered 404 instead of 200."] for each in "ab"
    ]
    document = json.loads(run("images", job, "--state", "completed", "--format", "json")[0])
    assert document["perimeter"] == 2 * (document["width"] + document["height"])
    assert "2 failed images match" in run("retry", job, "--dry-run")[0]
    out, _, code = run("retry", job, "--code", "http_404", "--watch")
    assert (out.splitlines()[0], code) == (f"2 images of job {job} will be tried again", 1)
    assert f"job {job} failed" in run("status", job)[0]
    visit = f"{STORE}\t2026-01-31\tjob {job}\t1 of 3 images completed, 2 failed"
    assert visit in run("visits", "--store", STORE, "--since", "2026-01-31", "--until", "2026-01-31")[0].splitlines()

    assert run("export", job, tmp_path / "all.csv")[2] == 0
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 4
    ndjson = run("export", job, "--format", "ndjson", "--state", "failed")[0].splitlines()
    assert [json.loads(line)["error_code"] for line in ndjson] == ["http_404", "http_404"]


def test_every_fault_of_a_file_is_listed_and_nothing_submitted(service, run, visits):
    before = len(list_jobs(service))
    _, shown, code = run("submit", "-", stdin=HEADER + ",noon,x\nS1,noon,\n")
    assert code == 2
    assert "line 2, 'store_id': is blank." in shown
    assert "line 3, 'image_url': is blank." in shown
    assert "count must be" in run("submit", "-", stdin='{"count": 2, "visits": []}')[0]
    assert len(list_jobs(service)) == before


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["status", "999999999"], 2, "There is no job 999999999"),
        (["submit", "absent.csv"], 2, "absent.csv: No such file or directory"),
        (["--key-file", "absent", "status", "1"], 2, "absent: No such file or directory"),
        (["--url", f"http://127.0.0.1:{free_port()}", "--patience", "0", "status", "1"], 69, "cannot be reached"),
        (["--url", "nonsense", "status", "1"], 2, "nonsense: the address of a service begins with http://"),
        (["--url", "http://[::1", "status", "1"], 2, "begins with http://"),
        (["--url", "http://h.test:99999", "status", "1"], 2, "begins with http://"),
        (["submit", "-"], 2, "the file is empty; the first line must be store_id,visit_time,image_url."),
    ],
)
def test_what_goes_wrong_is_one_sentence(run, arguments, code, sentence):
    out, shown, found = run(*arguments)
    assert (found, out) == (code, "")
    assert sentence in shown
    assert len(shown.splitlines()) == 1


def test_a_wrong_key_is_refused(run):
    _, shown, code = run("status", "1", RETAIL_PULSE_API_KEY="rp_wrong")
    assert code == 2
    assert "key" in shown


@pytest.mark.parametrize("key", ["rp_a\nrp_b", "rp_\u017c", "rp_a b"])
def test_what_is_no_key_is_not_sent(run, key):
    out, shown, code = run("status", "1", RETAIL_PULSE_API_KEY=key)
    assert (out, code) == ("", 2)
    assert shown == "The API key is none: it must be one word of visible ASCII characters.\n"


def test_a_file_of_other_bytes_is_no_key(run, tmp_path):
    (tmp_path / "key").write_bytes(b"\xff\xfe\0")
    assert "The API key is none" in run("--key-file", "key", "status", "1")[1]


@pytest.mark.parametrize("path", ["", "/", "/api/v1", "/api/v1/"])
def test_the_address_may_have_the_path_of_the_api(service, path):
    with pytest.raises(Refused, match="There is no job 999999999"):
        Client(service.url + path).job(999999999)


def test_a_file_that_is_refused_while_it_is_sent_says_so(run, tmp_path):
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(2**26)
    out, shown, code = run("submit", "large.csv")
    assert (out, shown, code) == ("", "The body is larger than this service accepts.\n", 2)


def test_a_file_is_submitted_as_it_was_when_it_was_checked(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("before")
    with command._opened(str(path)) as file:
        path.write_text("after")
        file.seek(0)
        assert file.read() == b"before"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["submit", "absent.csv"], 2),
        (["submit", "-"], 2),
        (["status", "999999999"], 2),
        (["retry", "999999999"], 2),
        (["--url", "nonsense", "status", "1"], 2),
        (["--url", f"http://127.0.0.1:{free_port()}", "--patience", "0", "status", "1"], 69),
    ],
)
def test_a_failure_is_a_document_too(run, arguments, code):
    out, shown, found = run(*arguments, "--format", "json")
    assert (json.loads(out)["error"]["detail"].casefold(), found) == (shown.strip().casefold(), code)


def test_a_dry_run_that_finds_errors_is_a_document_too(run):
    out, _, code = run("submit", "-", "--format", "json", stdin='{"count": 2, "visits": []}')
    assert code == 2
    assert not json.loads(out)["accepted"]


def test_output_that_cannot_be_written_is_named(service, run, visits, good):
    job = json.loads(run("submit", visits(f"{good}?full"), "--format", "json")[0])["id"]
    command = [sys.executable, "-m", "retail_pulse_client", "--url", service.url, "images", str(job)]
    options = {"cwd": CHECKOUT / "client", "stderr": subprocess.PIPE, "text": True, "check": False, "timeout": 100}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, **options)
    assert (done.returncode, done.stderr) == (2, "standard output: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, **options)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
    done = subprocess.run(["sh", "-c", '"$@" >&-', "-", *command], **options)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_an_encoding_lacks_is_escaped(run_process):
    out, shown, _ = run_process("submit", "-", "--format", "json", stdin="ż\n", PYTHONIOENCODING="ascii:strict")
    assert "'\\u017c'" in shown
    assert "'ż'" in json.loads(out)["error"]["detail"]


@contextmanager
def answering(*answers):
    """A server that gives these answers, (status, headers, body), one after the other; yields its URL and requests."""
    left, seen = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            seen.append((self.command, self.path, time.monotonic()))
            if length := self.headers["Content-Length"]:
                self.rfile.read(int(length))
            status, headers, body = left.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - named by the library

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


JOB = json.dumps({"id": 7, "state": "ended", "outcome": "completed"}).encode()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_refusal_is_waited_for_as_long_as_it_says(status):
    told = []
    with answering((status, {"Retry-After": "1"}, b"<h1>later</h1>"), (200, {}, JOB)) as (url, seen):
        assert Client(url, say=told.append).job(7)["id"] == 7
    assert seen[1][2] - seen[0][2] >= 1
    assert "trying again in 1 s" in told[0]


def test_patience_ends():
    with (
        answering((503, {"Retry-After": "60"}, b"")) as (url, _),
        pytest.raises(Unreachable, match=r"It asks for a pause of 60 s; see --patience\."),
    ):
        Client(url, patience=5).job(7)
    with (
        answering(*[(502, {}, b"")] * 3) as (url, seen),
        pytest.raises(Unreachable, match=r"Gave up after 1 s\."),
    ):
        Client(url, patience=1).job(7)
    assert len(seen) > 1


@pytest.mark.parametrize("when", ["0", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-1", "Wed, 99 Oct 2099"])
def test_a_service_in_trouble_is_not_asked_without_a_pause(when):
    with answering((503, {"Retry-After": when}, b""), (200, {}, JOB)) as (url, seen):
        Client(url).job(7)
    assert seen[1][2] - seen[0][2] >= FIRST_PAUSE / 2


def test_a_date_to_come_is_waited_for():
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with answering((503, {"Retry-After": when}, b""), (200, {}, JOB)) as (url, seen):
        Client(url).job(7)
    assert seen[1][2] - seen[0][2] > FIRST_PAUSE


def test_an_answer_that_is_cut_off_is_asked_for_again():
    with answering((200, {"Content-Length": "1000"}, b'{"id'), (200, {}, JOB)) as (url, _):
        assert Client(url).job(7)["id"] == 7


def test_a_connection_that_cannot_be_secure_is_not_tried_again():
    with answering() as (url, _), pytest.raises(Unreachable, match=r"no secure connection \(\[SSL: WRONG_VERSION"):
        Client(url.replace("http:", "https:")).job(7)


def test_what_an_error_of_the_service_has_done_is_not_called_refused():
    body = json.dumps({"type": "/problems#server-error", "detail": "Our fault."}).encode()
    with answering((500, {}, body)) as (url, _), pytest.raises(Unreachable, match=r"Our fault\."):
        Client(url).submit({"count": 0, "visits": []})


def test_a_retry_of_images_is_not_repeated_where_it_may_have_had_an_effect():
    with answering((502, {}, b"")) as (url, seen), pytest.raises(Unreachable, match="is not known"):
        Client(url).retry(7)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            (301, {"Location": "https://pulse.example/"}, b""),
            "The server is at https://pulse.example/: use that address.",
        ),
        (
            (308, {"Location": "https://pulse.example/prefix/api/v1/jobs"}, b""),
            "The server is at https://pulse.example/prefix: use that address.",
        ),
        ((302, {}, b""), "not as Retail Pulse does"),
        ((200, {"Content-Type": "text/html"}, b"<h1>Sign in</h1>"), "not as Retail Pulse does"),
        ((200, {}, b"[]"), "not as Retail Pulse does"),
        ((200, {}, b'{"id": 7'), "not as Retail Pulse does"),
        ((403, {}, b'{"detail": "A proxy speaks.", "errors": "?"}'), "A proxy speaks"),
        ((404, {"Content-Type": "text/html"}, b"<h1>no</h1>"), "not as Retail Pulse does"),
        ((400, {}, b'["odd"]'), "not as Retail Pulse does"),
    ],
)
def test_an_answer_that_is_not_the_services_is_told_apart(answer, sentence):
    with answering(answer) as (url, seen), pytest.raises(Refused, match=sentence):
        Client(url).submit({"count": 0, "visits": []})
    assert len(seen) == 1


def test_a_key_is_not_replaced_by_an_entry_of_netrc(tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with answering((200, {}, JOB)) as (url, _):
        client = Client(url, "rp_key")
        request = client._transport.request("GET", "/jobs/7").request
    assert request.headers["Authorization"] == "Bearer rp_key"


CSV = {"Content-Type": "text/csv; charset=utf-8"}


def test_a_page_of_something_in_between_is_no_export(tmp_path):
    with (
        answering((200, {"Content-Type": "text/html"}, b"<h1>Sign in</h1>")) as (url, _),
        pytest.raises(Refused, match="not as Retail Pulse does"),
    ):
        Client(url).export(7, tmp_path / "all.csv")
    assert not list(tmp_path.iterdir())


def test_an_export_that_is_cut_off_leaves_no_file(tmp_path):
    with (
        answering((200, {**CSV, "Content-Length": "1000"}, b"half")) as (url, _),
        pytest.raises(Unreachable, match="cut off"),
    ):
        Client(url).export(7, tmp_path / "all.csv")
    assert not list(tmp_path.iterdir())


def test_an_export_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "new").touch()
    with answering((200, CSV, b"rows")) as (url, _):
        assert Client(url).export(7, tmp_path / "all.csv") == 4
    assert (tmp_path / "all.csv").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_an_export_to_a_pipe_leaves_the_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = []
    reader = Thread(target=lambda: found.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    with answering((200, CSV, b"rows")) as (url, _):
        Client(url).export(7, tmp_path / "pipe")
    reader.join(30)
    assert found == [b"rows"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_watch_that_ends_early_names_the_job(run):
    counts = {"total": 1, "completed": 0, "failed": 0, "canceled": 0}
    job = {"id": 7, "state": "running", "counts": counts, "estimate": None, "waiting_for": []}
    running = json.dumps(job).encode()
    with answering((200, {}, running), (200, {}, running), (403, {}, b"")) as (url, _):
        _, shown, code = run("--url", url, "status", "7", "--watch")
    assert code == 2
    assert "Job 7 continues; see it with: retail-pulse status 7 --watch" in shown
