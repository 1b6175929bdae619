"""What the scenes of the kill proof have in common: a database of their own, and facts that they wait for."""

import time
from collections.abc import Callable
from random import Random

from proofs.kill_findings import show_audit
from proofs.report import Report
from proofs.world.cluster import Observer
from proofs.world.service import World

WAIT_SECONDS = 60.0


class NeverHappened(Exception):
    """What a scene waits for did not happen in time; the text says what it was."""


class SceneSeries:
    """Scenes on the database `scenes`; `what` names them in the report, `settings` are those of their processes."""

    what: str

    def __init__(self, report: Report, world: World, seed: int, **settings: str) -> None:
        self._report = report
        self._world = world
        self._rng = Random(seed)  # noqa: S311 - scenes that can be repeated
        self._observer = Observer(world.cluster, "scenes")
        self._settings = {"DATABASE_URL": world.cluster.url("scenes"), **settings}

    def scenes(self) -> list[Callable[[], None]]:
        raise NotImplementedError

    def play(self) -> None:
        """All scenes, one after the other; the first that does not finish is reported and is the last."""
        try:
            for scene in self.scenes():
                scene()
            show_audit(self._report, self._world, **self._settings)
        except NeverHappened as reason:
            self._report.bar(self.what, reason, "all finish", ok=False)
        finally:
            self.end()

    def end(self) -> None:
        self._observer.close()

    def _count(self, state: str) -> int:
        return int(self._observer.query("SELECT count(*) FROM jobs_imageresult WHERE state = %s", [state])[0][0])

    def _until[T](self, what: str, fact: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """Raises NeverHappened."""
        deadline = time.monotonic() + timeout
        while not (found := fact()):
            if time.monotonic() > deadline:
                raise NeverHappened(f"not within {timeout:g} s: {what}")
            time.sleep(0.02)
        return found
