"""What a storm shows only by chance about a broker: it is away when it is needed, or with the database, or alone."""

import threading
import time
from collections.abc import Callable
from functools import partial

import requests

from proofs.kill_scene import SceneSeries
from proofs.kill_scenes import GOOD
from proofs.report import Report
from proofs.world.broker import TriedBroker
from proofs.world.jobs import Client, order
from proofs.world.logs import read_log
from proofs.world.processes import Process, Server
from proofs.world.service import World

IMAGES = 200
# In one submission to a server whose broker is away.
SUBMITTED = 50
SUBMIT_SECONDS = 0.1
CONSUMING_SECONDS = 5.0
FOUND_SECONDS = 3.0
# Messages that may wait while nobody takes them, see jobs/engine/publisher.py.
MOST_WAITING = 64


class BrokerScenes(SceneSeries):
    """Processes whose broker is away, alone or with the database."""

    what = "scenes with a broker"

    def __init__(self, report: Report, world: World, broker: TriedBroker, seed: int) -> None:
        super().__init__(report, world, seed)
        self._broker = broker
        # Seconds that the last submission took.
        self._submitting = 0.0

    def scenes(self) -> list[Callable[[], None]]:
        return [
            self._away_at_submissions,
            self._away_at_the_start_of_a_worker,
            self._away_with_the_database,
            self._without_workers,
            self._lost_messages,
        ]

    def _away_at_submissions(self) -> None:
        server = self._start(self._world.server("web", **self._settings))
        self._finish(server, IMAGES)
        self._broker.server.kill()
        self._until("the outage is noticed", lambda: self._says(server, "away"))
        slowest = max(self._finish(server, SUBMITTED) for _ in range(5))
        self._report.bar(
            f"broker away: 201 for {SUBMITTED} images, slowest of five",
            f"{slowest:.3f} s",
            f"< {SUBMIT_SECONDS} s",
            ok=slowest < SUBMIT_SECONDS,
        )
        self._broker.server.start()
        begun = time.monotonic()
        self._until("it consumes again", lambda: self._says(server, "up"))
        seconds = time.monotonic() - begun
        self._report.bar(
            "broker back: consuming again",
            f"{seconds:.2f} s",
            f"< {CONSUMING_SECONDS:g} s",
            ok=seconds < CONSUMING_SECONDS,
        )
        self._finish(server, IMAGES)
        server.kill()

    def _away_at_the_start_of_a_worker(self) -> None:
        self._broker.server.kill()
        server = self._start(self._world.server("web", **self._settings, ENGINE_AUTOSTART="off"))
        worker = self._start(self._world.worker("worker", **self._settings))
        self._finish(server, IMAGES)
        self._report.bar("broker away at a worker's start", "all images completed", "all", ok=True)
        self._broker.server.start()
        self._until("it is consuming", lambda: self._logged("broker available again"))
        self._finish(server, IMAGES)
        worker.kill()
        server.kill()

    def _away_with_the_database(self) -> None:
        server = self._start(self._world.server("web", **self._settings))
        placed = self._submit(server, IMAGES)
        self._until("an image is completed", lambda: self._count("completed"))
        self._world.cluster.stop("immediate")
        self._broker.server.kill()
        time.sleep(2)
        self._world.cluster.start()
        begun = time.monotonic()
        self._until("all images are completed", lambda: self._count("completed") == placed)
        self._report.bar(
            "database and broker both away, the database back first: all completed",
            f"{time.monotonic() - begun:.1f} s later",
            "all",
            ok=True,
        )
        self._broker.server.start()
        self._finish(server, IMAGES)
        server.kill()

    def _without_workers(self) -> None:
        server = self._start(self._world.server("web", **self._settings, ENGINE_AUTOSTART="off"))
        self._until("no message waits", lambda: self._drained())
        for _ in range(20):
            self._submit(server, 1000)
        most = 0
        for _ in range(30):
            most = max(most, self._broker.waiting())
            time.sleep(0.1)
        self._report.bar(
            "20,000 images without a worker: messages that wait",
            most,
            f"1 to {MOST_WAITING}",
            ok=0 < most <= MOST_WAITING,
        )
        server.kill()
        self._world.cluster.query("TRUNCATE jobs_job CASCADE", database="scenes")

    def _lost_messages(self) -> None:
        """Images become ready, and their only messages are lost."""
        server = self._start(self._world.server("web", **self._settings))
        slowest = 0.0
        for _ in range(5):
            placed = self._count("completed") + self._submit(server, 1)
            self._broker.flush()
            begun = time.monotonic()
            self._until("all images are completed", partial(self._has_completed, placed))
            slowest = max(slowest, time.monotonic() - begun)
        self._report.bar(
            "the only message is lost: its image completed, slowest of five",
            f"{slowest:.2f} s",
            f"< {FOUND_SECONDS:g} s",
            ok=slowest < FOUND_SECONDS,
        )
        server.kill()

    def _start[P: Process](self, process: P) -> P:
        self._world.cluster.query("TRUNCATE jobs_job CASCADE", database="scenes")
        process.start()
        if isinstance(process, Server):
            self._until("the server is ready", process.is_ready)
        else:
            self._until("a worker", lambda: self._observer.query("SELECT FROM jobs_worker"))
        return process

    def _submit(self, server: Server, images: int) -> int:
        """Submit one job; how many images it has."""
        placed = order(self._rng, self._world.images, f"scene{self._rng.getrandbits(32)}", images, GOOD)
        begun = time.monotonic()
        Client([server]).submit(placed, threading.Event())
        self._submitting = time.monotonic() - begun
        return len(placed.paths)

    def _finish(self, server: Server, images: int) -> float:
        """Submit one job and wait for its end; the seconds until the submission was answered."""
        goal = self._count("completed") + self._submit(server, images)
        seconds = self._submitting
        self._until("all images are completed", lambda: self._count("completed") == goal)
        return seconds

    def _drained(self) -> bool:
        self._broker.flush()
        return self._broker.waiting() == 0

    def _says(self, server: Server, broker: str) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return bool(session.get(f"{server.url}/readyz", timeout=2).json().get("broker") == broker)
            except requests.RequestException:
                return False

    def _logged(self, event: str) -> bool:
        return any(line["event"] == event for line in read_log(self._world.log_file))

    def _has_completed(self, images: int) -> bool:
        return self._count("completed") == images
