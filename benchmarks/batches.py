"""Batches for a model: what they cost, and how near they come to what the model could do at best."""

import json
import subprocess
import sys
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Run
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.cluster import CHECKOUT
from proofs.world.models import CALL_SECONDS, ITEM_SECONDS

SLOTS, BATCH = 64, 32
STEPS = {"batches": "proofs.world.models.Fake", "no model": "jobs.imaging.gpu.SimulatedGPU"}
IMAGES, IMAGES_OF_JOB = 20_000, 4_000
# Images a second, where every batch is full and nothing lies between two of them.
IDEAL = BATCH / (CALL_SECONDS + BATCH * ITEM_SECONDS)
OWN_MICROSECONDS, SHARE = 100.0, 0.85


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    alone = [_alone(max(SLOTS, int(IMAGES * scale))) for _ in range(rounds)]
    jobs: dict[str, list[Run]] = {name: [] for name in STEPS}
    images = max(SLOTS, int(IMAGES_OF_JOB * scale))
    for number in range(rounds):
        # In turn, so that neither is always the first.
        for name in sorted(jobs, reverse=bool(number % 2)):
            with bench.service(slots=SLOTS, gpu=False, GPU_STEP=STEPS[name]) as service:
                service.work("tiny", SLOTS)
                jobs[name].append(service.work("tiny", images))
    own = [1e6 * run["cpu"] / run["images"] for run in alone]
    shares = [run["images"] / run["seconds"] / IDEAL for run in alone]
    table = report.table(f"tiny, {images:,} images, {SLOTS} slots", "model", "CPU ms an image", "images/s")
    for name, runs in jobs.items():
        table.add(name, spread([run.cpu_ms for run in runs], 3), spread([run.rate for run in runs], 0), ok=True)
    report.bar("images of a batch", spread([run["batch"] for run in alone], 1), f"at most {BATCH}", ok=True)
    report.bar(
        f"CPU of the batcher an image, {SLOTS} slots",
        f"{spread(own, 0)} µs",
        f"<= {OWN_MICROSECONDS:g} µs",
        ok=median(own) <= OWN_MICROSECONDS,
    )
    report.bar(
        f"share of {IDEAL:,.0f} images/s, the model's ideal",
        spread(shares, 2),
        f">= {SHARE:g}",
        ok=median(shares) >= SHARE,
    )
    return {"alone": alone, "jobs": {name: [asdict(run) for run in runs] for name, runs in jobs.items()}}


def _alone(images: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.batch_loop", "--images", str(images), "--slots", str(SLOTS)]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
