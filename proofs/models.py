"""Models that are away, fail, hang or are slow: no image pays for it but the one that is to blame.

A server without an engine takes jobs, and workers with such models do the work, in 64 slots: a model that is away for
its first seconds, one that fails on some images, one that hangs on an image, and one of an image a second that is
stopped while 64 wait for it.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import requests

from proofs.report import Report
from proofs.world.cluster import Observer
from proofs.world.jobs import Client, Order, order
from proofs.world.logs import read_log
from proofs.world.processes import Worker
from proofs.world.service import World

SLOTS = 64
SETTINGS = {"WORKER_THREADS": str(SLOTS), "LEASE_SECONDS": "5", "LOG_LEVEL": "INFO"}
MODELS = "proofs.world.models."
START_SECONDS = 60.0
# Of a call of a model, and what a process may take to end after it.
STEP_SECONDS, ENDING_SECONDS = 2.0, 5.0
SHUTDOWN_SECONDS = 5.0
LOST_EXIT_CODE = 70
# Of a thousand images.
BAD = {"bad": 1000 / 97}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--away", type=float, default=15.0, help="seconds that a model is away (default: 15)")
    parser.add_argument("--images", type=int, default=1000, help="how many images meet that (default: 1000)")
    parser.add_argument("--picky", type=int, default=2000, help="images of the model that fails (default: 2000)")
    parser.add_argument("--hanging", type=int, default=200, help="images of the model that hangs (default: 200)")
    parser.add_argument("--slow", type=float, default=45.0, help="seconds of the slow model (default: 45)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with TemporaryDirectory(prefix="retail-pulse-models-") as name, World(Path(name), **SETTINGS) as world:
        drills = Drills(report, world, options.seed)
        for model in ("AwayAtFirst", "PlainAwayAtFirst"):
            drills.away(model, options.away, options.images)
        drills.picky(options.picky)
        drills.hanging(options.hanging)
        drills.slow(options.slow)
        drills.close()
    return report


class Drills:
    """Each submits a job of its own, starts a worker with a bad model, and adds its bars to the report."""

    def __init__(self, report: Report, world: World, seed: int) -> None:
        self._report = report
        self._world = world
        self._rng = Random(seed)  # noqa: S311 - jobs that can be repeated
        self._slots = int(world.settings["WORKER_THREADS"])
        self._server = world.server("web", ENGINE_AUTOSTART="off")
        self._server.start()
        self._observer = Observer(world.cluster)

    def away(self, model: str, seconds: float, images: int) -> None:
        """A model that cannot be used at first."""
        worker = self._worker(model, MODEL_AWAY_SECONDS=str(seconds))
        self._submit(images)
        worker.start()
        said = ""
        while not said and self._is_ongoing():
            said = self._notices()
            time.sleep(0.05)
        self._finish()
        code, _ = worker.terminate()
        completed, attempts, failed, crashes = self._found()
        bar = self._report.bar
        bar(f"{model}: images done", f"{completed:,}", f"{images:,}", ok=completed == images)
        bar(f"{model}: most attempts of an image", attempts, 1, ok=attempts == 1)
        bar(f"{model}: failed attempts, crashes", (failed, crashes), (0, 0), ok=failed == crashes == 0)
        bar(f"{model}: /readyz meanwhile", said, "says so", ok=bool(said) and "connection refused" in said)
        bar(f"{model}: exit code of the worker", code, 0, ok=code == 0)
        self._world.forget()

    def picky(self, images: int) -> None:
        """A model that fails on batches with a bad image in them."""
        worker = self._worker("Picky")
        job = self._submit(images, BAD)
        worker.start()
        self._finish()
        worker.terminate()
        bad = sorted(path for path in job.paths if path.startswith("bad/"))
        rows = self._query("SELECT url FROM jobs_imageresult WHERE error_code = 'gpu_failed'")
        found = sorted(url.split("/", 3)[3] for (url,) in rows)
        completed, *_ = self._found()
        bar = self._report.bar
        bar("Picky: images that failed", len(found), f"the {len(bad)} bad ones", ok=found == bad)
        bar("Picky: the others done", completed, images - len(bad), ok=completed == images - len(bad))
        self._world.forget()

    def hanging(self, images: int, **settings: str) -> None:
        """A model that hangs on one image, in a worker that is started again whenever it ends."""
        since = self._world.home / "hangs"
        worker = self._worker("Hanging", MODEL_HANGS=str(since), GPU_STEP_SECONDS=str(STEP_SECONDS), **settings)
        self._submit(images, {"bad": 0.001})
        took, codes = [], set()
        until = time.monotonic() + 20 * (STEP_SECONDS + ENDING_SECONDS + START_SECONDS / 10)
        while self._is_ongoing() and time.monotonic() < until:
            worker.start()
            while not worker.has_ended() and self._is_ongoing():
                time.sleep(0.02)
            if worker.has_ended():
                took.append(time.time() - float(since.read_text()) if since.exists() else 0.0)
                codes.add(worker.exit_code)
        worker.kill()
        rows = self._query("SELECT error_code, count(*), max(attempts) FROM jobs_imageresult GROUP BY 1 ORDER BY 1")
        log = read_log(self._world.log_file)
        stacks = [line for line in log if line["event"] == "model hangs" and "infer_batch" in line.get("stack", "")]
        bar = self._report.bar
        longest = max(took, default=0.0)
        most = STEP_SECONDS + ENDING_SECONDS
        bar("Hanging: process gone after", f"{longest:.1f} s at most", f"<= {most:g} s", ok=0 < longest <= most)
        bar("Hanging: exit codes", sorted(codes), [LOST_EXIT_CODE], ok=codes == {LOST_EXIT_CODE})
        bar("Hanging: stacks in the log", len(stacks), len(took), ok=len(stacks) == len(took))
        expected = [("", images - 1, 1), ("crash_loop", 1, 0)]
        bar("Hanging: outcomes, with most attempts", rows, expected, ok=rows == expected)
        self._world.forget()

    def slow(self, seconds: float) -> None:
        """A model of one image a second, stopped after `seconds` while all slots wait for it."""
        settings = {"GPU_BATCH": "1", "FETCH_DEADLINE_SECONDS": "0.5", "SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS)}
        worker = self._worker("Slow", **settings)
        images = 2 * self._slots
        self._submit(images)
        worker.start()
        begun = time.monotonic()
        waiting = _wait(lambda: max(0, self._waiting() - self._slots + 3))
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
        code, took = worker.terminate()
        completed, attempts, failed, crashes = self._found()
        held = self._query("SELECT count(*) FROM jobs_imageresult WHERE state = 'running'")[0][0]
        log = read_log(self._world.log_file)
        overdue = sum(line["event"] == "slot overdue" for line in log)
        bar = self._report.bar
        bar("Slow: all slots but the one whose turn it is wait", bool(waiting), True, ok=bool(waiting))
        bar("Slow: slots called overdue", overdue, 0, ok=not overdue)
        bar("Slow: exit code at SIGTERM", code, 0, ok=code == 0)
        bar("Slow: seconds until it has ended", f"{took:.1f}", f"<= {SHUTDOWN_SECONDS:g}", ok=took <= SHUTDOWN_SECONDS)
        bar("Slow: images still held", held, 0, ok=not held)
        counted = (attempts, failed, crashes)
        bar("Slow: most attempts, failed attempts, crashes", counted, (1, 0, 0), ok=counted == (1, 0, 0))
        other = self._worker("Fake")
        other.start()
        self._finish()
        other.terminate()
        done, *_ = self._found()
        bar("Slow: done by the next worker", f"{completed} + {done - completed}", images, ok=done == images)
        self._world.forget()

    def close(self) -> None:
        self._observer.close()

    # ---- what they have in common

    def _worker(self, model: str, **settings: str) -> Worker:
        return self._world.worker(model, GPU_STEP=MODELS + model, **settings)

    def _submit(self, images: int, kinds: dict[str, float] | None = None) -> Order:
        assert _wait(self._server.is_ready), self._server.output()
        job = order(self._rng, self._world.images, "models", images, kinds=kinds or {})
        Client([self._server]).submit(job, Event())
        return job

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        return self._observer.query(sql)

    def _is_ongoing(self) -> bool:
        return bool(self._query("SELECT FROM jobs_job WHERE status = 'ongoing'"))

    def _finish(self) -> None:
        _wait(lambda: not self._is_ongoing(), 2 * START_SECONDS)

    def _found(self) -> tuple[int, int, int, int]:
        """Images completed, the most attempts of an image, failed attempts, and crashes."""
        images = "SELECT count(*) FILTER (WHERE state = 'completed'), max(attempts), sum(crashes) FROM jobs_imageresult"
        ((completed, attempts, crashes),) = self._query(images)
        ((failed,),) = self._query("SELECT count(*) FROM jobs_failedattempt")
        return completed, attempts, failed, crashes

    def _waiting(self) -> int:
        """Images that wait for the model of a worker, as it says itself."""
        rows = self._query("SELECT model FROM jobs_worker WHERE model IS NOT NULL")
        return sum(step["waiting"] for (model,) in rows for step in model["steps"])

    def _notices(self) -> str:
        """What /readyz says besides."""
        with requests.Session() as session:
            session.trust_env = False
            return " ".join(session.get(f"{self._server.url}/readyz", timeout=5).json().get("notices", []))


def _wait[T](fact: Callable[[], T], seconds: float = START_SECONDS) -> T:
    """Poll until the fact is true, at most `seconds`; its value."""
    until = time.monotonic() + seconds
    while not (found := fact()) and time.monotonic() < until:
        time.sleep(0.05)
    return found
