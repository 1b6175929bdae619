"""The engine celery on Redis and on RabbitMQ against the engine threads: rates, a small job, a broker that dies."""

import json
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median
from typing import Any

import requests

from benchmarks.contestants import Bench, Run, Service
from benchmarks.samples import spread
from demo.brokers import Broker
from proofs.report import Report
from proofs.world.broker import KINDS, tried_broker
from proofs.world.processes import STORES

THREADS = "threads"
# Slots of an engine, how many engines, and the share of the rate of threads to be reached, where there is a target.
WORLDS: dict[str, tuple[int, int, float | None]] = {
    "64 slots": (64, 1, 0.98),
    "256 slots": (256, 1, 0.95),
    "2 x 64 slots": (64, 2, None),
}
IMAGES_PER_SLOT = 40
TWICE = 1.9
SMALL_JOB, LARGE_JOB, SMALL_SECONDS = 10, 10_000, 1.0
# Of the rate of threads, while the broker is dead for most of the job.
DEAD_SHARE = 0.95
SUBMIT_SECONDS, CONSUMING_SECONDS = 0.1, 5.0
# How long the broker stays dead, and how often a job of one image is submitted meanwhile.
DEAD_SECONDS, SUBMITTING_SECONDS = 6.0, 0.5


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    with ExitStack() as stack:
        brokers = {kind: stack.enter_context(tried_broker(kind, bench.folder / kind)) for kind in KINDS}
        engines: dict[str, dict[str, Any]] = {
            THREADS: {},
            **{kind: broker.settings for kind, broker in brokers.items()},
        }
        runs = _rates(bench, report, engines, rounds, scale)
        small = _small_jobs(bench, report, engines, rounds, scale)
        dead = {}
        for kind, broker in brokers.items():
            dead[kind] = _dead(bench, report, kind, broker.server, broker.settings, scale)
    return {"rates": runs, "small": small, "dead": dead}


def _rates(
    bench: Bench, report: Report, engines: dict[str, dict[str, Any]], rounds: int, scale: float
) -> dict[str, Any]:
    runs: dict[str, dict[str, list[Run]]] = {world: {engine: [] for engine in engines} for world in WORLDS}
    for _ in range(rounds):
        for world, (slots, number, _share) in WORLDS.items():
            for engine, settings in engines.items():
                with bench.service(slots=slots, gpu=True, engines=number, **settings) as service:
                    service.work("tiny", slots * number)
                    images = max(slots, int(slots * number * IMAGES_PER_SLOT * scale))
                    runs[world][engine].append(service.work("tiny", images))
    table = report.table("tiny", "engine", "images/s", "CPU ms an image", "Postgres ms", "share of threads")
    for world, of_world in runs.items():
        for engine, each in of_world.items():
            shares = [mine.rate / theirs.rate for mine, theirs in zip(each, of_world[THREADS], strict=True)]
            table.add(
                f"{world}, {engine}",
                spread([run.rate for run in each], 0),
                spread([run.cpu_ms for run in each], 3),
                spread([run.postgres_ms for run in each], 3),
                spread(shares, 3),
                ok=True,
            )
            bound = WORLDS[world][2]
            if engine != THREADS and bound is not None:
                share = median(shares)
                report.bar(f"{world}, {engine} against threads", f"{share:.3f}", f">= {bound:g}", ok=share >= bound)
    for engine in engines:
        one, two = runs["64 slots"][engine], runs["2 x 64 slots"][engine]
        twice = median(b.rate / a.rate for a, b in zip(one, two, strict=True))
        report.bar(f"two workers against one, {engine}", f"{twice:.2f}x", f">= {TWICE:g}x", ok=twice >= TWICE)
    return {
        world: {engine: [asdict(run) for run in each] for engine, each in of_world.items()}
        for world, of_world in runs.items()
    }


def _small_jobs(
    bench: Bench, report: Report, engines: dict[str, dict[str, Any]], rounds: int, scale: float
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    for _ in range(rounds):
        for engine, settings in engines.items():
            with bench.service(slots=64, gpu=True, **settings) as service:
                service.work("tiny", 64)
                service.submit("tiny", int(LARGE_JOB * scale))
                time.sleep(1)
                seconds[engine].append(service.work("tiny", SMALL_JOB).seconds)
    for engine, each in seconds.items():
        report.bar(
            f"{SMALL_JOB} images behind {LARGE_JOB:,}, {engine}",
            f"{median(each):.2f} s",
            f"< {SMALL_SECONDS:g} s",
            ok=median(each) < SMALL_SECONDS,
        )
    return seconds


def _dead(
    bench: Bench, report: Report, kind: str, broker: Broker, settings: dict[str, Any], scale: float
) -> dict[str, Any]:
    """A job while the broker lives, and one during which it is killed, stays away and comes back."""
    submits: list[float] = []
    images = int(64 * IMAGES_PER_SLOT * scale)
    with bench.service(slots=64, gpu=True, **settings) as service:
        service.work("tiny", 64)
        alive = service.work("tiny", images)
        outage = threading.Thread(target=_let_die, args=[broker, service, submits])
        outage.start()
        dying = service.work("tiny", images)
        outage.join()
        begun = time.monotonic()
        while not _is_up(service):
            time.sleep(0.02)
        consuming = time.monotonic() - begun
    share = dying.rate / alive.rate
    report.bar(f"{kind} dead under load: rate", f"{share:.3f}", f">= {DEAD_SHARE:g}", ok=share >= DEAD_SHARE)
    slowest = max(submits)
    report.bar(
        f"{kind} dead: 201, slowest of {len(submits)}",
        f"{1000 * slowest:.0f} ms",
        f"< {1000 * SUBMIT_SECONDS:.0f} ms",
        ok=slowest < SUBMIT_SECONDS,
    )
    report.bar(
        f"{kind} back: consuming",
        f"{consuming:.1f} s later",
        f"<= {CONSUMING_SECONDS:g} s",
        ok=consuming <= CONSUMING_SECONDS,
    )
    return {"share": share, "submits": submits, "consuming": consuming}


def _let_die(broker: Broker, service: Service, submits: list[float]) -> None:
    """Kill the broker for DEAD_SECONDS, and start it again; meanwhile submit jobs and note what each took."""
    body = json.dumps(
        {"count": 1, "visits": [{"store_id": STORES[0], "visit_time": "x", "image_url": ["http://192.0.2.1/"]}]}
    ).encode()
    broker.kill()
    dead_until = time.monotonic() + DEAD_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < dead_until:
            begun = time.monotonic()
            answer = service.server.post(session, body, f"dead-{begun}")
            submits.append(time.monotonic() - begun)
            assert answer.status_code == 201, answer.text
            time.sleep(SUBMITTING_SECONDS)
    broker.start()


def _is_up(service: Service) -> bool:
    answer = service.session.get(f"{service.server.url}/readyz", timeout=5)
    return bool(answer.json()["broker"] == "up")
