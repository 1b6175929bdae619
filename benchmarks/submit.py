"""How long a client waits for a submission of 100 to 100,000 images, and others for their status meanwhile."""

import time
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, body
from benchmarks.samples import spread
from benchmarks.status_client import StatusClient
from proofs.report import Report
from proofs.samples import percentile

SIZES = (100, 1_000, 10_000, 100_000)
MOST_SECONDS = {10_000: 0.5, 100_000: 3.0}
OTHERS_P99 = 0.150


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    meanwhile: list[float] = []
    with bench.service(slots=1, gpu=True, engines=0) as service:
        other = service.submit("tiny", 10)
        bodies = {size: body(bench.nginx, "tiny", max(1, int(size * scale))) for size in SIZES}
        for _ in range(rounds):
            for size in SIZES:
                with StatusClient(service, other) as client:
                    begun = time.monotonic()
                    service.send(bodies[size])
                    seconds[size].append(time.monotonic() - begun)
                meanwhile += client.seconds
    table = report.table("Submit", "images", "seconds")
    for size, each in seconds.items():
        table.add(f"{size:,}", spread(each, 3), ok=True)
    for size, most in MOST_SECONDS.items():
        found = median(seconds[size])
        report.bar(f"submit {size:,} images", f"{found:.2f} s", f"< {most:g} s", ok=found < most)
    p99 = percentile(meanwhile, 0.99)
    report.bar(
        "status of another job meanwhile, p99",
        f"{1000 * p99:.0f} ms of {len(meanwhile):,}",
        f"< {1000 * OTHERS_P99:.0f} ms",
        ok=p99 < OTHERS_P99,
    )
    return {"seconds": seconds, "status meanwhile": meanwhile}
