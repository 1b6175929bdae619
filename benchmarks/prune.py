"""Pruning old images: how fast against the ORM's cascade, and whether its memory grows with their number."""

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
from proofs.world.cluster import CHECKOUT

IMAGES, FEW, CASCADED = 1_000_000, 100_000, 20_000
# The cascade counts nothing.
LEAST_RATE, LEAST_RATIO, MOST_GROWTH_MB = 20_000, 2, 10
AGE = "90d"


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"prune": [], "the ORM's cascade": []}
    peaks: dict[int, list[float]] = {}
    with bench.service(slots=1, gpu=False, engines=0) as service:
        for _ in range(rounds):
            rates["the ORM's cascade"].append(_cascade(service, int(CASCADED * scale)))
            for images in (int(FEW * scale), int(IMAGES * scale)):
                rate, peak = _prune(service, images)
                peaks.setdefault(images, []).append(peak)
            rates["prune"].append(rate)
    table = report.table("Deleting images", "by", "images/s")
    for name, each in rates.items():
        table.add(name, spread(each, 0), ok=True)
    table = report.table("Memory of a prune", "images", "MB at most")
    for images, held in peaks.items():
        table.add(f"{images:,}", spread(held, 1), ok=True)
    prune, cascade = (median(each) for each in rates.values())
    report.bar("images a second", f"{prune:,.0f}", f">= {LEAST_RATE:,}", ok=prune >= LEAST_RATE)
    ratio = prune / cascade
    report.bar("against the ORM's cascade", f"{ratio:.1f}x", f">= {LEAST_RATIO}x", ok=ratio >= LEAST_RATIO)
    few, many = (median(held) for held in peaks.values())
    growth = f"{many - few:+.1f} MB"
    report.bar("more memory for ten times as many", growth, f"<= {MOST_GROWTH_MB} MB", ok=many - few <= MOST_GROWTH_MB)
    return {"rates": rates, "peaks": {str(images): held for images, held in peaks.items()}}


def _prune(service: Service, images: int) -> tuple[float, float]:
    """Images a second of `manage.py prune`, from its start to its end, and its memory in MB."""
    service.fill_history(images)
    command = [sys.executable, "manage.py", "prune", "--older-than", AGE, "--format", "json"]
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=CHECKOUT, env=service.variables, stdout=subprocess.PIPE) as process:
        with PeakMemory([process.pid]) as peak:
            output, _ = process.communicate()
        seconds = time.monotonic() - begun
    found = json.loads(output)
    assert process.returncode == 0
    assert found["images"] >= images * 0.99
    return found["images"] / seconds, peak.mb


def _cascade(service: Service, images: int) -> float:
    """Images a second of `QuerySet.delete`, a job at a time, without the start of its process."""
    service.fill_history(images)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cascade"],
        cwd=CHECKOUT,
        env=service.variables,
        check=True,
        stdout=subprocess.PIPE,
    )
    return float(json.loads(done.stdout)["rate"])
