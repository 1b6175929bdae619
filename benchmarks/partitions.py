"""The image table in 25 partitions by id: what a claim, a status and a whole job then cost, and a partition's end."""

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Service
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.backlog import fill
from proofs.world.cluster import CHECKOUT
from proofs.world.partitions import TABLE, name_of, partition
from proofs.world.processes import STORES

PARTITIONS, HISTORY, READY, JOB = 25, 500_000, 5_000, 1_000
# In each round; those that are ready are enough for so many rounds.
SLOTS, CLAIMS, STATUSES, MOST_ROUNDS = 64, 8, 10, 7
# The job itself is worked through in partitions that have not been filled.
FILLED = 20

_HISTORY = """
    WITH job AS (
        INSERT INTO jobs_job (
            status, on_error, priority, total, completed, failed, canceled, store_errors, started_at, finished_at
        ) VALUES ('completed', 'continue', 0, %(number)s, %(number)s, 0, 0, '[]', now(), now()) RETURNING id
    ), visit AS (
        INSERT INTO jobs_visit (job_id, store_id, visit_time)
        SELECT id, %(store)s, 'today' FROM job RETURNING id, job_id
    )
    INSERT INTO jobs_imageresult (
        job_id, visit_id, url, state, rank, held, claim_no, attempts, crashes, generation, waits_for,
        format, width, height, perimeter, bytes, finished_at, error_code, error_message
    )
    SELECT job_id, id, 'http://photos.example/' || number || '.jpg', 'completed', number, false, 1, 1, 0, 0, '',
        'JPEG', 640, 480, 2240, 1000, now(), '', ''
    FROM visit, generate_series(1, %(number)s) AS number
"""


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    history = int(HISTORY * scale)
    with (
        bench.service(slots=SLOTS, gpu=False, engines=0) as plain,
        bench.service(slots=SLOTS, gpu=False, engines=0) as divided,
    ):
        partition(divided.query, partitions=PARTITIONS, rows=history // FILLED)
        services = {"one": plain, f"{PARTITIONS} partitions": divided}
        for service in services.values():
            service.query(_HISTORY, {"number": history, "store": STORES[0]})
            fill(bench.cluster, service.database, bench.nginx.url("tiny", 0).removesuffix("0.jpg"), READY)
            service.query(f"VACUUM ANALYZE {TABLE}")
        claims: dict[str, list[float]] = {name: [] for name in services}
        statuses: dict[str, list[float]] = {name: [] for name in services}
        for _ in range(min(rounds, MOST_ROUNDS)):
            for name, service in services.items():
                claims[name] += _claims(service)
                statuses[name] += _statuses(service)
        detached = _detach(divided)
        rates = {name: _work(service) for name, service in services.items()}
    table = report.table(f"{history:,} images that are done, ms", "table", "a claim of 64", "a status")
    for name in services:
        table.add(name, spread(_ms(claims[name])), spread(_ms(statuses[name])), ok=True)
    for what, found, most in (("claim", claims, 3.0), ("status", statuses, 3.0)):
        before, after = (median(seconds) for seconds in found.values())
        report.bar(f"{what} in partitions", f"{after / before:.2f}x", f"<= {most:g}x", ok=after <= most * before)
    before, after = rates.values()
    report.bar(f"rate of a job of {JOB:,} images", f"{after / before:.2f}x", ">= 0.7x", ok=after >= 0.7 * before)
    report.bar("detaching a partition concurrently, ms", f"{1000 * detached:.0f}", "any", ok=True)
    return {"claims": claims, "statuses": statuses, "detach": detached, "rates": rates}


def _claims(service: Service) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.claims", str(CLAIMS)]
    done = subprocess.run(command, cwd=CHECKOUT, env=service.variables, check=True, stdout=subprocess.PIPE, text=True)
    return [float(each) for each in json.loads(done.stdout)]


def _statuses(service: Service) -> list[float]:
    """Seconds of each answer about the large job, with its counts."""
    ((job_id,),) = service.query("SELECT min(id) FROM jobs_job")
    seconds = []
    for _ in range(STATUSES):
        begun = time.monotonic()
        service.summary(job_id)
        seconds.append(time.monotonic() - begun)
    return seconds


def _detach(service: Service) -> float:
    """Seconds that it takes to detach the oldest partition while the service works, as a retention of days would."""
    begun = time.monotonic()
    service.query(f"ALTER TABLE {TABLE} DETACH PARTITION {name_of(0)} CONCURRENTLY")
    return time.monotonic() - begun


def _ms(seconds: list[float]) -> list[float]:
    return [1000 * each for each in seconds]


def _work(service: Service) -> float:
    """Images a second of one more job, by an engine of its own."""
    service.query(f"DELETE FROM {TABLE} WHERE state <> 'completed'")  # noqa: S608 - a constant of ours
    with service.engine():
        return service.work("tiny", JOB).rate
