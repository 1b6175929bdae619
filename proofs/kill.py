"""Kill, freeze and cut off the service a hundred times: nothing is lost, nothing is written twice.

Two servers and a worker share a database and work through jobs that a client submits over HTTP. At random moments one
of them is killed with SIGKILL and started again; PostgreSQL is restarted as after a crash, every connection is cut, one
process is frozen for longer than its lease. Meanwhile old jobs are pruned by processes that are killed, too. Then the
image server's ledger, the client's orders and the totals of what was pruned are compared with the database, row by row;
and what receivers of webhooks have got, with the jobs that have ended.

With `--engine celery`, a broker hands out the work, and is itself killed, frozen, cut off, emptied and filled.
"""

import argparse
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from proofs.kill_broker import BROKER_EVENTS, events
from proofs.kill_broker_scenes import BrokerScenes
from proofs.kill_findings import show_audit, show_events, show_ledger, show_log, show_rescues
from proofs.kill_prunes import Prunes, show_prunes
from proofs.kill_scenes import Scenes
from proofs.kill_storm import Storm
from proofs.kill_watch import Watch
from proofs.kill_webhooks import SETTINGS as WEBHOOKS
from proofs.kill_webhooks import Told
from proofs.report import Report
from proofs.world.broker import KINDS, TriedBroker, tried_broker
from proofs.world.cluster import Observer
from proofs.world.jobs import Client, Order, order
from proofs.world.ledger import compare
from proofs.world.logs import read_log
from proofs.world.processes import Process, Server
from proofs.world.service import World

LEASE_SECONDS = 5
# Few, so that the images last while a killed process starts again.
SLOTS = 8
# The most images that a process holds: its slots and what waits for them, see jobs/engine/slots.py.
IN_FLIGHT = SLOTS + SLOTS // 2
SETTINGS = {"WORKER_THREADS": str(SLOTS), "LEASE_SECONDS": str(LEASE_SECONDS), "WEB_THREADS": "4", **WEBHOOKS}
# Images of the jobs that are pruned meanwhile.
OLD_IMAGES = 200_000
# How often each takes place, besides the kills.
EVENTS = {"restart": 2, "cut": 2, "freeze": 1}
# A limit on the whole time; an idle machine does fifty images a second.
SECONDS_PER_IMAGE = 0.1
START_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=100, help="how many processes are killed (default: 100)")
    parser.add_argument("--images", type=int, default=10_000, help="how many images are ordered (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument("--engine", choices=["threads", "celery"], default="threads", help="(default: threads)")
    parser.add_argument("--broker", choices=list(KINDS), default="redis", help="of the engine celery (default: redis)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="retail-pulse-kill-")))
        broker = None
        if options.engine == "celery":
            broker = stack.enter_context(tried_broker(options.broker, folder / "broker"))
        world = stack.enter_context(World(folder, **SETTINGS, **(broker.settings if broker else {})))
        servers = [world.server("server-1"), world.server("server-2")]
        processes = [*servers, world.worker("worker")]
        # Before anything connects to the database that is copied.
        world.cluster.query("CREATE DATABASE scenes TEMPLATE retail_pulse")
        planned = {"kill": options.kills, **EVENTS, **(BROKER_EVENTS if broker else {})}
        show_storm(report, world, servers, processes, planned, options.images, options.seed, broker=broker)
        for process in processes:
            process.kill()
        Scenes(report, world, options.seed, LEASE_SECONDS).play()
        if broker:
            BrokerScenes(report, world, broker, options.seed).play()
    return report


def show_storm(
    report: Report,
    world: World,
    servers: Sequence[Server],
    processes: Sequence[Process],
    planned: Mapping[str, int],
    images: int,
    seed: int,
    old_images: int = OLD_IMAGES,
    broker: TriedBroker | None = None,
) -> None:
    """Work through `images` images in a storm of the `planned` events, and report the results."""
    rng = Random(seed)  # noqa: S311 - a storm that can be repeated
    size = min(1000, max(25, images // 10))
    sizes = [size] * (images // size) + ([images % size] if images % size else [])
    orders = [order(rng, world.images, f"job{number}", size) for number, size in enumerate(sizes)]
    client = Client(list(servers))
    watch = Watch(world.cluster)
    happens = events(broker) if broker else {}
    storm = Storm(world.cluster, processes, client, watch, rng, images, LEASE_SECONDS, happens)
    observer = Observer(world.cluster)
    prunes = Prunes(world, Random(seed), old_images)  # noqa: S311 - as above
    prunes.fill()
    stack = ExitStack()
    told = stack.enter_context(Told(world))
    submitting = threading.Thread(
        target=_submit, args=[client, orders, Observer(world.cluster), storm.stopping], daemon=True
    )
    bound = threading.Timer(START_SECONDS + images * SECONDS_PER_IMAGE, storm.stopping.set)
    begun = time.monotonic()
    try:
        bound.start()
        for process in processes:
            process.start()
        _wait(storm.stopping, lambda: len(observer.query("SELECT FROM jobs_worker")) == len(processes))
        watch.start()
        submitting.start()
        prunes.start()
        storm.run(planned)
        _wait(storm.stopping, lambda: not submitting.is_alive() and _ongoing(observer) == 0)
        _wait(storm.stopping, lambda: all(rescue.seconds is not None for rescue in watch.rescues))
        told.wait()
    finally:
        stack.close()
        bound.cancel()
        storm.stopping.set()
        watch.stop()
        observer.close()
        prunes.finish()
    seconds = time.monotonic() - begun
    show_events(report, storm, planned, seconds)
    show_ledger(report, compare(world.cluster, orders, world.images.ledger()), storm.hits * IN_FLIGHT)
    told.show(report)
    show_prunes(report, world, prunes, old_images)
    show_rescues(report, watch.rescues, storm.first_claims, LEASE_SECONDS)
    show_log(report, read_log(world.log_file), storm.frozen_workers)
    show_audit(report, world)


def _submit(client: Client, orders: Sequence[Order], observer: Observer, stopping: threading.Event) -> None:
    """One order after the other, so that the queue holds about two of them."""
    waiting = "SELECT coalesce(sum(total - completed - failed), 0) FROM jobs_job"
    for each in orders:
        while observer.query(waiting)[0][0] > 1.5 * len(each.paths) and not stopping.wait(0.1):
            pass
        client.submit(each, stopping)
    observer.close()


def _ongoing(observer: Observer) -> int:
    return int(observer.query("SELECT count(*) FROM jobs_job WHERE status = 'ongoing'")[0][0])


def _wait(stopping: threading.Event, fact: Callable[[], bool]) -> None:
    while not fact() and not stopping.wait(0.05):
        pass
