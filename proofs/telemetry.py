"""Operators see how the service is doing: a real Prometheus scrapes it, and alerts fire when something breaks.

A server without an engine and a worker serve metrics; a Prometheus with the project's own configuration and alerts asks
them every 3 seconds, and waits 2 seconds instead of minutes before an alert fires. It must count every image of a job,
answer every query of the dashboard, and stay silent meanwhile. Then the worker is killed, and the database is stopped:
the right alerts fire, and end when it is over.
"""

import argparse
import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event

import requests

from proofs.report import Report
from proofs.world.cluster import CHECKOUT, Observer
from proofs.world.jobs import Client, order
from proofs.world.ports import free_port
from proofs.world.prometheus import Prometheus
from proofs.world.service import World

DASHBOARD = CHECKOUT / "deploy" / "grafana" / "dashboards" / "retail-pulse.json"
SETTINGS = {"WORKER_THREADS": "8", "LEASE_SECONDS": "5"}
START_SECONDS = 60.0
ALERT_SECONDS = 20.0
# What a scrape may take while the database is away.
SCRAPE_SECONDS = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=300, help="how many images are measured (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    """Raises CannotProve where Prometheus is not installed."""
    report = Report()
    ports = {"web": free_port(), "worker": free_port()}
    with TemporaryDirectory(prefix="proof-telemetry-") as name:
        folder = Path(name)
        prometheus = Prometheus(folder / "prometheus", ports)
        with World(folder, **SETTINGS) as world, prometheus:
            server = world.server("web", ENGINE_AUTOSTART="off", METRICS_PORT=str(ports["web"]))
            worker = world.worker("worker", METRICS_PORT=str(ports["worker"]))
            server.start()
            worker.start()
            _show_health(report, prometheus)
            client, rng = Client([server]), Random(options.seed)  # noqa: S311 - a job that can be repeated
            _show_work(report, world, prometheus, client, rng, options.images)
            _show_panels(report, prometheus)
            firing = prometheus.alerts()
            report.bar("alerts while all is well", ", ".join(sorted(firing)) or "none", "none", ok=not firing)
            _show_elsewhere(report, ports["web"])

            client.submit(order(rng, world.images, "killed", options.images, kinds={}), Event())
            # What Prometheus knows is some seconds old: by then the job may have ended.
            _wait_for_running(world)
            worker.kill()
            _show_alerts(report, prometheus, "the worker is killed", {"RetailPulseDown", "RetailPulseNoWorkers"})
            worker.start()
            _show_alerts(report, prometheus, "it is started again", {"RetailPulseWorkerDied"})
            _show_silence(report, prometheus, {"RetailPulseDown", "RetailPulseNoWorkers"})

            world.cluster.stop("fast")
            _show_alerts(report, prometheus, "the database is stopped", {"RetailPulseDatabaseAway"})
            _show_scrape(report, ports)
            world.cluster.start()
            _show_silence(report, prometheus, {"RetailPulseDatabaseAway"})
    return report


def _wait(fact: Callable[[], object], seconds: float = START_SECONDS) -> float | None:
    """Poll until the fact is true; the seconds that it took, None where it took longer."""
    begun = time.monotonic()
    while not fact():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.1)
    return time.monotonic() - begun


def _wait_for_running(world: World) -> None:
    observer = Observer(world.cluster)
    try:
        _wait(lambda: observer.query("SELECT FROM jobs_imageresult WHERE state = 'running'"))
    finally:
        observer.close()


def _show_health(report: Report, prometheus: Prometheus) -> None:
    _wait(lambda: prometheus.value('sum(up{job="retail-pulse"})') == 2)
    up = prometheus.value('sum(up{job="retail-pulse"})')
    report.bar("processes that Prometheus scrapes", up, "2", ok=up == 2)


def _show_work(report: Report, world: World, prometheus: Prometheus, client: Client, rng: Random, images: int) -> None:
    """Submit a job with failures, and compare what Prometheus has counted with the database."""
    client.submit(order(rng, world.images, "job", images), Event())
    observer = Observer(world.cluster)
    try:
        _wait(lambda: not observer.query("SELECT FROM jobs_job WHERE status = 'ongoing'"))
        final = "SELECT count(*) FROM jobs_imageresult WHERE state = '{}' AND error_code <> 'unknown_store'"
        expected = [observer.query(final.format(state))[0][0] for state in ("completed", "failed")]
        attempts = observer.query("SELECT count(*) FROM jobs_failedattempt")[0][0]
    finally:
        observer.close()
    counted = "sum(retail_pulse_images_total{{outcome='{}'}})"

    def found() -> list[float | None]:
        return [prometheus.value(counted.format(outcome)) for outcome in ("completed", "failed")]

    _wait(lambda: found() == expected, ALERT_SECONDS)
    report.bar("images completed, failed, by Prometheus", found(), f"{expected}, as stored", ok=found() == expected)
    failed = prometheus.value("sum(retail_pulse_attempts_failed_total)")
    report.bar("failed attempts, by Prometheus", failed, f"{attempts}, as stored", ok=failed == attempts)


def _show_panels(report: Report, prometheus: Prometheus) -> None:
    table = report.table("Queries of the dashboard", "panel", "series found")
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"].replace("$__rate_interval", "1m")
            found = len(prometheus.query(query))
            needs_broker = re.search("retail_pulse_(broker|shifts)_", query) is not None
            table.add(panel["title"], "needs a broker" if needs_broker else found, ok=needs_broker or found > 0)


def _show_elsewhere(report: Report, port: int) -> None:
    """Another address of this machine stands for another machine."""
    try:
        socket.create_connection(("127.0.0.2", port), timeout=5).close()
        answer = "connected"
    except ConnectionRefusedError:
        answer = "refused"
    report.bar("metrics asked for from elsewhere", answer, "refused", ok=answer == "refused")


def _show_alerts(report: Report, prometheus: Prometheus, what: str, expected: set[str]) -> None:
    seconds = _wait(lambda: expected <= prometheus.alerts(), ALERT_SECONDS)
    found = f"{seconds:.1f} s" if seconds is not None else f"only {sorted(prometheus.alerts())}"
    names = " and ".join(sorted(name.removeprefix("RetailPulse") for name in expected))
    report.bar(f"{names}: fires once {what}", found, f"< {ALERT_SECONDS:g} s", ok=seconds is not None)


def _show_silence(report: Report, prometheus: Prometheus, ended: set[str]) -> None:
    seconds = _wait(lambda: not ended & prometheus.alerts(), ALERT_SECONDS)
    names = " and ".join(sorted(name.removeprefix("RetailPulse") for name in ended))
    found = f"{seconds:.1f} s" if seconds is not None else "no"
    report.bar(f"{names}: ends when it is over", found, f"< {ALERT_SECONDS:g} s", ok=seconds is not None)


def _show_scrape(report: Report, ports: dict[str, int]) -> None:
    longest = 0.0
    with requests.Session() as session:
        session.trust_env = False
        for port in ports.values():
            begun = time.monotonic()
            assert session.get(f"http://127.0.0.1:{port}/metrics", timeout=30).ok
            longest = max(longest, time.monotonic() - begun)
    report.bar(
        "a scrape while the database is away",
        f"{longest:.2f} s",
        f"< {SCRAPE_SECONDS:g} s",
        ok=longest < SCRAPE_SECONDS,
    )
