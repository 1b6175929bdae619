"""The command `retail-pulse` against a real server."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from client.retail_pulse_client import Client, Refused, Unreachable
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


def test_submit_and_watch_a_job_that_completes(run, visits, good):
    out, shown, code = run("submit", visits(good, f"{good}?2"), "--watch")
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
    path = visits(*(f"{images.url}/404?{number}" for number in range(10_000)))
    before = len(list_jobs(service))
    command = [sys.executable, "-m", "retail_pulse_client", "--url", service.url, "submit", str(path), "--watch"]
    for pause in (0.4, 0.8, 1.2):
        process = subprocess.Popen(
            command, cwd=CHECKOUT / "client", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
    job = json.loads(run("submit", path, "--format", "json")[0])
    assert job["counts"]["total"] == 10_000
    assert len(list_jobs(service)) == before + 1
    Client(service.url).cancel(job["id"])


def list_jobs(service):
    return Client(service.url)._get("/jobs", {"limit": 500})["results"]


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
    assert (out.splitlines()[0], code) == (f"2 images of job {job} are tried again", 1)
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
        (["--url", "nonsense", "status", "1"], 69, "nonsense"),
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
    assert 1 <= seen[1][2] - seen[0][2] < 5
    assert "trying again in 1 s" in told[0]


def test_patience_ends():
    with (
        answering((503, {"Retry-After": "60"}, b"")) as (url, _),
        pytest.raises(Unreachable, match=r"Gave up after 5 s\."),
    ):
        Client(url, patience=5).job(7)


def test_a_retry_of_images_is_not_repeated_where_it_may_have_had_an_effect():
    with answering((502, {}, b"")) as (url, seen), pytest.raises(Refused):
        Client(url).retry(7)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            (301, {"Location": "https://pulse.example/"}, b""),
            "The server is at https://pulse.example/: use that address.",
        ),
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


def test_an_export_that_is_cut_off_leaves_no_file(tmp_path):
    with answering((200, {"Content-Length": "1000"}, b"half")) as (url, _), pytest.raises(Unreachable, match="cut off"):
        Client(url).export(7, tmp_path / "all.csv")
    assert not list(tmp_path.iterdir())
