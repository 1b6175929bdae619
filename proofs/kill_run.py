"""The course of a storm: processes start, a client submits, and the events pass over them until everything is final."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from proofs.kill_storm import Storm
from proofs.world.cluster import Observer

LOOK_SECONDS = 0.05


def run(
    storm: Storm,
    planned: Mapping[str, int],
    submit: Callable[[Observer], None],
    limit: float,
    meanwhile: AbstractContextManager[Any] | None = None,
    settled: Callable[[Observer], bool] = lambda _: True,
) -> float:
    """Start the processes and let the `planned` events happen to them; returns the seconds until nothing is ongoing.

    `submit` places the orders, in a thread with an observer of its own, and ends at the latest when `storm.stopping` is
    set. `meanwhile` is entered once all are at work, and left when all jobs have ended, every claim of a dead process
    is rescued and the world has `settled`. After `limit` seconds it is given up: what is then missing is a finding.
    """
    observer = Observer(storm.cluster)
    submitting = threading.Thread(target=_submit, args=[storm, submit], daemon=True)
    bound = threading.Timer(limit, storm.stopping.set)
    begun = time.monotonic()
    try:
        bound.start()
        for process in storm.processes:
            process.start()
        _wait(storm, lambda: len(observer.query("SELECT FROM jobs_worker")) == len(storm.processes))
        storm.watch.start()
        with meanwhile or nullcontext():
            submitting.start()
            storm.run(planned)
            _wait(storm, lambda: not submitting.is_alive() and _ongoing(observer) == 0)
            _wait(storm, lambda: all(rescue.seconds is not None for rescue in storm.watch.rescues))
            _wait(storm, lambda: settled(observer))
    finally:
        bound.cancel()
        storm.stopping.set()
        storm.watch.stop()
        observer.close()
    return time.monotonic() - begun


def _submit(storm: Storm, submit: Callable[[Observer], None]) -> None:
    observer = Observer(storm.cluster)
    try:
        submit(observer)
    except BaseException:  # nothing more will come to be interrupted, whatever it was
        storm.stopping.set()
        raise
    finally:
        observer.close()


def _ongoing(observer: Observer) -> int:
    return int(observer.query("SELECT count(*) FROM jobs_job WHERE status = 'ongoing'")[0][0])


def _wait(storm: Storm, fact: Callable[[], bool]) -> None:
    while not fact() and not storm.stopping.wait(LOOK_SECONDS):
        pass
