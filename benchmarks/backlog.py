"""A million pending images: what a claim costs, and how much memory server and engine use."""

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.accounting import PeakMemory
from benchmarks.contestants import Bench, Service
from benchmarks.samples import spread
from proofs.report import Report
from proofs.samples import fit_line
from proofs.world.backlog import fill
from proofs.world.cluster import CHECKOUT

BACKLOG, FEW, WAITING = 1_000_000, 2_560, 200_000
SLOTS = 64
# A line through fewer says nothing.
FEWEST_SAMPLES = 3
# Including the warm-up, as many as the small table has images for.
CLAIMS = 36
WORK_SECONDS = 60.0


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    claims: dict[str, list[float]] = {}
    for name, ready, waiting in (
        (f"{FEW:,} ready", FEW, 0),
        (f"{BACKLOG:,} ready", int(BACKLOG * scale), 0),
        (f"{BACKLOG:,} ready, {WAITING:,} waiting", int(BACKLOG * scale), int(WAITING * scale)),
    ):
        with bench.service(slots=SLOTS, gpu=True, engines=0) as service:
            _fill(bench, service, waiting, is_waiting=True)
            _fill(bench, service, ready)
            service.query("VACUUM ANALYZE jobs_imageresult")
            claims[name] = _claims(service, rounds)
    table = report.table("A claim of 64, ms", "table", "median (least to most)")
    for name, each in claims.items():
        table.add(name, spread([1000 * seconds for seconds in each]), ok=True)
    few, *large = (median(each) for each in claims.values())
    for name, found in zip(list(claims)[1:], large, strict=True):
        report.bar(f"a claim with {name}", f"{found / few:.2f}x", "<= 2x", ok=found <= 2 * few)
    return {"claims": claims, "memory": _memory(bench, report, scale)}


def _fill(bench: Bench, service: Service, number: int, *, is_waiting: bool = False) -> None:
    if number:
        url = bench.nginx.url("tiny", 0).removesuffix("0.jpg")
        fill(bench.cluster, service.database, url, number, waiting=is_waiting)


def _claims(service: Service, rounds: int) -> list[float]:
    """Seconds of each claim, made in a separate process."""
    command = [sys.executable, "-m", "benchmarks.claims", str(min(CLAIMS, 8 * rounds))]
    done = subprocess.run(command, cwd=CHECKOUT, env=service.variables, check=True, stdout=subprocess.PIPE, text=True)
    return [float(each) for each in json.loads(done.stdout)]


def _memory(bench: Bench, report: Report, scale: float) -> list[float]:
    seconds = WORK_SECONDS * scale
    samples: list[tuple[float, float]] = []
    with bench.service(slots=SLOTS, gpu=True, engines=0) as filled:
        _fill(bench, filled, int(BACKLOG * scale))
        with filled.engine():
            begun = time.monotonic()
            while (now := time.monotonic() - begun) < seconds:
                with PeakMemory(filled.pids) as peak:
                    time.sleep(0.5)
                samples.append((now, peak.mb))
    held = [mb for _, mb in samples]
    steady = samples[len(samples) // 3 :]
    slope = "too few samples"
    if len(steady) >= FEWEST_SAMPLES:
        line = fit_line([now / 3600 for now, _ in steady], [mb for _, mb in steady])
        slope = f"{line.slope:+.0f} ± {2 * line.error:.0f}"
    table = report.table("Memory of server and engine at a million pending images", "MB at most", "slope MB/h")
    table.add(f"{max(held):.0f}", slope, ok=True)
    report.bar("memory with 1,000,000 pending", f"{max(held):.0f} MB", "< 200 MB", ok=max(held) < 200)
    return held
