"""Misbehaving image servers: each must lead to its own error code, in time and with little memory.

Every case of `proofs.fault_cases` is played on real sockets, three times: alone in a slot, whose memory is watched;
concurrently with all others in as many slots as an engine has; and as an image of one job of the whole service. The
servers run in a separate process. After each case the same slot must fetch a good image, over the same connections.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.service import Service
from proofs.fault_cases import MAX_ATTEMPTS, Case, cases
from proofs.fault_findings import LONGEST_MESSAGE, Finding, Leftovers
from proofs.report import Report
from proofs.world.cluster import CHECKOUT, Cluster

LEAST_CASES = 70
# How far a download may exceed its deadline, and how much memory it may add to the process.
LATE_SECONDS = 0.1
# With others, threads also wait for the interpreter's lock, which some servers keep busy.
LATE_WITH_OTHERS_SECONDS = 0.5
# A slot may keep 1 MiB of its image in memory; beyond that, all together may add as much as one.
MOST_MEGABYTES = 35.0
SLOTS = 64
# Processes with one slot each, in which the cases are played one after the other.
ALONE = 3
JOB_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=3, help="draws the order of the cases")
    parser.add_argument("--deadline", type=float, default=3.0, help="seconds for one download (default 3)")


def prove(options: argparse.Namespace) -> Report:
    """Play the cases; raises CannotProve where the memory of a process cannot be read."""
    report = Report()
    all_cases = list(cases())
    random.Random(options.seed).shuffle(all_cases)  # noqa: S311 - an order, no secret
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        with _servers(folder) as urls:
            bench = Bench(folder, urls, options.deadline)
            with ThreadPoolExecutor(ALONE) as processes:
                shares = [all_cases[start::ALONE] for start in range(ALONE)]
                alone = list(processes.map(lambda share: bench.play(share, slots=1), shares))
            together = bench.play(all_cases, slots=SLOTS)
            images = _as_one_job(folder, urls, all_cases, options.deadline)
    _show_cases(report, all_cases, alone, together, options.deadline)
    _show_job(report, all_cases, images)
    return report


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, str]]:
    """The URLs of the cases, whose servers run as long as the block."""
    command = [sys.executable, "-m", "proofs.fault_cases", str(folder)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait()


class Bench:
    """Plays cases in separate processes, which fetch as the service does."""

    def __init__(self, folder: Path, urls: dict[str, str], deadline: float) -> None:
        self._order: dict[str, Any] = {
            "urls": urls,
            "authority": str(folder / "authority.pem"),
            "deadline": deadline,
            "silence": deadline / 2,
        }
        self._environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "retail_pulse.settings",
            "RETAIL_PULSE_HOME": str(folder / "slots"),
        }
        (folder / "slots").mkdir()

    def play(self, some: Sequence[Case], slots: int) -> tuple[list[Finding], Leftovers]:
        """The results of the cases in `slots` slots, and what they left behind in the process."""
        done = subprocess.run(
            [sys.executable, "-m", "proofs.fault_slots"],
            cwd=CHECKOUT,
            env=self._environment,
            input=json.dumps({**self._order, "titles": [case.title for case in some], "slots": slots}),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        *lines, last = map(json.loads, done.stdout.splitlines())
        return [Finding(**line) for line in lines], Leftovers(**last)


def _as_one_job(folder: Path, urls: dict[str, str], some: Sequence[Case], deadline: float) -> list[dict[str, Any]]:
    """Every case as an image of one job of the whole service; its image results, with the job's status in each."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    with Cluster(folder / "cluster") as cluster:
        settings = {
            "DATABASE_URL": cluster.url(),
            "API_OPEN": "true",
            "ENGINE_AUTOSTART": "auto",
            "FETCH_ALLOW_CIDRS": "127.0.0.1/32",
            "FETCH_ALLOW_PORTS": "1-65535",
            "FETCH_DEADLINE_SECONDS": str(deadline),
            # All cases are of one host, which refuses more than any; how it is spared is what `proof hosts` tries.
            "HOST_PATIENCE_SECONDS": "0",
            "WORKER_THREADS": str(SLOTS),
            "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "BACKOFF_BASE_SECONDS": "0.1",
            "BACKOFF_MAX_SECONDS": "1",
            "GPU_MIN_SECONDS": "0",
            "GPU_MAX_SECONDS": "0",
        }
        service = Service(CHECKOUT, home, settings)
        service.manage("migrate", "--verbosity", "0")
        service.manage("import_stores", str(CHECKOUT / "fixtures" / "stores.csv"))
        images = [urls[case.title] for case in some]
        visit = {"store_id": "DEMO0001", "image_url": images, "visit_time": "2026-11-22"}
        with service:
            job_id = service.submit({"count": 1, "visits": [visit]})
            end = time.monotonic() + JOB_SECONDS
            while service.status(job_id, view="summary")["status"] == "ongoing" and time.monotonic() < end:
                time.sleep(0.2)
            status = service.status(job_id, view="summary")["status"]
            return [{**image, "job": status} for image in service.images(job_id)]


def _show_cases(
    report: Report,
    some: Sequence[Case],
    alone: Sequence[tuple[list[Finding], Leftovers]],
    together: tuple[list[Finding], Leftovers],
    deadline: float,
) -> None:
    table = report.table(
        "Cases", "case", "expected", "attempts", "seconds alone", f"of {SLOTS}", "MiB", "not as expected"
    )
    singly = {finding.title: finding for findings, _ in alone for finding in findings}
    crowded = {finding.title: finding for finding in together[0]}
    for case in sorted(some, key=lambda case: (int(case.row[1:]), case.name)):
        one, two = singly[case.title], crowded[case.title]
        surprises = [*one.surprises(case), *two.surprises(case)]
        table.add(
            case.title,
            case.code or "measured",
            case.attempts,
            f"{one.seconds:.2f}",
            f"{two.seconds:.2f}",
            f"{one.megabytes:.1f}",
            "; ".join(surprises),
            ok=not surprises,
        )
    findings = [*singly.values(), *crowded.values()]
    report.bar("misbehaving servers", len(some), f">= {LEAST_CASES}", ok=len(some) >= LEAST_CASES)
    _bar_most(report, "longest alone, s", [finding.seconds for finding in singly.values()], deadline + LATE_SECONDS)
    late = deadline + LATE_WITH_OTHERS_SECONDS
    _bar_most(report, f"longest of {SLOTS} at once, s", [finding.seconds for finding in together[0]], late)
    _bar_most(report, f"memory for {SLOTS} at once, MiB", [together[1].megabytes], SLOTS + MOST_MEGABYTES)
    _bar_most(
        report, "most memory for one, MiB", [finding.megabytes or 0 for finding in singly.values()], MOST_MEGABYTES
    )
    _bar_most(report, "longest error, characters", [len(finding.message) for finding in findings], LONGEST_MESSAGE)
    unmapped = sum(finding.code == "internal" for finding in findings)
    report.bar("unexpected errors", unmapped, 0, ok=not unmapped)
    spoiled = sum(finding.after is not None for finding in findings)
    report.bar(
        "good images fetched after each case", f"{len(findings) - spoiled} of {len(findings)}", "all", ok=not spoiled
    )
    for slots, left in [(SLOTS, together[1]), *((1, left) for _, left in alone)]:
        for what, (before, after) in (("threads", left.threads), ("descriptors", left.descriptors)):
            report.bar(f"{what} left by {slots} slots", after - before, 0, ok=after <= before)


def _bar_most(report: Report, what: str, found: Sequence[float], bar: float) -> None:
    report.bar(what, f"{max(found):.4g}", f"<= {bar:g}", ok=max(found) <= bar)


def _show_job(report: Report, some: Sequence[Case], images: Sequence[dict[str, Any]]) -> None:
    table = report.table("As images of one job, not as expected", "case", "expected", "found", "attempts", "sentence")
    silent = 0
    for case, image in zip(some, images, strict=True):
        code, attempts = _expected_of_the_service(case, image["image_url"])
        error = image["error"] or {"code": None, "message": ""}
        silent += bool(error["code"]) and not error["message"]
        # Which limit an endless body reaches first depends on how busy the machine is.
        is_cut = (code, error["code"]) == ("too_large", "deadline")
        if not is_cut and (error["code"], image["attempts"]) != (code, attempts):
            table.add(case.title, f"{code}, {attempts}", error["code"], image["attempts"], error["message"], ok=False)
    status = images[0]["job"]
    report.bar(
        "images of one job with their code and attempts", len(some) - len(table.rows), len(some), ok=not table.rows
    )
    report.bar("failed images without a sentence", silent, 0, ok=not silent)
    report.bar("the job's status", status, "failed", ok=status == "failed")


def _expected_of_the_service(case: Case, url: str) -> tuple[str | None, int]:
    """Code and attempts under the service's own resolver, authorities and limits on silence."""
    if ".example" in url:
        return "dns_not_found", 2
    return ("deadline", MAX_ATTEMPTS) if case.until == "silence" else (case.code, case.attempts)
