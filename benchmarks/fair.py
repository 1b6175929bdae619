"""How long a small job waits behind all that another owner has sent: one large job, and a thousand jobs."""

import time
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Service
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.processes import manage

SLOTS = 64
SMALL_JOB, LARGE_JOB = 10, 100_000
MANY_JOBS = 1_000


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    images = int(LARGE_JOB * scale)
    loads = {
        f"behind {images:,} images": [images],
        f"behind {MANY_JOBS:,} jobs of {images // MANY_JOBS:,}": [images // MANY_JOBS] * MANY_JOBS,
    }
    alone: list[float] = []
    behind: dict[str, list[float]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            with bench.service(slots=SLOTS, gpu=True) as service:
                large, small = (_key(service, owner) for owner in ("large", "small"))
                service.session.headers["Authorization"] = small
                service.work("tiny", SLOTS)
                alone.append(service.work("tiny", SMALL_JOB).seconds)
                service.session.headers["Authorization"] = large
                for each in load:
                    service.submit("tiny", each)
                time.sleep(1)
                service.session.headers["Authorization"] = small
                behind[name].append(service.work("tiny", SMALL_JOB).seconds)
    table = report.table(f"A job of {SMALL_JOB} images, s", "where", "seconds")
    table.add("alone", spread(alone), ok=True)
    for name, seconds in behind.items():
        table.add(name, spread(seconds), ok=True)
    bound = median(alone) + 1
    for name, seconds in behind.items():
        report.bar(
            f"{SMALL_JOB} images {name}",
            f"{median(seconds):.2f} s",
            f"<= {bound:.2f} s (alone plus 1 s)",
            ok=median(seconds) <= bound,
        )
    return {"alone": alone, **behind}


def _key(service: Service, owner: str) -> str:
    """The header of a key of a new user."""
    printed = manage(service.variables, "create_api_key", owner, "--scope", "submit,read")
    return f"Bearer {next(word for word in printed.split() if word.startswith('rp_'))}"
