"""How soon a healthy endpoint is told beside others that hang, refuse, never accept or are slow."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random

from proofs.kill_findings import SHOWN
from proofs.report import Report
from proofs.samples import percentile
from proofs.webhook_findings import compare, ended_at
from proofs.world.cluster import Observer
from proofs.world.endpoints import Endpoint, add_endpoint, add_reader, new_secret
from proofs.world.jobs import Client, Order, order
from proofs.world.ports import never_accepting_port, refusing_port
from proofs.world.processes import Server
from proofs.world.receivers import SILENT, Behaviour, Receivers
from proofs.world.service import World

# Of a healthy endpoint's deliveries, from the end of a job to the arrival of the message.
MOST_SECONDS = 2.0
# Longer than a receiver should take, and shorter than the service waits for it.
SLOW = Behaviour(seconds=10.0)
# How the dead ones are dead, in turn.
WAYS = ("silent", "silent", "silent", "refusing", "never accepting")
WAIT_SECONDS = 60.0
# Until each of the others was tried: a hundred that hang take a process half a minute.
TRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Beside:
    """A `number` of other endpoints: one is slow, more are dead.

    They were there before, and each has been tried once when the healthy one is added; unless they `are_new`: then none
    has been tried, and those of the same owner are all tried in turn before the healthy one.
    """

    what: str
    number: int
    are_new: bool = False
    are_anothers: bool = False


NOTHING, A_SLOW_ONE = Beside("nothing", 0), Beside("a slow endpoint", 1)


def dead_ones(number: int) -> Beside:
    return Beside(f"{number} dead endpoints", number)


def new_dead_ones_of_another(number: int) -> Beside:
    return Beside(f"{number} new dead endpoints of another owner", number, are_new=True, are_anothers=True)


def new_dead_ones(number: int) -> Beside:
    return Beside(f"{number} dead endpoints, all of them new", number, are_new=True)


def show_beside(report: Report, world: World, jobs: int, pause: float, scenes: Sequence[Beside], seed: int) -> None:
    """Report how soon a healthy endpoint is told of each of so many `jobs`, `pause` seconds apart, in each scene."""
    title = f"From a job's end to the healthy endpoint, s, of {jobs:,} jobs"
    table = report.table(title, "beside", "p50", "p99", "max", "of the others, still to be delivered")
    for scene in scenes:
        what, number = scene.what, scene.number
        world.start_over()
        owner = add_reader(world.cluster, "another") if scene.are_anothers else None
        with Receivers(seed) as receivers, ExitStack() as stack:
            urls = [_other(receivers, stack, WAYS[n % len(WAYS)] if number > 1 else "slow") for n in range(number)]
            others = [Endpoint(f"other {each}", url, owner, of_all=scene.are_anothers) for each, url in enumerate(urls)]
            seconds, problems = _work(world, receivers, others, jobs, pause, seed, are_new=scene.are_new)
        waiting = world.cluster.query("SELECT count(*) FROM webhooks_delivery WHERE state = 'pending'")[0][0]
        p50, p99, most = (percentile(seconds, share) for share in (0.5, 0.99, 1.0))
        table.add(what, f"{p50:.2f}", f"{p99:.2f}", f"{most:.2f}", f"{waiting:,}", ok=True)
        report.bar(
            f"healthy endpoint beside {what}: not told, or wrongly", len(problems), 0, ok=not problems and bool(seconds)
        )
        for sentence in problems[:SHOWN]:
            report.table(f"Beside {what}, not as promised", "details").add(sentence, ok=False)
        report.bar(f"told beside {what}, p99", f"{p99:.2f} s", f"< {MOST_SECONDS:g} s", ok=p99 < MOST_SECONDS)


def _other(receivers: Receivers, stack: ExitStack, way: str) -> str:
    match way:
        case "slow":
            return receivers.open(SLOW)
        case "silent":
            return receivers.open(SILENT)
        case "refusing":
            return f"http://127.0.0.1:{stack.enter_context(refusing_port())}/hook"
        case _:
            return f"http://127.0.0.1:{stack.enter_context(never_accepting_port())}/hook"


def _work(
    world: World, receivers: Receivers, others: list[Endpoint], jobs: int, pause: float, seed: int, *, are_new: bool
) -> tuple[list[float], list[str]]:
    """The seconds of each message to a healthy endpoint, and a sentence about everything that is not as promised."""
    secret = new_secret()
    healthy = Endpoint("healthy", receivers.open(Behaviour(), secret))
    for other in others:
        add_endpoint(world.cluster, other, new_secret())
    rng = Random(seed)  # noqa: S311 - a run that can be repeated
    first, *orders = [order(rng, world.images, f"job{number}", 1, {}) for number in range(1 + jobs)]
    with _served(world) as server:
        client = Client([server])
        if not are_new:
            client.submit(first, threading.Event())
            _until_tried(world)
        add_endpoint(world.cluster, healthy, secret)
        for each in orders:
            client.submit(each, threading.Event())
            time.sleep(pause)
        deadline = time.monotonic() + WAIT_SECONDS
        while receivers.number(healthy.url) < jobs and time.monotonic() < deadline:
            time.sleep(0.05)
        heard = receivers.heard(healthy.url)
        ends = _ends(world, orders)
    found = compare(healthy.name, ends, heard)
    problems = found.lost + found.two_ids + found.two_bodies + found.strange + found.unsigned
    return [at - ends[job_id] for job_id, at in ended_at(heard).items() if job_id in ends], problems


def _until_tried(world: World) -> None:
    """Until what there is of endpoints has had an attempt, and the first job has ended."""
    untried = "SELECT count(*) FROM webhooks_endpoint WHERE last_ms IS NULL"
    ongoing = "SELECT count(*) FROM jobs_job WHERE status = 'ongoing'"
    deadline = time.monotonic() + TRY_SECONDS
    while any(world.cluster.query(each)[0][0] for each in (ongoing, untried)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Endpoints were not tried within {TRY_SECONDS:g} s.")
        time.sleep(0.1)


@contextmanager
def _served(world: World) -> Iterator[Server]:
    server = world.server("server")
    server.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while not server.is_ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"The service did not start:\n{server.output()}")
        time.sleep(0.05)
    yield server
    server.kill()


def _ends(world: World, orders: list[Order]) -> dict[int, float]:
    """When each job ended, in seconds since 1970 by the database's clock, which is this machine's."""
    observer = Observer(world.cluster)
    rows = observer.query(
        "SELECT id, extract(epoch FROM finished_at)::float8 FROM jobs_job WHERE id = ANY (%s)",
        [[each.job_id for each in orders]],
    )
    observer.close()
    return dict(rows)
