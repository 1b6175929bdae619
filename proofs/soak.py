"""Serve and work under constant load: memory, threads, descriptors and connections do not grow.

One server works through a steady stream of jobs, so that its slots are always taken and the queue stays short, while a
client polls their status. Its resources are sampled from outside; the first third of the time counts as warm-up.

With `--workers N`, the server only serves, and so many worker processes of few slots each do the work; each is sampled,
and each bar is that of the process which comes closest to missing it. With `--engine celery`, a broker hands out the
work, and the messages that wait in it are counted as well.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from proofs.kill_findings import show_audit, show_ledger
from proofs.report import Report
from proofs.soak_load import IMAGES_PER_JOB, STATUS_P99, SUBMIT_P99, Load, show_answers
from proofs.soak_samples import Limits, Sampler, show_samples
from proofs.world.broker import KINDS, TriedBroker, tried_broker
from proofs.world.cluster import Observer
from proofs.world.ledger import compare
from proofs.world.logs import read_log
from proofs.world.processes import Process, Server
from proofs.world.service import World

WEB_THREADS = 4
# Of a server that works; and of each worker beside one that only serves.
SLOTS, WORKER_SLOTS = 32, 4
START_SECONDS, FINISH_SECONDS = 60.0, 60.0
# A server's web threads and its engine's two threads share a pool, the heartbeat has a dedicated connection.
SERVER_CONNECTIONS = WEB_THREADS + 3
# A worker's claimer, recorder and heartbeat, the deletion of old jobs for a moment; and with a broker its publisher.
WORKER_CONNECTIONS, PUBLISHER_CONNECTIONS = 4, 1
# However many images are ready, see jobs/engine/publisher.py.
MOST_MESSAGES = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=10, help="duration in minutes (default: 10)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument("--engine", choices=["threads", "celery"], default="threads", help="(default: threads)")
    parser.add_argument("--broker", choices=list(KINDS), default="redis", help="of the engine celery (default: redis)")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help=f"processes of {WORKER_SLOTS} slots that work beside the server (default: 0, the server works itself)",
    )
    parser.add_argument(
        "--samples", type=Path, metavar="FILE", help="write every sample to this CSV file while it runs"
    )


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="retail-pulse-soak-")))
        broker = None
        if options.engine == "celery":
            broker = stack.enter_context(tried_broker(options.broker, folder / "broker"))
        world = stack.enter_context(World(folder, **(broker.settings if broker else {})))
        show_soak(
            report, world, options.minutes * 60, options.seed, options.workers, broker=broker, file=options.samples
        )
    return report


def show_soak(
    report: Report,
    world: World,
    seconds: float,
    seed: int,
    workers: int = 0,
    *,
    broker: TriedBroker | None = None,
    file: Path | None = None,
) -> None:
    """Load one server for `seconds`, and report its resources, those of its `workers` and the results of the jobs.

    Where there is a `broker`, `world` has its settings. Every sample is written to `file`.
    """
    server, processes = _processes(world, workers)
    for process in processes:
        process.start()
    observer = Observer(world.cluster)
    _wait_until_ready(server, observer, max(1, workers))
    start = len(read_log(world.log_file))
    load = Load(world, server, seed)
    load.start()
    try:
        series = Sampler(processes, observer, broker, file).run(seconds)
    finally:
        load.stopping.set()
        load.join()
    deadline = time.monotonic() + FINISH_SECONDS
    while observer.query("SELECT FROM jobs_job WHERE status = 'ongoing'") and time.monotonic() < deadline:
        time.sleep(0.05)
    observer.close()
    show_samples(report, series, limits(workers, has_broker=broker is not None))
    ended = [process.name for process in processes if process.has_ended()]
    report.bar("processes that ended by themselves", ", ".join(ended) or "none", "none", ok=not ended)
    answers = len(load.submits) + len(load.statuses)
    report.bar("answers", f"{answers:,}, {load.errors} of them errors", "0 errors", ok=not load.errors)
    show_answers(report, f"N9 submit of {IMAGES_PER_JOB} images", load.submits, SUBMIT_P99)
    show_answers(report, "N9 status", load.statuses, STATUS_P99)
    report.bar("samples with every slot idle", load.idle, 0, ok=not load.idle)
    show_ledger(report, compare(world.cluster, load.orders, world.images.ledger()), allowed=0)
    loud = [line["event"] for line in read_log(world.log_file)[start:] if line["level"] not in ("debug", "info")]
    report.bar("warnings in the log", ", ".join(sorted(set(loud))) or "none", "none", ok=not loud)
    show_audit(report, world)


def limits(workers: int, *, has_broker: bool) -> Limits:
    """What a server that works, or one with so many `workers`, may vary by."""
    per_worker = WORKER_CONNECTIONS + PUBLISHER_CONNECTIONS * has_broker
    return Limits(
        threads=2,
        descriptors=max(WORKER_SLOTS, WEB_THREADS) * 2 if workers else SLOTS,
        connections=4 + workers,
        most_connections=SERVER_CONNECTIONS + workers * per_worker,
        most_waiting=MOST_MESSAGES if has_broker else None,
    )


def _processes(world: World, workers: int) -> tuple[Server, Sequence[Process]]:
    web = {"WEB_THREADS": str(WEB_THREADS)}
    if not workers:
        server = world.server("server", WORKER_THREADS=str(SLOTS), **web)
        return server, [server]
    slots = {"WORKER_THREADS": str(WORKER_SLOTS), **web}
    server = world.server("server", ENGINE_AUTOSTART="off", **slots)
    return server, [server, *(world.worker(f"worker-{number + 1}", **slots) for number in range(workers))]


def _wait_until_ready(server: Server, observer: Observer, workers: int) -> None:
    """Until the server answers and so many processes work, or START_SECONDS are over."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if len(observer.query("SELECT FROM jobs_worker")) >= workers and server.is_ready():
            return
        time.sleep(0.05)
