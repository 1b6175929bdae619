"""What eight engines cost PostgreSQL: with nothing to do, and for a job of one image."""

import time
from statistics import median
from typing import Any

from benchmarks.accounting import CpuMeter
from benchmarks.contestants import Bench, Service
from benchmarks.samples import spread
from proofs.report import Report

ENGINES, SLOTS = 8, 8
# Until the engines have done what they do at their start.
SETTLE_SECONDS = 5.0
IDLE_SECONDS = 30.0
JOBS = 20
# After each submission: long enough for the job and for everything that it sets off.
JOB_SECONDS = 0.75
MOST_IDLE_MS, MOST_JOB_MS = 0.5, 7.0


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    idle_ms: list[float] = []
    job_ms: list[float] = []
    with bench.service(slots=SLOTS, gpu=False, engines=ENGINES) as service:
        meter = CpuMeter(bench.cluster.pid)
        service.submit("tiny", 1)
        time.sleep(SETTLE_SECONDS)
        for _ in range(rounds):
            idle_ms.append(1000 * _idle(meter, max(5.0, IDLE_SECONDS * scale)))
            job_ms.append(1000 * _job(meter, service, max(3, int(JOBS * scale))) - JOB_SECONDS * idle_ms[-1])
        unfinished = service.query("SELECT count(*) FROM jobs_job WHERE status <> 'completed'")[0][0]
        assert not unfinished, f"{unfinished} jobs have not completed."
    each_ms = [ms / ENGINES for ms in idle_ms]
    table = report.table(f"CPU of PostgreSQL with {ENGINES} engines, ms", "what", "median (least to most)")
    table.add("idle, an engine and second", spread(each_ms), ok=True)
    table.add("a job of one image", spread(job_ms), ok=True)
    idle, job = median(each_ms), median(job_ms)
    report.bar("idle engine, a second", f"{idle:.2f} ms", f"<= {MOST_IDLE_MS} ms", ok=idle <= MOST_IDLE_MS)
    report.bar("a job of one image", f"{job:.1f} ms", f"<= {MOST_JOB_MS:g} ms", ok=job <= MOST_JOB_MS)
    return {"engines": ENGINES, "idle_ms": each_ms, "job_ms": job_ms}


def _idle(meter: CpuMeter, seconds: float) -> float:
    """Processor time of a second."""
    meter.restart()
    begun = time.monotonic()
    time.sleep(seconds)
    return meter.seconds() / (time.monotonic() - begun)


def _job(meter: CpuMeter, service: Service, number: int) -> float:
    """Processor time of a job and of JOB_SECONDS."""
    meter.restart()
    for _ in range(number):
        service.submit("tiny", 1)
        time.sleep(JOB_SECONDS)
    return meter.seconds() / number
