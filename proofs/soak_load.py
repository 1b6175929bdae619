"""A steady stream of jobs to a server, so that its slots are always taken and the queue stays short."""

import threading
import time
from collections.abc import Sequence
from random import Random

import requests

from proofs.report import Report
from proofs.samples import percentile
from proofs.world.cluster import Observer
from proofs.world.jobs import ODD_ONES, Client, Order, order
from proofs.world.processes import Server
from proofs.world.service import World

IMAGES_PER_JOB = 10
# Enough for the slots until the next job arrives, and a short queue.
LEAST_WAITING = 200
# One job in so many has an image of every odd kind. A host that refuses more than a few would be asked for less.
ODD_EVERY = 20
POLL_SECONDS = 0.5
# How long a client may wait for an answer while every slot is taken, in seconds.
STATUS_P99, SUBMIT_P99 = 0.1, 0.15


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
            number = len(self.orders)
            kinds = {} if number % ODD_EVERY else ODD_ONES
            new = order(self._rng, self._images, f"job{number}", IMAGES_PER_JOB, kinds)
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


def show_answers(report: Report, what: str, seconds: Sequence[float], most: float) -> None:
    """Report how long a client waits for an answer while every slot is taken."""
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    found = f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms of {len(seconds):,}"
    report.bar(what, found, f"p99 < {most * 1000:.0f} ms", ok=p99 < most)
