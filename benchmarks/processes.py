"""What a second and a fourth engine process of 64 slots add."""

from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Run
from benchmarks.samples import of, spread
from proofs.report import Report

ENGINES = (1, 2, 4)
SLOTS = 64
IMAGES_PER_SLOT = 40


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    runs: dict[int, list[Run]] = {engines: [] for engines in ENGINES}
    for _ in range(rounds):
        for engines in ENGINES:
            with bench.service(slots=SLOTS, gpu=True, engines=engines) as service:
                service.work("tiny", SLOTS * engines)
                images = max(SLOTS, int(SLOTS * engines * IMAGES_PER_SLOT * scale))
                runs[engines].append(service.work("tiny", images))
    table = report.table("tiny, engines of 64 slots", "engines", "images/s", "CPU ms an image", "Postgres ms")
    for engines, each in runs.items():
        table.add(
            engines,
            spread([run.rate for run in each], 0),
            spread([run.cpu_ms for run in each], 3),
            f"{of(each, lambda run: run.postgres_ms):.3f}",
            ok=True,
        )
    twice = median(two.rate / one.rate for one, two in zip(runs[1], runs[2], strict=True))
    report.bar("two engines against one", f"{twice:.2f}x", ">= 1.9x", ok=twice >= 1.9)
    return {str(engines): [asdict(run) for run in each] for engines, each in runs.items()}
