"""What a storm shows only by chance: one process alone, stopped by a signal, or frozen during a write."""

import threading
import time
from collections.abc import Callable

from proofs.kill_scene import SceneSeries
from proofs.report import Report
from proofs.world.jobs import Client, Order, order
from proofs.world.service import World

FETCH_DEADLINE_SECONDS = 3
# Downloads that only end at the deadline, and images that complete.
SILENT, GOOD = {"silent": 1000}, {"ok": 1000}
IMAGES = 100
# A transaction that has been idle for longer than between any two statements of a healthy one.
IN_TRANSACTION_SECONDS = 0.3
OPEN_TRANSACTION = """
    SELECT FROM pg_stat_activity
    WHERE state = 'idle in transaction' AND clock_timestamp() - state_change > make_interval(secs => %s)
"""


class Scenes(SceneSeries):
    """One process alone; the database is emptied before each."""

    what = "scenes of one process alone"

    def __init__(self, report: Report, world: World, seed: int, lease: float) -> None:
        super().__init__(report, world, seed, FETCH_DEADLINE_SECONDS=str(FETCH_DEADLINE_SECONDS))
        self._lease = lease
        self._server = world.server("alone", **self._settings)

    def scenes(self) -> list[Callable[[], None]]:
        return [self._killed_alone, self._leaves_idle, self._leaves_busy, self._hands_back, self._frozen_in_a_write]

    def end(self) -> None:
        self._server.kill()
        super().end()

    def _killed_alone(self) -> None:
        self._start()
        placed = self._submit(GOOD)
        self._until("an image is completed", lambda: self._count("completed"))
        self._server.kill()
        begun = time.time()
        self._server.start()
        self._until("the server is ready", self._server.is_ready)
        ready = time.time() - begun
        claims = "SELECT min(claimed_at) FROM jobs_imageresult WHERE claimed_at > to_timestamp(%s)"
        first = self._until("a first claim", lambda: self._observer.query(claims, [begun])[0][0]).timestamp() - begun
        self._until("all images are completed", lambda: self._count("completed") == len(placed.paths))
        after = max(0.0, first - ready)
        self._report.bar(
            "N2 killed alone: first claim after its start, after its first answer",
            f"{first:.2f} s, {after:.2f} s",
            "any, < 3 s",
            ok=after < 3,
        )

    def _leaves_idle(self) -> None:
        self._leave("while idle", 1.0)

    def _leaves_busy(self) -> None:
        """Every slot waits for a host that never answers."""
        self._start()
        self._submit(SILENT)
        self._until("all slots are taken", lambda: self._count("running"))
        self._leave("while no download ends", FETCH_DEADLINE_SECONDS + 1.0)

    def _hands_back(self) -> None:
        """During ordinary work; what was handed back is done by the next process, and nothing twice."""
        self._start()
        before = self._world.images.ledger().total()
        placed = self._submit(GOOD)
        self._until("an image is completed", lambda: self._count("completed"))
        self._leave("while at work", FETCH_DEADLINE_SECONDS + 1.0)
        self._start(empty=False)
        self._until("all images are completed", lambda: self._count("completed") == len(placed.paths))
        extra = self._world.images.ledger().total() - before - len(placed.paths)
        self._report.bar("N6 downloads too many where nothing crashes", extra, 0, ok=extra == 0)
        self._server.terminate()

    def _frozen_in_a_write(self) -> None:
        """Its transaction stays open and locks images and their job; the others must continue without it."""
        self._start()
        frozen = self._world.worker(
            "frozen",
            **self._settings,
            DJANGO_SETTINGS_MODULE="tests.settings",
            FAILPOINTS="record.before_commit:sleep(2)",
            GPU_MIN_SECONDS="0.1",
            GPU_MAX_SECONDS="0.4",
        )
        frozen.start()
        self._until("two workers", lambda: len(self._observer.query("SELECT FROM jobs_worker")) == 2)
        placed = self._submit(GOOD)
        self._until("an open transaction", lambda: self._observer.query(OPEN_TRANSACTION, [IN_TRANSACTION_SECONDS]))
        frozen.freeze()
        begun = time.monotonic()
        bound = self._lease + 1
        try:
            held = [
                worker for worker, pid in self._observer.query("SELECT id, pid FROM jobs_worker") if frozen.owns(pid)
            ]
            self._until("its images are rescued", lambda: not self._held(held), 2 * bound)
            seconds = time.monotonic() - begun
            self._report.bar("N3 frozen in a write: rescued", f"{seconds:.2f} s", f"< {bound:g} s", ok=seconds < bound)
            self._until("all images are completed", lambda: self._count("completed") == len(placed.paths))
        finally:
            frozen.kill()

    def _start(self, *, empty: bool = True) -> None:
        if empty:
            self._world.cluster.query("TRUNCATE jobs_job CASCADE", database="scenes")
        if self._server.has_ended():
            self._server.start()
        self._until("the server is ready", self._server.is_ready)

    def _submit(self, kinds: dict[str, int]) -> Order:
        placed = order(self._rng, self._world.images, f"scene{self._rng.getrandbits(32)}", IMAGES, kinds)
        Client([self._server]).submit(placed, threading.Event())
        return placed

    def _leave(self, when: str, bound: float) -> None:
        code, seconds = self._server.terminate()
        left = self._count("running") + len(self._observer.query("SELECT FROM jobs_worker"))
        self._report.bar(
            f"N5 SIGTERM {when}: seconds, exit code, claims and workers left",
            f"{seconds:.2f} s, {code}, {left}",
            f"< {bound:g} s, 0, 0",
            ok=seconds < bound and code == 0 and not left,
        )

    def _held(self, workers: list[int]) -> int:
        held = "SELECT count(*) FROM jobs_imageresult WHERE state = 'running' AND claimed_by = ANY(%s)"
        return int(self._observer.query(held, [workers])[0][0])
