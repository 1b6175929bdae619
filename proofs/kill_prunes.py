"""Old jobs that are pruned while the storm goes on, by processes that are killed in the midst of it."""

import threading
from collections.abc import Callable
from random import Random
from typing import Self

from proofs.report import Report
from proofs.world.cluster import Observer
from proofs.world.history import fill
from proofs.world.processes import Process
from proofs.world.service import World

AGE = "90d"
# How long a prune works at its slices before it is killed, at most.
LONGEST_SECONDS = 0.4


class Prunes:
    """`images` old images in the database, and one prune after the other in a thread, until none is left.

    On leaving the block none is killed any more, and one prune deletes what is left. Raises CommandFailed.
    """

    def __init__(self, world: World, rng: Random, images: int) -> None:
        self._world = world
        self._rng = rng
        self._images = images
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prunes", daemon=True)
        self.killed = 0

    def fill(self) -> None:
        """Before anything else is in the database."""
        with self._world.cluster.connect() as connection:
            fill(connection, self._images)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._world.manage("prune", "--older-than", AGE)

    def _run(self) -> None:
        observer = Observer(self._world.cluster)
        prune = Process("prune", ["prune", "--older-than", AGE], self._world.variables())
        while not self._stopping.is_set() and _left(observer):
            before = _left(observer)
            prune.start()
            self._until(lambda before=before: _left(observer) < before or prune.has_ended())  # type: ignore[misc]
            self._stopping.wait(self._rng.uniform(0, LONGEST_SECONDS))
            self.killed += not prune.has_ended()
            prune.kill()
        observer.close()

    def _until(self, fact: Callable[[], bool]) -> None:
        while not fact() and not self._stopping.wait(0.02):
            pass


def _left(observer: Observer) -> int:
    """How many images are old."""
    old = "SELECT count(*) FROM jobs_imageresult WHERE finished_at < now() - interval '90 days'"
    return int(observer.query(old)[0][0])


def show_prunes(report: Report, world: World, prunes: Prunes, images: int) -> None:
    """Report that every old image was counted once, and that nothing is left of any."""
    ((counted, bytes_, attempts),) = world.cluster.query(
        "SELECT coalesce(sum(images), 0), coalesce(sum(bytes), 0), coalesce(sum(attempts), 0) FROM jobs_daytotal"
    )
    ((left, gone),) = world.cluster.query(
        "SELECT (SELECT count(*) FROM jobs_job WHERE is_deleted), count(*) FILTER (WHERE gone_at IS NOT NULL)"
        " FROM jobs_deletedjob"
    )
    expected = images, images * 400_000, images + images // 20
    found = f"{counted:,} of {images:,} in {gone:,} jobs, {prunes.killed} prunes killed"
    is_right = (counted, bytes_, attempts) == expected and not left
    report.bar("old images pruned meanwhile, and counted", found, "each once", ok=is_right)
