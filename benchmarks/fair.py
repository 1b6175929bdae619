"""How long a small job waits behind a large one."""

import time
from statistics import median
from typing import Any

from benchmarks.contestants import Bench
from benchmarks.samples import spread
from proofs.report import Report

SLOTS = 64
SMALL_JOB, LARGE_JOB = 10, 10_000


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    alone, behind = [], []
    for _ in range(rounds):
        with bench.service(slots=SLOTS, gpu=True) as service:
            service.work("tiny", SLOTS)
            alone.append(service.work("tiny", SMALL_JOB).seconds)
            service.submit("tiny", int(LARGE_JOB * scale))
            time.sleep(1)
            behind.append(service.work("tiny", SMALL_JOB).seconds)
    table = report.table(f"A job of {SMALL_JOB} images, s", "where", "seconds")
    table.add("alone", spread(alone), ok=True)
    table.add(f"behind {LARGE_JOB:,} images", spread(behind), ok=True)
    bound = 2 * median(alone) + 1
    report.bar(
        f"{SMALL_JOB} images behind {LARGE_JOB:,}",
        f"{median(behind):.2f} s",
        f"<= {bound:.2f} s (twice alone plus 1 s)",
        ok=median(behind) <= bound,
    )
    return {"alone": alone, "behind": behind}
