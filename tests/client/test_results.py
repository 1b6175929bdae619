"""Does `retail-pulse results` write each result once, wherever it is killed?"""

import json
import os
import signal
import subprocess
import sys

import pytest

from client.retail_pulse_client.errors import ClientError, Unreachable
from client.retail_pulse_client.results import append
from tests import ROOT


class Feed:
    """Pages of `size` results of a feed of `number`; the cursor is the number of those read."""

    def __init__(self, number, size=3):
        self.number, self.size = number, size
        self.asked = []

    def __call__(self, after):
        self.asked.append(after)
        begin = int(after or 0)
        while True:
            end = min(begin + self.size, self.number)
            yield {"results": [{"image_id": number} for number in range(begin, end)], "next_cursor": str(end)}
            begin = end
            if end == self.number:
                return


@pytest.fixture
def files(tmp_path):
    return tmp_path / "results.ndjson", tmp_path / "cursor"


def read(path):
    return [json.loads(line)["image_id"] for line in path.read_text().splitlines()]


def test_it_goes_on_where_it_has_stopped(files):
    feed = Feed(7)
    assert append(feed, *files) == 7
    assert append(feed, *files) == 0
    feed.number = 9
    assert append(feed, *files) == 2
    assert read(files[0]) == list(range(9))
    assert feed.asked == ["", "7", "7"]


def test_an_empty_feed_makes_an_empty_file(files):
    assert append(Feed(0), *files) == 0
    assert read(files[0]) == []
    assert append(Feed(2), *files) == 2
    assert read(files[0]) == [0, 1]


def test_what_was_written_and_not_kept_is_written_anew(files):
    append(Feed(4), *files)
    with files[0].open("a") as file:
        file.write('{"image_id": 4}\n{"image_id": 5')
    append(Feed(6), *files)
    assert read(files[0]) == list(range(6))


def test_a_service_that_goes_away_leaves_whole_pages(files):
    def broken(after):
        yield from list(Feed(9)(after))[:2]
        raise Unreachable("away")

    with pytest.raises(Unreachable):
        append(broken, *files)
    assert read(files[0]) == list(range(6))
    assert append(Feed(9), *files) == 3
    assert read(files[0]) == list(range(9))


@pytest.mark.parametrize("kept", ["", "{}", "[]", '{"cursor": 1, "length": 0}', '{"cursor": "1", "length": -1}', "\0"])
def test_a_file_that_holds_no_cursor_is_said_so(files, kept):
    files[1].write_text(kept)
    with pytest.raises(ClientError, match="holds no cursor"):
        append(Feed(1), *files)


def test_a_cursor_of_another_file_is_refused(files):
    append(Feed(3), *files)
    whole = files[0].read_text()
    files[0].write_text(whole[:-1])
    with pytest.raises(ClientError, match="does not belong"):
        append(Feed(3), *files)
    assert files[0].read_text() == whole[:-1]
    files[0].unlink()
    with pytest.raises(ClientError, match="does not belong"):
        append(Feed(3), *files)
    files[1].unlink()
    files[0].write_text("something else\n")
    with pytest.raises(ClientError, match="does not belong"):
        append(Feed(3), *files)
    assert files[0].read_text() == "something else\n"


# Forks a child for each moment that it reads, to be killed at it, and prints the child's exit code: to start Python
# anew for each would take most of the test's time.
KILLED = """
import os, signal, sys
from pathlib import Path
from client.retail_pulse_client import results
from tests.client.test_results import Feed
files = [Path(name) for name in sys.argv[1:]]
plain = {name: getattr(os, name) for name in ("fsync", "replace")}

def append(moment):
    left = [moment]
    def counted(name):
        def call(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain[name](*arguments, **named)
        return call
    os.fsync, os.replace = counted("fsync"), counted("replace")
    results.append(Feed(10), *files)
    os._exit(0)

for line in sys.stdin:
    child = os.fork()
    if not child:
        append(int(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_kill_at_any_moment_neither_doubles_nor_loses_a_result(files):
    """Before each time that something is made durable, or takes its name."""
    command = [sys.executable, "-c", KILLED, *map(str, files)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes) as process:
        for moment in range(1, 100):
            for file in files:
                file.unlink(missing_ok=True)
            process.stdin.write(f"{moment}\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            append(Feed(10), *files)
            assert read(files[0]) == list(range(10))
            if code == 0:
                break
            assert code == -signal.SIGKILL
        process.stdin.close()
    assert moment > 4


def test_the_command_appends_the_results_of_a_real_service(run, tmp_path, images):
    (tmp_path / "visits.csv").write_text(
        f"store_id,visit_time,image_url\nDEMO0001,2026-01-31,{images.url}/{images.names[0]}\n"
    )
    files = tmp_path / "all.ndjson", tmp_path / "all.cursor"
    out, shown, code = run("results", files[0], "--cursor-file", files[1])
    assert code == 0, shown
    before = len(files[0].read_text().splitlines())
    out, shown, code = run("submit", tmp_path / "visits.csv", "--again", "--watch", "--format", "json")
    assert code == 0, shown
    job = json.loads(out)["id"]
    out, shown, code = run("results", files[0], "--cursor-file", files[1])
    assert (code, "1 new result" in out) == (0, True)
    *_, last = map(json.loads, files[0].read_text().splitlines())
    assert len(files[0].read_text().splitlines()) == before + 1
    assert (last["job_id"], last["state"]) == (job, "completed")


def test_a_file_that_does_not_fit_is_an_error_of_the_command(run, tmp_path):
    (tmp_path / "cursor").write_text("{}")
    _, shown, code = run("results", tmp_path / "file", "--cursor-file", tmp_path / "cursor")
    assert (code, "holds no cursor" in shown) == (2, True)
