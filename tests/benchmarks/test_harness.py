"""Does the harness count what it says it counts? Short, and without nginx: the figures are the benchmark's."""

import json
import os
import subprocess
import sys
import time

import pytest

from benchmarks import loops, panels, webhooks
from benchmarks.__main__ import CASES, main
from benchmarks.accounting import CpuMeter, PeakMemory, cpu_seconds, family
from benchmarks.contestants import Run, body
from benchmarks.samples import of, spread
from jobs.submission.payload import parse_submission
from proofs.report import Report
from tests.waiting import wait_for

BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def test_processor_time_includes_children_that_have_ended():
    parent = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])\nprint(flush=True)\nsys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", parent], **pipes) as process:
        process.stdout.read(1)
        assert 0.3 <= cpu_seconds(process.pid) < 3
        process.stdin.close()


def test_a_meter_counts_from_its_last_restart():
    burn = "end = time.process_time() + 0.2\n    while time.process_time() < end: pass"
    code = f"import sys, time\nprint(flush=True)\nfor _ in sys.stdin:\n    {burn}\n    print(flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # Its start, which takes longer on a busy machine, is over.
        process.stdout.readline()
        meter = CpuMeter(process.pid)
        for _ in range(2):
            meter.restart()
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            assert 0.19 <= meter.seconds() < 0.39
        process.stdin.close()


def test_a_family_is_a_process_and_its_living_descendants():
    shell = ["sh", "-c", "sleep 60 & sleep 60 & wait"]
    with subprocess.Popen(shell, start_new_session=True) as process:
        wait_for(lambda: len(list(family(process.pid))) == 3)
        os.killpg(process.pid, 9)


def test_the_peak_of_memory_is_seen_though_it_is_given_back():
    code = "import sys; b = b'x' * 60_000_000; sys.stdin.readline(); del b; print(flush=True); sys.stdin.readline()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process, PeakMemory([process.pid]) as peak:
        wait_for(lambda: peak.mb > 60)
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        given_back = PeakMemory([process.pid])
        with given_back:
            pass
        process.stdin.close()
    assert given_back.mb < 60 < peak.mb < 120


@pytest.mark.parametrize("kind", ["content", "stream", "decode"])
def test_a_bare_loop_measures_every_image(images, capsys, kind):
    loops.main([kind, "--url", f"{images.url}/shelf.jpg?", "--images", "20", "--threads", "4"])
    found = json.loads(capsys.readouterr().out)
    run = Run(images=20, **found)
    assert run.rate > 1
    assert run.cpu_ms > 0
    assert run.peak_mb > 10


def test_the_loops_wait_as_the_service_does(images, capsys):
    begun = time.monotonic()
    loops.main(["content", "--url", f"{images.url}/shelf.jpg?", "--images", "8", "--threads", "8", "--gpu"])
    assert 0.1 <= json.loads(capsys.readouterr().out)["seconds"] <= time.monotonic() - begun


class Server:
    def url(self, picture, number):
        return f"http://127.0.0.1/{picture}/{number}.jpg"


def test_the_service_is_sent_a_job_of_distinct_images():
    visits = parse_submission(json.loads(body(Server(), "tiny", 23))).visits
    urls = [url for visit in visits for url in visit.image_urls]
    assert len(set(urls)) == len(urls) == 23


def test_a_spread_is_the_median_between_the_extremes():
    runs = [Run(images=100, seconds=seconds, cpu=1, peak_mb=1) for seconds in (1, 4, 2)]
    assert of(runs, lambda run: run.rate) == 50
    assert spread([run.rate for run in runs], 0) == "50 (25 to 100)"


def test_help_names_every_case_and_an_unknown_one_is_refused(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in CASES)
    with pytest.raises(SystemExit, match="2"):
        main(["pipelines"])
    assert "no such case: pipelines" in capsys.readouterr().err


@pytest.mark.parametrize(("dead", "missed"), [(2.04, 0), (2.05, 1)])
def test_dead_endpoints_must_not_be_noticed_beside_one_that_answers(dead, missed):
    report = Report()
    found = {"nobody": [[0.25, 0.75]] * 3, "one endpoint": [[0.5, 1.5]] * 3, "dead ones too": [[0.5, dead - 0.5]] * 3}

    webhooks._show_recording(report, found)

    assert len(report.missed) == missed


def test_every_address_of_insights_without_a_variable_part_is_asked(settings):
    settings.ROOT_URLCONF = "tests.benchmarks.insights_urls"
    assert list(panels.paths()) == [("page", "/areas/"), ("panel", "/api/v1/areas"), ("panel", "/api/v1/areas.csv")]
