"""Do failpoints act where they are armed, and nowhere else?"""

import os
import signal
import subprocess
import sys
import time

import pytest

from jobs import failpoints
from tests.conftest import FIXTURES


def test_nothing_happens_without_an_armed_failpoint():
    failpoints.hit("claim.after_commit", "anything")


def test_an_armed_failpoint_acts_and_no_other():
    with failpoints.armed("claim.after_commit:raise"):
        failpoints.hit("record.after_commit")
        with pytest.raises(failpoints.FailpointError):
            failpoints.hit("claim.after_commit")
    failpoints.hit("claim.after_commit")


def test_a_pattern_is_searched_in_the_subject():
    with failpoints.armed("measure.before@poison:raise"):
        failpoints.hit("measure.before", "http://images.test/good.jpg")
        with pytest.raises(failpoints.FailpointError):
            failpoints.hit("measure.before", "http://images.test/poison.jpg")


def test_a_failpoint_can_wait(monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with failpoints.armed("fetch.read:sleep(0.05)"):
        failpoints.hit("fetch.read")
    assert waits == [0.05]


@pytest.mark.parametrize("points", ["claim.after_commit", "claim:explode", "claim@:kill", ":kill", "a:sleep(x)"])
def test_a_malformed_list_is_refused(points):
    with pytest.raises(ValueError, match="FAILPOINTS"), failpoints.armed(points):
        pass


CODE = """
from jobs import failpoints
failpoints.hit("claim.after_commit")
print("alive")
"""


@pytest.mark.parametrize(("settings", "code"), [("tests.settings", -signal.SIGKILL), ("retail_pulse.settings", 0)])
def test_only_the_tests_settings_arm_a_process(settings, code, tmp_path):
    environment = {"DJANGO_SETTINGS_MODULE": settings, "FAILPOINTS": "claim.after_commit:kill"}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=os.environ | {"RETAIL_PULSE_HOME": str(tmp_path)} | environment,
        cwd=FIXTURES.parent,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
