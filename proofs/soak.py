"""Serve and work under constant load: memory, threads, descriptors and connections do not grow.

One server works through a steady stream of jobs, so that its slots are always taken and the queue stays short, while a
client polls their status. Its resources are sampled from outside; the first third of the time counts as warm-up.
"""

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import requests

from proofs.figures import fit_line, percentile
from proofs.kill_findings import show_audit, show_ledger
from proofs.report import Report
from proofs.world.cluster import Observer
from proofs.world.jobs import Client, Order, order
from proofs.world.ledger import compare
from proofs.world.logs import read_log
from proofs.world.processes import Server
from proofs.world.service import World

SLOTS, WEB_THREADS = 32, 4
SETTINGS = {"WORKER_THREADS": str(SLOTS), "WEB_THREADS": str(WEB_THREADS)}
IMAGES_PER_JOB = 10
# Enough for the slots until the next job arrives, and a short queue.
LEAST_WAITING = 200
POLL_SECONDS = 0.5
SAMPLES = 150
WARM_UP = 1 / 3
START_SECONDS, FINISH_SECONDS = 30.0, 60.0
# What may vary in a steady state: a thread between two epochs, every slot's kept connection.
SPAN = {"threads": 2, "descriptors": SLOTS, "connections": 4}
GROWTH_MB = 5.0
# How long a client may wait for an answer while every slot is taken, in seconds.
STATUS_P99, SUBMIT_P99 = 0.1, 0.15
# The web threads and the engine's two threads share a pool, the heartbeat has a dedicated connection.
MOST_CONNECTIONS = WEB_THREADS + 3


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources of the process that serves and works, `seconds` after the first sample."""

    seconds: float
    rss_mb: float
    threads: int
    descriptors: int
    connections: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=10, help="duration in minutes (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with TemporaryDirectory(prefix="retail-pulse-soak-") as folder, World(Path(folder)) as world:
        show_soak(report, world, options.minutes * 60, options.seed)
    return report


def show_soak(report: Report, world: World, seconds: float, seed: int) -> None:
    """Load one server for `seconds`, and report its resources and the results of the jobs."""
    server = world.server("server", **SETTINGS)
    server.start()
    observer = Observer(world.cluster)
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready() and time.monotonic() < deadline:
        time.sleep(0.05)
    start = len(read_log(world.log_file))
    load = Load(world, server, seed)
    load.start()
    try:
        samples = _sample(server, observer, seconds)
    finally:
        load.stopping.set()
        load.join()
    deadline = time.monotonic() + FINISH_SECONDS
    while observer.query("SELECT FROM jobs_job WHERE status = 'ongoing'") and time.monotonic() < deadline:
        time.sleep(0.05)
    observer.close()
    show_samples(report, samples)
    answers = len(load.submits) + len(load.statuses)
    report.bar("answers", f"{answers:,}, {load.errors} of them errors", "0 errors", ok=not load.errors)
    show_answers(report, f"N9 submit of {IMAGES_PER_JOB} images", load.submits, SUBMIT_P99)
    show_answers(report, "N9 status", load.statuses, STATUS_P99)
    report.bar("samples with every slot idle", load.idle, 0, ok=not load.idle)
    show_ledger(report, compare(world.cluster, load.orders, world.images.ledger()), allowed=0)
    loud = [line["event"] for line in read_log(world.log_file)[start:] if line["level"] not in ("debug", "info")]
    report.bar("warnings in the log", ", ".join(sorted(set(loud))) or "none", "none", ok=not loud)
    show_audit(report, world)


class Load(threading.Thread):
    """A client that submits a job whenever few images wait, and polls the status of its jobs in between."""

    def __init__(self, world: World, server: Server, seed: int) -> None:
        super().__init__(name="load", daemon=True)
        self._images = world.images
        self._server = server
        self._client = Client([server])
        self._rng = Random(seed)  # noqa: S311 - a load that can be repeated
        self._observer = Observer(world.cluster)
        self.stopping = threading.Event()
        self.orders: list[Order] = []
        self.submits: list[float] = []
        self.statuses: list[float] = []
        """Seconds until each answer, including the connection."""
        self.errors = 0
        self.idle = 0
        """How often no image was running although some had been submitted."""

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self.stopping.is_set():
                self._keep_busy()
                self._ask(session)
                self.stopping.wait(POLL_SECONDS)
        self.errors += self._client.resent
        self._observer.close()

    def _keep_busy(self) -> None:
        pending = "SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'running')"
        waiting, running = self._observer.query(
            f"{pending} FROM jobs_imageresult WHERE state IN ('pending', 'running')"
        )[0]
        self.idle += bool(self.orders) and not running
        # Also where the time is over meanwhile, a submission that was begun is finished.
        while waiting < LEAST_WAITING and not self.stopping.is_set():
            new = order(self._rng, self._images, f"job{len(self.orders)}", IMAGES_PER_JOB)
            begun = time.monotonic()
            self._client.submit(new, threading.Event())
            self.orders.append(new)
            self.submits.append(time.monotonic() - begun)
            waiting += IMAGES_PER_JOB

    def _ask(self, session: requests.Session) -> None:
        for each in self.orders[-4:]:
            begun = time.monotonic()
            try:
                self._server.status(session, each.job_id)
            except requests.RequestException:
                self.errors += 1
            self.statuses.append(time.monotonic() - begun)


def _sample(server: Server, observer: Observer, seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        # The youngest of the group does the work: the web server's master only waits for it.
        samples.append(take_sample(server.members()[-1], observer, now))
        time.sleep(seconds / SAMPLES)
    return samples


def take_sample(pid: int, observer: Observer, seconds: float) -> Sample:
    """The resources of the process `pid` now, and how many connections the service has to the database."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    connections = observer.query(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'proof'"
    )[0][0]
    return Sample(
        seconds,
        rss_mb=int(status["VmRSS"].split()[0]) / 1024,
        threads=int(status["Threads"]),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        connections=connections,
    )


def show_answers(report: Report, what: str, seconds: Sequence[float], most: float) -> None:
    """Report how long a client waits for an answer while every slot is taken."""
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    found = f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms of {len(seconds):,}"
    report.bar(what, found, f"p99 < {most * 1000:.0f} ms", ok=p99 < most)


def show_samples(report: Report, samples: Sequence[Sample]) -> None:
    """Report the resources at the beginning, after the warm-up and at the end, and whether they are constant."""
    steady = samples[int(len(samples) * WARM_UP) :]
    table = report.table("Resources", "after s", "RSS MB", "threads", "descriptors", "connections")
    for sample in (samples[0], steady[0], steady[len(steady) // 2], steady[-1]):
        row = (f"{sample.seconds:.0f}", f"{sample.rss_mb:.1f}", sample.threads, sample.descriptors, sample.connections)
        table.add(*row, ok=True)
    line = fit_line([sample.seconds / 3600 for sample in steady], [sample.rss_mb for sample in steady])
    growth = memory_growth(steady)
    report.bar(
        "N7 RSS, slope over the steady time", f"{line.slope:+.1f} ± {2 * line.error:.1f} MB/h", "see next", ok=True
    )
    report.bar(
        "N7 RSS, growth over the last half of it", f"{growth:+.1f} MB", f"< {GROWTH_MB:g} MB", ok=growth < GROWTH_MB
    )
    last_half = steady[len(steady) // 2 :]
    for name, span in SPAN.items():
        values = [getattr(sample, name) for sample in last_half]
        found = f"{min(values)} to {max(values)}"
        report.bar(f"{name} over the last half", found, f"within {span}", ok=max(values) - min(values) <= span)
    most = max(sample.connections for sample in samples)
    report.bar("connections at most", most, f"<= {MOST_CONNECTIONS}", ok=most <= MOST_CONNECTIONS)


def memory_growth(steady: Sequence[Sample]) -> float:
    """By how many MB the last quarter of the samples exceeds the quarter before it, on average."""
    quarter = max(1, len(steady) // 4)
    last, before = steady[-quarter:], steady[-2 * quarter : -quarter]
    return sum(s.rss_mb for s in last) / len(last) - sum(s.rss_mb for s in before) / max(1, len(before))
