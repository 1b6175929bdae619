"""What metrics cost: the same job with METRICS_PORT and a scraper that asks, and without."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from statistics import median
from typing import Any

import requests

from benchmarks.contestants import Bench, Run
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.ports import free_port

SLOTS = 64
IMAGES = 4_000
# Three times as often as Prometheus asks by deploy/prometheus/prometheus.yml.
SCRAPE_SECONDS = 5.0
COST = 1.02


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    runs: dict[str, list[Run]] = {"off": [], "on": []}
    images = max(SLOTS, int(IMAGES * scale))
    for number in range(rounds):
        # In turn, so that neither is always the first.
        for name in ("off", "on") if number % 2 else ("on", "off"):
            port = free_port() if name == "on" else 0
            with bench.service(slots=SLOTS, gpu=True, METRICS_PORT=str(port)) as service, _scraped(port):
                service.work("tiny", SLOTS)
                runs[name].append(service.work("tiny", images))
    table = report.table(f"tiny, {images:,} images, {SLOTS} slots", "metrics", "CPU ms an image", "images/s")
    for name, each in runs.items():
        table.add(name, spread([run.cpu_ms for run in each], 3), spread([run.rate for run in each], 0), ok=True)
    ratios = [on.cpu_ms / off.cpu_ms for on, off in zip(runs["on"], runs["off"], strict=True)]
    ratio = median(ratios)
    report.bar("CPU an image with metrics", f"{spread(ratios, 3)}x", f"<= {COST:g}x", ok=ratio <= COST)
    return {name: [asdict(run) for run in each] for name, each in runs.items()}


@contextmanager
def _scraped(port: int) -> Iterator[None]:
    """Ask for the metrics of `port` again and again while the block runs; of 0, nothing."""
    ended = threading.Event()

    def scrape() -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not ended.wait(SCRAPE_SECONDS):
                assert session.get(f"http://127.0.0.1:{port}/metrics", timeout=10).ok

    thread = threading.Thread(target=scrape, name="scraper", daemon=True)
    if port:
        thread.start()
    yield
    ended.set()
    if port:
        thread.join()
