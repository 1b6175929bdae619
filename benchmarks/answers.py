"""What a client waits for: submissions of any size, and the status of jobs of any size, idle and under full seats."""

import threading
import time
from typing import Any

import requests

from benchmarks.contestants import Bench, Service, body
from benchmarks.samples import median, spread
from proofs.figures import percentile
from proofs.report import Report

SUBMITTED = (100, 1_000, 10_000, 100_000)
SUBMIT_SECONDS = {10_000: 0.5, 100_000: 3.0}
OTHERS_P99, BUSY_P99 = 0.150, 0.100
ASKED = (10, 1_000, 10_000, 100_000)
QUESTIONS = 300
BUSY_SEATS = 64
PAUSE_SECONDS = 0.01


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    submits: dict[int, list[float]] = {size: [] for size in SUBMITTED}
    meanwhile: list[float] = []
    idle: dict[int, list[float]] = {size: [] for size in ASKED}
    with bench.service(seats=1, gpu=True, engines=0) as service:
        other = service.submit("tiny", 10)
        bodies = {size: body(bench.nginx, "tiny", size) for size in SUBMITTED}
        for _ in range(rounds):
            for size in SUBMITTED:
                with Asking(service, other) as asking:
                    begun = time.monotonic()
                    service.send(bodies[size])
                    submits[size].append(time.monotonic() - begun)
                meanwhile += asking.seconds
        jobs = {size: service.submit("tiny", size) for size in ASKED}
        for _ in range(rounds):
            for size, job_id in jobs.items():
                idle[size].append(median(_ask(service, job_id) for _ in range(int(QUESTIONS * scale) + 20)))
    with bench.service(seats=BUSY_SEATS, gpu=True) as service:
        job_id = service.submit("tiny", 100_000)
        time.sleep(1)
        busy = [_ask(service, job_id, PAUSE_SECONDS) for _ in range(rounds * (int(QUESTIONS * scale) + 20))]
    _show(report, submits, meanwhile, idle, busy)
    return {"submit": submits, "status meanwhile": meanwhile, "status idle": idle, "status busy": busy}


def _show(
    report: Report,
    submits: dict[int, list[float]],
    meanwhile: list[float],
    idle: dict[int, list[float]],
    busy: list[float],
) -> None:
    table = report.table("Submit, and status of jobs of the same size while idle", "images", "submit s", "status ms")
    for size in sorted({*submits, *idle}):
        status = spread([1000 * each for each in idle[size]]) if size in idle else ""
        table.add(f"{size:,}", spread(submits[size], 3) if size in submits else "", status, ok=True)
    for size, most in SUBMIT_SECONDS.items():
        found = median(submits[size])
        report.bar(f"submit {size:,} images", f"{found:.2f} s", f"< {most:g} s", ok=found < most)
    p99 = percentile(meanwhile, 0.99)
    report.bar(
        "status of another job during submissions, p99",
        f"{1000 * p99:.0f} ms of {len(meanwhile):,}",
        f"< {1000 * OTHERS_P99:.0f} ms",
        ok=p99 < OTHERS_P99,
    )
    ratio = median(large / small for large, small in zip(idle[100_000], idle[10], strict=True))
    report.bar("status of 100,000 images against 10", f"{ratio:.2f}x", "<= 1.2x", ok=ratio <= 1.2)
    p99 = percentile(busy, 0.99)
    report.bar(
        f"status while {BUSY_SEATS} seats are busy, p99",
        f"{1000 * p99:.0f} ms (p50 {1000 * percentile(busy, 0.5):.0f}) of {len(busy):,}",
        f"< {1000 * BUSY_P99:.0f} ms",
        ok=p99 < BUSY_P99,
    )


def _ask(service: Service, job_id: int, pause: float = 0.0) -> float:
    time.sleep(pause)
    begun = time.monotonic()
    service.session.get(f"{service.server.url}/api/status", params={"jobid": job_id}, timeout=30).raise_for_status()
    return time.monotonic() - begun


class Asking(threading.Thread):
    """A client that asks for one job's status again and again while the block runs."""

    def __init__(self, service: Service, job_id: int) -> None:
        super().__init__(name="asking", daemon=True)
        self._url = f"{service.server.url}/api/status?jobid={job_id}"
        self._ended = threading.Event()
        self.seconds: list[float] = []

    def __enter__(self) -> "Asking":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._ended.wait(PAUSE_SECONDS):
                begun = time.monotonic()
                session.get(self._url, timeout=30).raise_for_status()
                self.seconds.append(time.monotonic() - begun)
