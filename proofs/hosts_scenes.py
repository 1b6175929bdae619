"""The scenes of the hosts proof: each takes the world, sizes and a seed, and returns its measurements as JSON values.

Seconds are real: from the submission of a job to the last `finished_at` of the images in question.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any, Self

from jobs.imaging.sockets import READ_SECONDS
from proofs.hosts_claims import SIZE as CLAIM
from proofs.hosts_servers import Behaviour
from proofs.hosts_world import HUNG_NAMES, SLOTS, Sent, World
from proofs.world.backlog import fill
from proofs.world.cluster import CHECKOUT, DATABASE
from proofs.world.ports import free_port

# A scene is given up after this time, and what was done by then is reported.
SCENE_SECONDS = 60.0
# How long to wait for images that are always refused, from the submission of their job.
BROKEN_SECONDS = 240.0
DRIP_SECONDS = 1.0

# Hosts that get no requests: only claims are timed.
GOOD_HOST, PAUSED_HOST = "good.example:80", "paused.example:80"
# Claims before the first one that counts, and claims between two reads of the paused hosts.
WARM_UP, CLAIMS_A_ROUND = 3, 10
_PAUSE = """
    INSERT INTO jobs_pausedhost (name, code, message, since, until, number, changed_at)
    VALUES (%s, 'http_503', 'The server answered 503 instead of 200.', now(), now() + interval '55 s', 1, now())
"""

_AHEAD = "UPDATE jobs_imageresult SET rank = rank - %s WHERE job_id = %s AND state = 'pending'"

SILENT, REFUSING = Behaviour("silent"), Behaviour("refuse", status=503)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of each scene, in images, seconds, or repetitions."""

    healthy: int
    alone: int
    bad: tuple[int, ...]
    later: float | None
    bucket: int
    rate: float
    ailing: tuple[int, ...]
    ailing_seconds: float
    closed_seconds: float
    fallen: int
    each: int
    broken: tuple[tuple[int, int], ...]
    waiting: int
    claims: int


LARGE = Sizes(
    healthy=100,
    alone=3,
    bad=(400, 20_000),
    later=12.0,
    bucket=200,
    rate=20.0,
    ailing=(60, 200),
    ailing_seconds=30.0,
    closed_seconds=10.0,
    fallen=400,
    each=600,
    broken=((1, 50), (3, 200), (10, 200)),
    waiting=200_000,
    claims=40,
)
SMALL = Sizes(
    healthy=24,
    alone=1,
    bad=(60,),
    later=None,
    bucket=40,
    rate=10.0,
    ailing=(12,),
    ailing_seconds=2.0,
    closed_seconds=1.0,
    fallen=100,
    each=60,
    broken=((1, 20),),
    waiting=2_000,
    claims=5,
)

type Found = dict[str, Any]


def alone(world: World, sizes: Sizes, seed: int) -> Found:
    """Healthy images without any others."""
    world.start_over()
    seconds = []
    for _ in range(sizes.alone):
        found = _work(world, world.urls(world.open(Behaviour()), sizes.healthy))
        seconds.append(found["seconds"])
    return {"images": sizes.healthy, "runs": seconds, "seconds": median(seconds), "audit": world.audit()}


def _work(world: World, urls: list[str], seconds: float = SCENE_SECONDS) -> Found:
    """Submit a job and wait for its end."""
    job = world.submit(urls)
    return world.until_final(job, seconds).since(job.at)


def silent(world: World, sizes: Sizes, seed: int) -> Found:
    return _beside(world, sizes, lambda: [world.open(SILENT)])


def dripping(world: World, sizes: Sizes, seed: int) -> Found:
    return _beside(world, sizes, lambda: [world.open(Behaviour("drip", DRIP_SECONDS))])


def refusing(world: World, sizes: Sizes, seed: int) -> Found:
    return _beside(world, sizes, lambda: [world.open(REFUSING)])


def few_names(world: World, sizes: Sizes, seed: int) -> Found:
    return _beside(world, sizes, lambda: _hung(world, 4), is_named=True)


def many_names(world: World, sizes: Sizes, seed: int) -> Found:
    return _beside(world, sizes, lambda: _hung(world, HUNG_NAMES), is_named=True)


def ahead(world: World, sizes: Sizes, seed: int) -> Found:
    """As `silent`, but every bad image is ranked before the healthy ones, like those of an earlier job."""
    return _beside(world, sizes, lambda: [world.open(SILENT)], is_ahead=True)


def _hung(world: World, names: int) -> list[str]:
    port = world.open(Behaviour()).rpartition(":")[2]
    return [f"http://hung-{number}.example:{port}" for number in range(names)]


def _beside(
    world: World, sizes: Sizes, bad_hosts: Callable[[], list[str]], *, is_named: bool = False, is_ahead: bool = False
) -> Found:
    """Healthy jobs next to one of bad images: a second after it, and, for the largest, once timeouts have begun."""
    jobs = []
    for number in sizes.bad:
        world.start_over()
        hosts = bad_hosts()
        bad = world.submit([f"{hosts[index % len(hosts)]}/ok/{index}.jpg" for index in range(number)])
        if is_ahead:
            world.cluster.query(_AHEAD, [number, bad.job_id])
        healthy = []
        moments = [1.0] if sizes.later is None or number != sizes.bad[-1] else [1.0, sizes.later]
        for moment in moments:
            time.sleep(max(0.0, bad.accepted + moment - time.time()))
            host = world.open_named() if is_named else world.open(Behaviour())
            after = time.time() - bad.accepted
            healthy.append({"after": after} | _work(world, world.urls(host, sizes.healthy)))
        jobs.append(
            {
                "number": number,
                "healthy": healthy,
                "bad": world.progress(bad).since(bad.at),
                "seen": world.seen_by(hosts[0]),
                "audit": world.audit(),
            }
        )
    return {"jobs": jobs}


def bucket(world: World, sizes: Sizes, seed: int) -> Found:
    """A host that serves a limited number of requests a second and refuses the others."""
    world.start_over()
    tries = []
    for name, status, retry_after in (("429", 429, None), ("429, Retry-After: 1", 429, 1), ("503", 503, None)):
        behaviour = Behaviour("bucket", status=status, retry_after=retry_after, rate=sizes.rate, capacity=sizes.rate)
        host = world.open(behaviour)
        own = (sizes.bucket - behaviour.capacity) / behaviour.rate
        tries.append(
            {"name": name, "own": own}
            | _work(world, world.urls(host, sizes.bucket))
            | {"answers": world.seen_by(host)["answers"]}
        )
    return {"tries": tries, "audit": world.audit()}


def ailing(world: World, sizes: Sizes, seed: int) -> Found:
    """Hosts that answer 503 for a while and then recover; all at the same time."""
    world.start_over()
    hosts = [world.open(REFUSING) for _ in sizes.ailing]
    jobs = [world.submit(world.urls(host, number)) for host, number in zip(hosts, sizes.ailing, strict=True)]
    time.sleep(max(0.0, jobs[0].accepted + sizes.ailing_seconds - time.time()))
    healed = [world.change(host, Behaviour()) for host in hosts]
    return {"bad_for": sizes.ailing_seconds, "hosts": _after(world, jobs, healed), "audit": world.audit()}


def closed(world: World, sizes: Sizes, seed: int) -> Found:
    """A host that refuses connections for a while and then recovers."""
    world.start_over()
    port = free_port()
    job = world.submit(world.urls(f"http://127.0.0.1:{port}", sizes.ailing[0]))
    time.sleep(max(0.0, job.accepted + sizes.closed_seconds - time.time()))
    world.open(Behaviour(), port)
    return {"bad_for": sizes.closed_seconds, "hosts": _after(world, [job], [time.time()]), "audit": world.audit()}


def _after(world: World, jobs: Sequence[Sent], healed: Sequence[float]) -> list[Found]:
    """The end of the jobs of recovered hosts; their `seconds` count from the recovery."""
    deadline = time.monotonic() + SCENE_SECONDS
    return [world.until_final(job, deadline - time.monotonic()).since(at) for job, at in zip(jobs, healed, strict=True)]


def fallen(world: World, sizes: Sizes, seed: int) -> Found:
    """A good host that falls silent while its images hold every slot; healthy jobs after that."""
    world.start_over()
    host = world.open(Behaviour())
    bad = world.submit(world.urls(host, sizes.fallen))
    deadline = time.monotonic() + SCENE_SECONDS
    most = 0
    while (running := world.running(bad)) < SLOTS and time.monotonic() < deadline:
        most = max(most, running)
        time.sleep(0.01)
    silent_since = world.change(host, SILENT)
    healthy = []
    for moment in (0.0, READ_SECONDS + 1):
        time.sleep(max(0.0, silent_since + moment - time.time()))
        healthy.append(_work(world, world.urls(world.open(Behaviour()), sizes.healthy)))
    return {
        "slots": SLOTS,
        "held": max(most, running),
        "healthy": healthy,
        "bad": world.progress(bad).since(bad.at),
        "seen": world.seen_by(host),
        "audit": world.audit(),
    }


def three(world: World, sizes: Sizes, seed: int) -> Found:
    """Images a second of two good hosts, with and without a slow third host in the same job."""
    runs = []
    for slow in (None, 3.0, 0.75):
        world.start_over()
        hosts = [world.open(Behaviour()) for _ in range(2)]
        if slow is not None:
            hosts.insert(1, world.open(Behaviour("slow", slow)))
        job = world.submit([f"{host}/ok/{index}.jpg" for index in range(sizes.each) for host in hosts])
        good = [world.until_final(job, SCENE_SECONDS, host).since(job.at) for host in (hosts[0], hosts[-1])]
        seconds = [each["seconds"] for each in good]
        longest = None if None in seconds else max(seconds)
        runs.append(
            {
                "slow": slow,
                "images": 2 * sizes.each,
                "completed": sum(each["completed"] for each in good),
                "seconds": longest,
                "rate": sum(each["completed"] for each in good) / (longest or SCENE_SECONDS),
                "slow_done": 0 if slow is None else world.progress(job, hosts[1]).completed,
                "audit": world.audit(),
            }
        )
    return {"runs": runs}


def broken(world: World, sizes: Sizes, seed: int) -> Found:
    """A few URLs of an otherwise good host that are always refused."""
    world.start_over()
    rng = Random(seed)  # noqa: S311 - an order that can be repeated
    jobs: list[Found] = []
    pending: list[tuple[Sent, str]] = []
    for bad, good in sizes.broken:
        by_itself = _work(world, world.urls(world.open(Behaviour()), good))["seconds"]
        host = world.open(Behaviour())
        urls = world.urls(host, good) + world.urls(host, bad, "broken")
        rng.shuffle(urls)
        job = world.submit(urls)
        done = world.until_final(job, SCENE_SECONDS, f"{host}/ok/").since(job.at)
        jobs.append({"number": bad, "alone": by_itself, "good": done})
        pending.append((job, host))
    for (job, host), found in zip(pending, jobs, strict=True):
        left = job.at + BROKEN_SECONDS - time.time()
        found["bad"] = world.until_final(job, left, f"{host}/broken/").since(job.at)
        found["answers"] = world.seen_by(host)["answers"]
    return {"jobs": jobs, "audit": world.audit()}


class Claimer:
    """proofs/hosts_claims.py as a process on one database."""

    def __init__(self, world: World, database: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proofs.hosts_claims", GOOD_HOST],
            cwd=CHECKOUT,
            env=world.variables(database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def do(self, what: str) -> tuple[float, int]:
        """Send `claim` or `round`; its seconds, and how many images were claimed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        seconds, number = json.loads(self._process.stdout.readline())
        return seconds, number


def claims(world: World, sizes: Sizes, seed: int) -> Found:
    """What a claim costs where very many images wait for a paused host, compared with none."""
    world.stop()
    databases = ("without", "waiting", "in_front")
    for database in databases:
        world.cluster.query(f"CREATE DATABASE {database} TEMPLATE {DATABASE}")
    fill(world.cluster, "waiting", f"http://{PAUSED_HOST}/ok/", sizes.waiting, rank=0, waits_for=PAUSED_HOST)
    fill(world.cluster, "in_front", f"http://{PAUSED_HOST}/ok/", sizes.waiting, rank=0)
    for database in databases:
        fill(world.cluster, database, f"http://{GOOD_HOST}/ok/", (sizes.claims + WARM_UP) * CLAIM, rank=sizes.waiting)
        world.cluster.query("VACUUM ANALYZE jobs_imageresult", database=database)
    # As late as possible: no host is paused for longer than a minute at a time.
    world.cluster.query(_PAUSE, [PAUSED_HOST], "waiting")
    with Claimer(world, "without") as without, Claimer(world, "waiting") as waiting:
        seconds: dict[str, list[float]] = {"without": [], "waiting": []}
        rounds: list[float] = []
        for number in range(sizes.claims + WARM_UP):
            if number % CLAIMS_A_ROUND == 0:
                without.do("round")
                rounds.append(waiting.do("round")[0])
            for name, claimer in (("without", without), ("waiting", waiting)):
                took, claimed = claimer.do("claim")
                assert claimed == CLAIM, f"{claimed} claimed {name}"
                seconds[name].append(took)
    return {
        "waiting": sizes.waiting,
        "claims": {name: each[WARM_UP:] for name, each in seconds.items()},
        "rounds": rounds,
        "in_front": _defer(world, sizes),
    }


def _defer(world: World, sizes: Sizes) -> Found:
    """Claims until every image of a paused host is deferred, and the first ones after that."""
    world.cluster.query(_PAUSE, [PAUSED_HOST], "in_front")
    with Claimer(world, "in_front") as claimer:
        claimer.do("round")
        seconds: list[float] = []
        claimed = 0
        while not claimed:
            if len(seconds) % CLAIMS_A_ROUND == CLAIMS_A_ROUND - 1:
                claimer.do("round")
            took, claimed = claimer.do("claim")
            seconds.append(took)
        after = [claimer.do("claim")[0] for _ in range(sizes.claims)]
    return {
        "first": seconds[0],
        "number": len(seconds),
        "seconds": sum(seconds),
        "slowest": max(seconds),
        "after": after,
    }


SCENES: dict[str, Callable[[World, Sizes, int], Found]] = {
    "alone": alone,
    "silent": silent,
    "dripping": dripping,
    "refusing": refusing,
    "few-names": few_names,
    "many-names": many_names,
    "ahead": ahead,
    "bucket": bucket,
    "ailing": ailing,
    "closed": closed,
    "fallen": fallen,
    "three": three,
    "broken": broken,
    "claims": claims,
}
# These need a name server that does not answer.
NAMED = {"few-names", "many-names"}
