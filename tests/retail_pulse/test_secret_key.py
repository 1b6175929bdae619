"""The key that the service makes for itself: only one, whichever process is first, readable by its owner alone."""

import subprocess
import sys

from retail_pulse.secret_key import kept_key
from tests import ROOT


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "home" / "secret-key"
    key = kept_key(path)
    assert len(key) >= 50
    assert kept_key(path) == key
    assert [file.name for file in path.parent.iterdir()] == ["secret-key"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_no_two_homes_have_the_same_key(tmp_path):
    assert kept_key(tmp_path / "one") != kept_key(tmp_path / "two")


def test_what_a_killed_process_left_behind_does_not_matter(tmp_path):
    for pid in range(1, 100):
        (tmp_path / f"secret-key.{pid}").touch(mode=0o600)
    assert len(kept_key(tmp_path / "secret-key")) >= 50


# Of each path: prints that it is ready, waits for a line, then reads the key: so all processes read at the same moment.
ASK = """
import sys
from pathlib import Path
from retail_pulse.secret_key import kept_key
for path in sys.argv[1:]:
    print("ready", flush=True)
    sys.stdin.readline()
    print(kept_key(Path(path)), flush=True)
"""


def test_eight_first_processes_at_once_agree_on_one_key(tmp_path):
    paths = [tmp_path / str(attempt) / "secret-key" for attempt in range(3)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(8)
    ]
    for path in paths:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 8
        for process in processes:
            process.stdin.write("now\n")
            process.stdin.flush()
        keys = {process.stdout.readline().strip() for process in processes}
        assert keys == {path.read_text()}
        assert len(path.read_text()) >= 50
        assert [file.name for file in path.parent.iterdir()] == ["secret-key"]
        assert path.stat().st_mode & 0o777 == 0o600
    for process in processes:
        process.communicate(timeout=30)
