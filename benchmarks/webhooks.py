"""What webhooks cost: recording beside dead endpoints, a delivery, and an engine that has nothing to deliver."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.accounting import CpuMeter, cpu_seconds
from benchmarks.contestants import Bench, Service
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.backlog import fill
from proofs.world.cluster import CHECKOUT
from proofs.world.endpoints import Endpoint, add_endpoint, new_secret
from proofs.world.receivers import Behaviour, Receivers

SLOTS = 8
DEAD, IMAGES = 100, 1_000
# Jobs of each contestant in a round.
JOBS = 30
MOST_RECORDING = 1.02
ASKING = {"nobody": 0, "one endpoint": 1, "dead ones too": 1 + DEAD}
# Endpoints that share the deliveries, and how many there are.
RECEIVERS, DELIVERIES = 8, 4_000
IDLE_ENDPOINTS = 1_000
SETTLE_SECONDS, IDLE_SECONDS = 5.0, 20.0
NOWHERE = "http://127.0.0.1:9/hook"

_ONLY = "UPDATE webhooks_endpoint SET disabled_for = CASE WHEN id <= %s THEN '' ELSE 'person' END"
_DELIVERIES = """
    WITH event AS (
        INSERT INTO webhooks_event (uid, type, body)
        SELECT 'evt_' || n, 'job.ended', %s FROM generate_series(1, %s) n RETURNING id
    )
    INSERT INTO webhooks_delivery (event_id, endpoint_id, state)
    SELECT event.id, endpoint.id, 'pending' FROM event, webhooks_endpoint endpoint
"""
_LEFT = "SELECT count(*) FROM webhooks_delivery WHERE state = 'pending'"


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    return {
        "recording": _recording(bench, report, rounds, scale),
        "deliveries": _deliveries(bench, report, rounds, scale),
        "idle": _idle(bench, report, rounds, scale),
    }


def _recording(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    """Processor time of recording, where nobody asks for job.ended, one endpoint does, and DEAD more do."""
    found: dict[str, list[list[float]]] = {name: [] for name in ASKING}
    with bench.service(slots=SLOTS, gpu=False, engines=0) as service, _recorder(service) as record:
        for _ in range(1 + DEAD):
            _add(bench, service, NOWHERE)
        numbers = [each for (each,) in service.query("SELECT id FROM webhooks_endpoint ORDER BY id")]

        def work(asking: int) -> list[float]:
            service.query(_ONLY, [numbers[asking - 1] if asking else 0])
            service.query("TRUNCATE webhooks_event CASCADE")
            fill(bench.cluster, service.database, bench.nginx.url("tiny", 0).removesuffix("0.jpg"), IMAGES)
            return record()

        work(1 + DEAD)  # a warm-up
        for number in range(rounds * max(1, round(JOBS * scale))):
            # In turn, so that none is always the first.
            for name in list(ASKING) if number % 2 else reversed(ASKING):
                found[name].append(work(ASKING[name]))
    _show_recording(report, found)
    return found


def _show_recording(report: Report, found: dict[str, list[list[float]]]) -> None:
    table = report.table(f"Recording jobs of {IMAGES:,}, CPU ms an image", "told of their end", "engine", "PostgreSQL")
    for name, each in found.items():
        engine, postgres = zip(*each, strict=True)
        table.add(name, spread(engine, 4), spread(postgres, 4), ok=True)
    nobody, one, dead = ([sum(each) for each in figures] for figures in found.values())
    ratio = median(told / alone for told, alone in zip(one, nobody, strict=True))
    report.bar("recording, told to one endpoint, against nobody", f"{ratio:.3f}x", "any", ok=True)
    ratio = median(told / alone for told, alone in zip(dead, one, strict=True))
    report.bar(
        f"recording, told to {DEAD} dead ones too, against the one",
        f"{ratio:.3f}x",
        f"<= {MOST_RECORDING:g}x",
        ok=ratio <= MOST_RECORDING,
    )


@contextmanager
def _recorder(service: Service) -> Iterator[Callable[[], list[float]]]:
    """`benchmarks/records.py` for as long as the block lasts: called, it records what is ready."""
    command = [sys.executable, "-m", "benchmarks.records"]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=service.variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def record() -> list[float]:
            asked.write("\n")
            asked.flush()
            return list(json.loads(answers.readline()))

        yield record
        asked.close()


def _deliveries(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    """How fast one process delivers to receivers that answer at once, and what that costs."""
    number = max(RECEIVERS, int(DELIVERIES * scale))
    rates, own_ms, postgres_ms = [], [], []
    # The receivers are on this machine.
    service = bench.service(
        slots=SLOTS, gpu=False, WEBHOOK_ALLOW_CIDRS="127.0.0.1/32", WEBHOOK_ALLOW_PORTS="1024-65535"
    )
    with Receivers() as receivers, service:
        for _ in range(RECEIVERS):
            secret = new_secret()
            _add(bench, service, receivers.open(Behaviour(), secret), secret)
        # One event beforehand, so that everything is loaded and the receivers are known to answer.
        _deliver(service, 1)
        for _ in range(rounds):
            own, postgres = service.cpu(), cpu_seconds(bench.cluster.pid)
            seconds = _deliver(service, number // RECEIVERS)
            rates.append(number / seconds)
            own_ms.append(1000 * (service.cpu() - own) / number)
            postgres_ms.append(1000 * (cpu_seconds(bench.cluster.pid) - postgres) / number)
    table = report.table(f"{number:,} deliveries to {RECEIVERS} receivers", "what", "median (least to most)")
    table.add("deliveries a second, of one process", spread(rates, 0), ok=True)
    table.add("CPU ms of the process, a delivery", spread(own_ms), ok=True)
    table.add("CPU ms of PostgreSQL, a delivery", spread(postgres_ms), ok=True)
    return {"rates": rates, "cpu_ms": own_ms, "postgres_ms": postgres_ms}


def _deliver(service: Service, events: int) -> float:
    """Seconds from the commit of so many events to the last delivery of each to all endpoints."""
    service.query("TRUNCATE webhooks_event CASCADE")
    service.query(_DELIVERIES, [json.dumps({"type": "job.ended", "data": {"id": 1}}), events])
    begun = time.monotonic()
    while service.query(_LEFT)[0][0]:
        time.sleep(0.05)
    return time.monotonic() - begun


def _idle(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    """Processor time of an engine and of PostgreSQL, a second, without and with endpoints to which nothing is due."""
    found: dict[str, list[list[float]]] = {"no endpoint": [], f"{IDLE_ENDPOINTS:,} endpoints": []}
    with bench.service(slots=SLOTS, gpu=False) as service:
        own, postgres = CpuMeter(service.pids[0]), CpuMeter(bench.cluster.pid)
        time.sleep(SETTLE_SECONDS)
        for _ in range(rounds):
            for name, figures in found.items():
                service.query("TRUNCATE webhooks_endpoint")
                if name != "no endpoint":
                    values = [NOWHERE, new_secret(), ["job.ended"], IDLE_ENDPOINTS]
                    service.query(
                        "INSERT INTO webhooks_endpoint (url, secret, events) SELECT %s, %s, %s"
                        " FROM generate_series(1, %s)",
                        values,
                    )
                own.restart()
                postgres.restart()
                begun = time.monotonic()
                time.sleep(max(3.0, IDLE_SECONDS * scale))
                seconds = time.monotonic() - begun
                figures.append([1000 * meter.seconds() / seconds for meter in (own, postgres)])
    table = report.table("An engine with nothing to do, CPU ms a second", "endpoints", "process", "PostgreSQL")
    for name, each in found.items():
        table.add(name, *(spread(figures) for figures in zip(*each, strict=True)), ok=True)
    return found


def _add(bench: Bench, service: Service, url: str, secret: str = "") -> None:
    add_endpoint(bench.cluster, Endpoint("", url), secret or new_secret(), database=service.database)
