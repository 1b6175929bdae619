"""What a storm shows only by chance: one process alone, stopped by a signal, or frozen during a write."""

import threading
import time
from collections.abc import Callable
from random import Random

from proofs.kill_findings import show_audit
from proofs.report import Report
from proofs.world.cluster import Observer
from proofs.world.jobs import Client, Order, order
from proofs.world.service import World

WAIT_SECONDS = 60.0
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


class NeverHappened(Exception):
    """What a scene waits for did not happen in time; the text says what it was."""


class Scenes:
    """Scenes on the database `scenes`, which is emptied before each."""

    def __init__(self, report: Report, world: World, seed: int, lease: float) -> None:
        self._report = report
        self._world = world
        self._lease = lease
        self._rng = Random(seed)  # noqa: S311 - scenes that can be repeated
        self._observer = Observer(world.cluster, "scenes")
        self._settings = {
            "DATABASE_URL": world.cluster.url("scenes"),
            "FETCH_DEADLINE_SECONDS": str(FETCH_DEADLINE_SECONDS),
        }
        self._server = world.server("alone", **self._settings)

    def play(self) -> None:
        """All scenes, one after the other; the first that does not finish is reported and is the last."""
        try:
            self._killed_alone()
            self._leaves_idle()
            self._leaves_busy()
            self._hands_back()
            self._frozen_in_a_write()
            show_audit(self._report, self._world, **self._settings)
        except NeverHappened as reason:
            self._report.bar("scenes of one process alone", reason, "all finish", ok=False)
        finally:
            self._server.kill()
            self._observer.close()

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

    def _count(self, state: str) -> int:
        return int(self._observer.query("SELECT count(*) FROM jobs_imageresult WHERE state = %s", [state])[0][0])

    def _held(self, workers: list[int]) -> int:
        held = "SELECT count(*) FROM jobs_imageresult WHERE state = 'running' AND claimed_by = ANY(%s)"
        return int(self._observer.query(held, [workers])[0][0])

    def _until[T](self, what: str, fact: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """Raises NeverHappened."""
        deadline = time.monotonic() + timeout
        while not (found := fact()):
            if time.monotonic() > deadline:
                raise NeverHappened(f"not within {timeout:g} s: {what}")
            time.sleep(0.02)
        return found
