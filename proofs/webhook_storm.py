"""Many small jobs end in a storm: whoever asked to be told of their ends is told of each, whatever dies meanwhile."""

from collections.abc import Mapping, Sequence
from random import Random

from proofs.kill_findings import SHOWN, show_audit, show_events, show_ledger
from proofs.kill_run import run
from proofs.kill_storm import Storm
from proofs.kill_watch import Watch
from proofs.report import Report
from proofs.webhook_findings import ENDED, Found, compare
from proofs.world import ledger
from proofs.world.cluster import Observer
from proofs.world.endpoints import Endpoint, add_endpoint, add_reader, new_secret
from proofs.world.jobs import Client, Order, order
from proofs.world.logs import read_log
from proofs.world.ports import free_port
from proofs.world.processes import Process, Server
from proofs.world.receivers import Behaviour, Receivers
from proofs.world.service import World

# How many jobs in a thousand consist of an image of these kinds.
KINDS = {"gone": 20, "broken": 2, "flaky": 10, "unknown": 10}
# Every so many jobs belong to the other user.
OF_THE_OTHER = 4
FLAKY = Behaviour(failing=0.3, silent=0.005)
# The endpoint that is down refuses connections until this share of the jobs was submitted.
DOWN_SHARE = 0.5
# A limit on the whole time.
SECONDS_PER_JOB, START_SECONDS = 0.25, 240.0
EVERYTHING = (ENDED, "job.started", "job.progress", "image.failed")
# How many images wait, at most: so many that no slot is idle, and few enough for the storm to last.
MOST_WAITING = 60
# After so many orders, what waits for its next attempt has waited long enough.
HURRY_EVERY = 50

# Retries wait for minutes and hours, and what a dead process was sending for its lease; here, all of it is due soon.
_HURRY = (
    "UPDATE webhooks_delivery SET due_at = now() WHERE state = 'pending' AND due_at > now()"
    " AND (sender_id IS NULL OR sender_id NOT IN (SELECT id FROM jobs_worker)) RETURNING id",
    "UPDATE webhooks_endpoint SET rests_until = NULL WHERE rests_until > now() RETURNING id",
)
_PENDING = "SELECT count(*) FROM webhooks_delivery WHERE state = 'pending'"
_WHAT = {
    "lost": "job.ended not delivered",
    "two_ids": "jobs whose end came under two webhook-ids",
    "two_bodies": "messages with two bodies under one webhook-id",
    "strange": "messages of another owner's jobs",
    "unsigned": "messages not signed by the endpoint's secret",
}


def show_storm(
    report: Report,
    world: World,
    servers: Sequence[Server],
    processes: Sequence[Process],
    planned: Mapping[str, int],
    jobs: int,
    seed: int,
    lease: float,
    in_flight: int,
) -> None:
    """End so many `jobs` of one image in a storm of the `planned` events, and report what the endpoints were told.

    `lease` is that of the processes in seconds, `in_flight` the most images that one of them holds.
    """
    rng = Random(seed)  # noqa: S311 - a storm that can be repeated
    client = Client(list(servers))
    storm = Storm(world.cluster, processes, client, Watch(world.cluster), rng, jobs, lease)
    with Receivers(seed) as receivers:
        key, endpoints = _endpoints(world, receivers)
        down = next(each for each in endpoints if each.name == "down at first")
        orders = [_order(rng, world, number, key if number % OF_THE_OTHER == 0 else "") for number in range(jobs)]

        def submit(observer: Observer) -> None:
            waiting = "SELECT count(*) FROM jobs_imageresult WHERE state = 'pending'"
            for number, each in enumerate(orders):
                if number == int(jobs * DOWN_SHARE):
                    receivers.reopen(down.url)
                if number % HURRY_EVERY == 0:
                    _hurry(observer)
                while observer.query(waiting)[0][0] > MOST_WAITING and not storm.stopping.wait(0.05):
                    pass
                client.submit(each, storm.stopping)

        seconds = run(storm, planned, submit, START_SECONDS + jobs * SECONDS_PER_JOB, settled=_is_settled)
        show_events(report, storm, planned, seconds)
        found = ledger.compare(world.cluster, orders, world.images.ledger())
        show_ledger(report, found, storm.hits * in_flight)
        _show(report, world, receivers, endpoints, orders)
        show_audit(report, world)


def _endpoints(world: World, receivers: Receivers) -> tuple[str, list[Endpoint]]:
    """The endpoints of nobody, of another user and of one who may read all jobs; and the other user's API key."""
    printed = world.manage("create_api_key", "other", "--scope", "submit,read").split()
    key = next(word for word in printed if word.startswith("rp_"))
    other = int(world.cluster.query("SELECT id FROM auth_user WHERE username = 'other'")[0][0])
    reader = add_reader(world.cluster, "reader")
    made = []

    def add(name: str, behaviour: Behaviour, owner: int | None = None, *, of_all: bool = False, port: int = 0) -> None:
        secret = new_secret()
        endpoint = Endpoint(name, receivers.open(behaviour, secret, port), owner, of_all)
        add_endpoint(world.cluster, endpoint, secret, EVERYTHING if name == "healthy" else [ENDED])
        made.append(endpoint)

    add("healthy", Behaviour())
    add("down at first", Behaviour(), port=free_port())
    add("another user's, flaky", FLAKY, other)
    add("of all jobs", Behaviour(), reader, of_all=True)
    receivers.close(made[1].url)
    return key, made


def _order(rng: Random, world: World, number: int, api_key: str) -> Order:
    kinds = [*KINDS, ""]
    kind = rng.choices(kinds, [*KINDS.values(), 1000 - sum(KINDS.values())])[0]
    made = order(rng, world.images, f"job{number}", 1, {kind: 1000} if kind else {})
    made.api_key = api_key
    return made


def _hurry(observer: Observer) -> None:
    for statement in _HURRY:
        observer.query(statement)


def _is_settled(observer: Observer) -> bool:
    _hurry(observer)
    return int(observer.query(_PENDING)[0][0]) == 0


def _show(
    report: Report, world: World, receivers: Receivers, endpoints: Sequence[Endpoint], orders: Sequence[Order]
) -> None:
    table = report.table("Endpoints", "endpoint", "jobs to be told of", "messages", "requests", "taken twice or more")
    founds: list[Found] = []
    for endpoint in endpoints:
        jobs = {each.job_id for each in orders if _is_told(endpoint, each)}
        found = compare(endpoint.name, jobs, receivers.heard(endpoint.url))
        figures = (len(jobs), found.messages, found.requests, found.doubled)
        table.add(endpoint.name, *(f"{figure:,}" for figure in figures), ok=not found.lost)
        founds.append(found)
    sentences = {what: [each for found in founds for each in getattr(found, what)] for what in _WHAT}
    if any(sentences.values()):
        details = report.table("Not as promised to endpoints", "what", "details")
        for what, each in sentences.items():
            for sentence in each[:SHOWN]:
                details.add(_WHAT[what], sentence, ok=False)
    for what, each in sentences.items():
        report.bar(f"{_WHAT[what]}, of {len(orders):,} jobs", len(each), 0, ok=not each)
    states = dict(world.cluster.query("SELECT state, count(*) FROM webhooks_delivery GROUP BY state"))
    shown = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
    report.bar("deliveries as the service records them", shown, "all delivered", ok=states.keys() == {"delivered"})
    failed = sum(line["event"] == "webhook failed" for line in read_log(world.log_file))
    report.bar("errors while sending that the service has no word for", failed, 0, ok=not failed)


def _is_told(endpoint: Endpoint, order: Order) -> bool:
    return endpoint.of_all or (endpoint.owner is not None) == bool(order.api_key)
