"""How long a client waits for the status of jobs of 10 to 100,000 images, idle and with every slot busy."""

import time
from statistics import median
from typing import Any

from benchmarks.contestants import Bench
from benchmarks.samples import spread
from benchmarks.status_client import PAUSE_SECONDS, read_status
from proofs.report import Report
from proofs.samples import percentile

SIZES = (10, 1_000, 10_000, 100_000)
READS = 300
BUSY_SLOTS = 64
MOST_RATIO, BUSY_P99 = 1.2, 0.100


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    reads = 20 + int(READS * scale)
    idle: dict[int, list[float]] = {size: [] for size in SIZES}
    with bench.service(slots=1, gpu=True, engines=0) as service:
        jobs = {size: service.submit("tiny", size) for size in SIZES}
        for _ in range(rounds):
            for size, job_id in jobs.items():
                idle[size].append(median(read_status(service, job_id) for _ in range(reads)))
    with bench.service(slots=BUSY_SLOTS, gpu=True) as service:
        job_id = service.submit("tiny", SIZES[-1])
        time.sleep(1)
        busy = [read_status(service, job_id, PAUSE_SECONDS) for _ in range(rounds * reads)]
    table = report.table("Status while idle", "images of the job", "ms, medians of each round")
    for size, each in idle.items():
        table.add(f"{size:,}", spread([1000 * seconds for seconds in each]), ok=True)
    ratio = median(large / small for small, large in zip(idle[SIZES[0]], idle[SIZES[-1]], strict=True))
    report.bar(
        f"status of {SIZES[-1]:,} images against 10", f"{ratio:.2f}x", f"<= {MOST_RATIO}x", ok=ratio <= MOST_RATIO
    )
    p99 = percentile(busy, 0.99)
    report.bar(
        f"status while {BUSY_SLOTS} slots are busy, p99",
        f"{1000 * p99:.0f} ms (p50 {1000 * percentile(busy, 0.5):.0f}) of {len(busy):,}",
        f"< {1000 * BUSY_P99:.0f} ms",
        ok=p99 < BUSY_P99,
    )
    return {"idle": idle, "busy": busy}
