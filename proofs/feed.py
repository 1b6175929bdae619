"""Read the results feed while it is written: every reader gets each outcome exactly once.

Writers record images as engines do, readers append the feed to a file with the client, and each of them is killed with
SIGKILL again and again and started anew, the server in between as well; failed images are retried and a job is canceled
meanwhile. In the end the readers' files are compared with the database, line by line.
"""

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from proofs.kill_findings import show_audit
from proofs.report import Report
from proofs.world.backlog import fill
from proofs.world.cluster import CHECKOUT, DATABASE, Observer
from proofs.world.processes import Process, Server
from proofs.world.service import World

SETTINGS = {"ENGINE_AUTOSTART": "off", "API_RATE_PER_MINUTE": "1000000", "LEASE_SECONDS": "5", "WEB_THREADS": "8"}
IMAGES_PER_JOB = 1_000
# Between two kills.
PAUSE_SECONDS = 0.05, 0.4
# A limit on the whole time.
START_SECONDS, SECONDS_PER_IMAGE = 120.0, 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--writers", type=int, default=8, help="how many record images (default: 8)")
    parser.add_argument("--readers", type=int, default=3, help="how many read the feed (default: 3)")
    parser.add_argument("--images", type=int, default=100_000, help="how many images there are (default: 100000)")
    parser.add_argument("--kills", type=int, default=100, help="how many processes are killed (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="retail-pulse-feed-")))
        world = stack.enter_context(World(folder, **SETTINGS))
        storm = Storm(options.writers, options.readers, options.images, options.kills, options.seed)
        show_feed(report, world, world.server("server"), storm)
    return report


@dataclass(frozen=True, slots=True)
class Storm:
    writers: int
    readers: int
    images: int
    kills: int
    seed: int


class Reader:
    """The client's command, started again whenever it has come to the end of the feed."""

    def __init__(self, world: World, server: Server, number: int) -> None:
        self.file = world.home / f"reader-{number}.ndjson"
        self._cursor = world.home / f"reader-{number}.cursor"
        variables = {**world.variables(), "PYTHONPATH": str(CHECKOUT / "client"), "RETAIL_PULSE_URL": server.url}
        arguments = ["results", str(self.file), "--cursor-file", str(self._cursor)]
        self.process = Process(f"reader-{number}", arguments, variables, ["-m", "retail_pulse_client"])
        self.runs = 0
        self.wrong: list[str] = []

    def keep_on(self) -> None:
        """Start it where it has ended."""
        if self.process.has_ended():
            if self.process.exit_code not in (None, 0, -9):
                self.wrong.append(self.process.output())
            self.process.start()
            self.runs += 1

    def finish(self, deadline: float) -> None:
        """Read what is left, in a run that nobody kills."""
        self._wait(deadline)
        self.keep_on()
        self._wait(deadline)

    def _wait(self, deadline: float) -> None:
        while not self.process.has_ended() and time.monotonic() < deadline:
            time.sleep(0.05)

    def outcomes(self) -> list[tuple[int, int]]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        results = [json.loads(line) for line in lines]
        return [(result["image_id"], result["generation"]) for result in results]


def show_feed(report: Report, world: World, server: Server, storm: Storm) -> None:
    """Play the storm, and compare."""
    rng = Random(storm.seed)  # noqa: S311 - a storm that can be repeated
    for begin in range(0, storm.images, IMAGES_PER_JOB):
        number = min(IMAGES_PER_JOB, storm.images - begin)
        fill(world.cluster, DATABASE, f"http://photos.test/{begin}/", number)
    writing = {**world.variables(), "PYTHONPATH": str(CHECKOUT)}
    writers = [
        Process(f"writer-{number}", [str(storm.seed * 1000 + number)], writing, ["-m", "proofs.feed_writer"])
        for number in range(storm.writers)
    ]
    readers = [Reader(world, server, number) for number in range(storm.readers)]
    deadline = time.monotonic() + START_SECONDS + storm.images * SECONDS_PER_IMAGE
    kills: Counter[str] = Counter()
    observer = Observer(world.cluster)
    try:
        for process in (server, *writers):
            process.start()
        while not server.is_ready() and time.monotonic() < deadline:
            time.sleep(0.1)
        _play(world, storm, rng, server, writers, readers, kills, observer, deadline)
        for reader in readers:
            reader.finish(deadline)
    finally:
        observer.close()
        for process in (*writers, *(reader.process for reader in readers)):
            process.kill()
    _compare(report, world, storm, readers, kills)
    show_audit(report, world)


def _play(
    world: World,
    storm: Storm,
    rng: Random,
    server: Server,
    writers: Sequence[Process],
    readers: Sequence[Reader],
    kills: Counter[str],
    observer: Observer,
    deadline: float,
) -> None:
    """Until all images are final. The kills are spread over the images as they end."""
    acting: list[threading.Thread] = []
    while time.monotonic() < deadline:
        for reader in readers:
            reader.keep_on()
        for writer in writers:
            if writer.has_ended():
                writer.start()
        left = int(observer.query("SELECT coalesce(sum(total - completed - failed), 0) FROM jobs_job")[0][0])
        share = 1 - left / storm.images
        if share > 0.3 and not acting:
            acting.append(threading.Thread(target=_act, args=[world], daemon=True))
            acting[0].start()
        if not left and acting and not acting[0].is_alive() and kills.total() >= storm.kills:
            return
        # Spread over the images, and the rest once all have ended.
        if kills.total() < min(storm.kills, max(storm.kills * share, 1)):
            _kill(rng, server, writers, readers, kills)
        time.sleep(rng.uniform(*PAUSE_SECONDS))


def _kill(
    rng: Random, server: Server, writers: Sequence[Process], readers: Sequence[Reader], kills: Counter[str]
) -> None:
    kind = rng.choices(["writer", "reader", "server"], [6, 5, 1])[0]
    victim: Process = server
    if kind != "server":
        victim = rng.choice(writers) if kind == "writer" else rng.choice(readers).process
    if victim.has_ended():
        return
    victim.kill()
    kills[kind] += 1
    if victim is server:
        server.start()


def _act(world: World) -> None:
    """What people do meanwhile: cancel a job that is still pending, and retry the failed images of two others."""
    first, last = world.cluster.query("SELECT min(id), max(id) FROM jobs_job")[0]
    # Where the job has ended by then, there is nothing to cancel.
    cancel = f"with suppress(queue.NotPossible):\n    queue.cancel({last})"
    retry = f"queue.retry({first})\nqueue.retry({last})"
    world.manage(
        "shell", "-v", "0", "-c", f"from contextlib import suppress\nfrom jobs import queue\n{cancel}\n{retry}"
    )


def _compare(report: Report, world: World, storm: Storm, readers: Sequence[Reader], kills: Counter[str]) -> None:
    rows = world.cluster.query("SELECT id, generation FROM jobs_imageresult WHERE state IN ('completed', 'failed')")
    final = {(image, generation) for image, generation in rows}
    batches, given = world.cluster.query("SELECT count(*), count(position) FROM jobs_finishedbatch")[0]
    report.bar("images that are final", len(final), storm.images, ok=len(final) == storm.images)
    report.bar("processes killed", sum(kills.values()), f">= {storm.kills}", ok=sum(kills.values()) >= storm.kills)
    table = report.table("Kills and batches", "what", "number")
    for kind, number in sorted(kills.items()):
        table.add(f"kills of a {kind}", number, ok=True)
    table.add("batches written", batches, ok=True)
    table.add("batches with a position", given, ok=True)
    for number, reader in enumerate(readers):
        read = Counter(reader.outcomes())
        missed, doubled = len(final - read.keys()), sum(times > 1 for times in read.values())
        table.add(f"runs of reader {number}; outcomes that were retried since", f"{reader.runs}; "
                  f"{len(read.keys() - final)}", ok=True)  # fmt: skip
        report.bar(f"reader {number}: outcomes missed", missed, 0, ok=not missed)
        report.bar(f"reader {number}: outcomes read twice", doubled, 0, ok=not doubled)
        report.bar(f"reader {number}: failed runs", len(reader.wrong), 0, ok=not reader.wrong)
        for output in reader.wrong[:3]:
            table.add("a failed run", output[-500:], ok=False)
