"""A server that reads signs beside one with the simulated step: memory, and how long a client waits for a status.

Where the model is in the server itself, the wait is shown and not held to anything: it has the interpreter's lock for
some of its time. A heavy model belongs into a worker beside the server, see docs/model.md.
"""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import requests

from proofs.report import Report
from proofs.samples import percentile
from proofs.sign_fronts import Fronts
from proofs.sign_names import invented_names
from proofs.sign_pictures import shop_front
from proofs.world.cluster import Observer
from proofs.world.jobs import Client, order
from proofs.world.processes import Process, Server
from proofs.world.service import World

SLOTS = 64
MOST_MEGABYTES, MOST_RATIO = 900, 1.5
FRONTS = 24
START_SECONDS, WARM_UP_SECONDS = 90.0, 5.0
# More than either has done by the end.
IMAGES = 20_000
POLL_SECONDS = 0.05
STEPS = {"simulated": "jobs.imaging.gpu.SimulatedGPU", "sign": "jobs.imaging.steps.SignStep"}


def show(report: Report, seconds: float, rounds: int, seed: int) -> None:
    """Let each work for `seconds`, in turn and so many times; in the server itself, and in a worker beside it."""
    with TemporaryDirectory(prefix="retail-pulse-signs-") as name:
        folder = Path(name)
        photos = folder / "photos"
        photos.mkdir()
        for number, shop in enumerate(invented_names(FRONTS, seed)):
            (photos / f"{number}.jpg").write_bytes(shop_front(shop, f"load {seed} {number}"))
        settings = {"WORKER_THREADS": str(SLOTS), "FETCH_MAX_BYTES": "1000000"}
        with Fronts(photos) as fronts, World(folder, FETCH_ALLOW_PORTS=str(fronts.port), **settings) as world:
            drills = Drills(world, fronts, seed)
            found: dict[tuple[str, bool], list[Found]] = {}
            for _ in range(rounds):
                for case in itertools.product(STEPS, (False, True)):
                    found.setdefault(case, []).append(drills.run(*case, seconds))
    table = report.table("While 64 slots work", "where", "step", "images", "MB", "status p50 ms", "status p99 ms")
    for has_worker, where in ((False, "in serve"), (True, "in work, beside serve")):
        both = {step: sum(found[step, has_worker], start=Found()) for step in STEPS}
        for step, one in both.items():
            p50, p99 = (f"{1000 * percentile(one.statuses, part):.1f}" for part in (0.5, 0.99))
            table.add(where, step, f"{one.images:,}", f"{one.megabytes:.0f}", p50, p99, ok=True)
        sign, simulated = both["sign"], both["simulated"]
        ratio = percentile(sign.statuses, 0.99) / percentile(simulated.statuses, 0.99)
        megabytes, most = sign.megabytes, f"<= {MOST_MEGABYTES}"
        report.bar(f"{where}: MB of all processes", f"{megabytes:.0f}", most, ok=megabytes <= MOST_MEGABYTES)
        if has_worker:
            report.bar(f"{where}: status p99 / simulated", f"{ratio:.2f}", f"<= {MOST_RATIO}", ok=ratio <= MOST_RATIO)
        report.bar(f"{where}: images read", sign.images, "some", ok=sign.images > 0)
        report.bar(f"{where}: errors", sign.errors, 0, ok=not sign.errors)


class Found:
    """Of the processes together: the most megabytes at a time; seconds of each answer; images done, and errors."""

    def __init__(self, megabytes: float = 0, statuses: Sequence[float] = (), images: int = 0, errors: int = 0) -> None:
        self.megabytes = megabytes
        self.statuses = list(statuses)
        self.images = images
        self.errors = errors

    def __add__(self, other: "Found") -> "Found":
        return Found(
            max(self.megabytes, other.megabytes),
            [*self.statuses, *other.statuses],
            self.images + other.images,
            self.errors + other.errors,
        )


class Drills:
    def __init__(self, world: World, fronts: Fronts, seed: int) -> None:
        self._world = world
        self._fronts: Any = fronts
        self._random = Random(seed)  # noqa: S311 - jobs that can be repeated

    def run(self, step: str, has_worker: bool, seconds: float) -> Found:
        chosen = {"GPU_STEP": STEPS[step]}
        server = self._world.server("web", **({"ENGINE_AUTOSTART": "off"} if has_worker else chosen))
        processes: list[Process] = [server]
        if has_worker:
            processes.append(self._world.worker("work", **chosen))
        for process in processes:
            process.start()
        _wait(server.is_ready)
        job = order(self._random, self._fronts, "signs", IMAGES, kinds={})
        Client([server]).submit(job, Event())
        observer = Observer(self._world.cluster)
        done = "SELECT count(*) FROM jobs_imageresult WHERE state = 'completed'"
        _wait(lambda: observer.query(done)[0][0] > 0)
        time.sleep(WARM_UP_SECONDS)
        found = _poll(server, job.job_id, processes, seconds)
        found.images = observer.query(done)[0][0]
        found.errors += observer.query("SELECT count(*) FROM jobs_failedattempt")[0][0]
        observer.close()
        self._world.start_over()
        return found


def _poll(server: Server, job: int, processes: Sequence[Process], seconds: float) -> Found:
    found = Found()
    until = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                server.status(session, job)
            except requests.RequestException:
                found.errors += 1
            found.statuses.append(time.monotonic() - begun)
            found.megabytes = max(found.megabytes, sum(map(_megabytes, processes)))
            time.sleep(POLL_SECONDS)
    return found


def _megabytes(process: Process) -> float:
    """The memory of its own that the process and its children hold; what they share is counted once for each."""
    return sum(_resident(pid) for pid in process.members())


def _resident(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has just ended
        return 0
    (kilobytes,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kilobytes / 1000


def _wait(fact: Any) -> None:
    until = time.monotonic() + START_SECONDS
    while not fact():
        assert time.monotonic() < until, f"not within {START_SECONDS:g} s"
        time.sleep(0.05)
