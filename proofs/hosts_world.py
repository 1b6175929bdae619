"""`python -m proofs.hosts_world`: the part of the hosts proof that runs inside a separate network.

It plays the given scenes (proofs/hosts_scenes.py) and prints one JSON object a line for each: its name, and its
measurements. Where the machine allows no such network, it plays all but the scenes with names.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import requests

from proofs.hosts_servers import Behaviour, Servers
from proofs.report import CannotProve
from proofs.world import namespace
from proofs.world.cluster import DATABASE, Cluster, Observer
from proofs.world.dns import Name, NameServer
from proofs.world.processes import STORES, CommandFailed, Server, environment, manage, prepare

SLOTS = 16
START_SECONDS = 30.0
POLL_SECONDS = 0.05
IMAGES_PER_VISIT = 5
# How many names of healthy hosts there are, used in turn, and how many names that hang.
HEALTHY_NAMES, HUNG_NAMES = 40, 400
_PROGRESS = """
    SELECT count(*), count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'failed'),
        extract(epoch FROM min(claimed_at))::float8, extract(epoch FROM max(finished_at))::float8
    FROM jobs_imageresult WHERE job_id = %s AND url LIKE %s
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """An accepted job; `at` is when it was sent, `accepted` when it was answered, in seconds since 1970."""

    job_id: int
    at: float
    accepted: float


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of some images of a job, and when the first of them was claimed and the last one ended."""

    images: int
    completed: int
    failed: int
    began: float | None
    ended: float | None

    @property
    def is_final(self) -> bool:
        return self.completed + self.failed == self.images

    def since(self, at: float) -> dict[str, Any]:
        """As the scenes report it: `seconds` from that moment to the last end, None where some have not ended."""
        return {
            "images": self.images,
            "completed": self.completed,
            "failed": self.failed,
            "begun": None if self.began is None else self.began - at,
            "seconds": self.ended - at if self.is_final and self.ended is not None else None,
        }


class World:
    """A database, photo hosts and one server of the service with SLOTS slots and otherwise default settings.

    With a name server where `has_names`; this process must then be in a separate network.
    """

    def __init__(self, folder: Path, *, has_names: bool) -> None:
        self._home = folder / "home"
        self._has_names = has_names
        self._server: Server | None = None
        self._healthy_names = 0
        self.cluster = Cluster(folder / "cluster")
        self.hosts = Servers()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._home.mkdir(mode=0o700)
            stack.enter_context(self.cluster)
            stack.enter_context(self.hosts)
            if self._has_names:
                names = {f"healthy-{number}.example": Name.at("127.0.0.1") for number in range(HEALTHY_NAMES)}
                hung = {f"hung-{number}.example": Name(silent=True) for number in range(HUNG_NAMES)}
                stack.enter_context(NameServer(names | hung))
            stack.callback(self.stop)
            prepare(self.cluster, self.variables())
            self._observer = Observer(self.cluster)
            stack.callback(self._observer.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def variables(self, database: str = DATABASE) -> dict[str, str]:
        """Of the service: its defaults, except for the slots and for what lets it fetch from loopback."""
        settings = {"WORKER_THREADS": str(SLOTS), "FETCH_ALLOW_PORTS": "1024-65535"}
        variables = environment(self.cluster.url(database), self._home, 0, **settings)
        del variables["BACKOFF_BASE_SECONDS"]
        return variables

    def start_over(self) -> None:
        """A new server that knows no host, and an empty queue; one job has run, so that nothing is loaded later."""
        self.stop()
        self.cluster.query("TRUNCATE jobs_job, jobs_worker CASCADE")
        if self.cluster.query("SELECT FROM pg_tables WHERE tablename = 'jobs_pausedhost'"):
            self.cluster.query("TRUNCATE jobs_pausedhost")
        self._server = Server("server", self.variables())
        self._server.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"The service did not start:\n{self._server.output()}")
            time.sleep(0.02)
        warm_up = self.submit(self.urls(self.open(Behaviour()), SLOTS))
        self.until_final(warm_up, START_SECONDS)

    def open(self, behaviour: Behaviour, port: int = 0) -> str:
        """A new photo host; returns the prefix of its URLs."""
        return f"http://127.0.0.1:{self.hosts.open(behaviour, port)}"

    def open_named(self) -> str:
        """A new good host with a name."""
        self._healthy_names += 1
        return f"http://healthy-{self._healthy_names % HEALTHY_NAMES}.example:{self.hosts.open(Behaviour())}"

    def change(self, host: str, behaviour: Behaviour) -> float:
        """Change a host's behaviour; returns when, in seconds since 1970."""
        self.hosts.change(_port(host), behaviour)
        return time.time()

    def seen_by(self, host: str) -> dict[str, Any]:
        return self.hosts.report(_port(host))

    @staticmethod
    def urls(host: str, number: int, folder: str = "ok") -> list[str]:
        return [f"{host}/{folder}/{index}.jpg" for index in range(number)]

    def submit(self, urls: list[str]) -> Sent:
        """Submit a job over the API. Raises requests.RequestException."""
        assert self._server is not None
        visits = [
            {
                "store_id": STORES[start // IMAGES_PER_VISIT % len(STORES)],
                "image_url": urls[start : start + IMAGES_PER_VISIT],
                "visit_time": "2026-11-22",
            }
            for start in range(0, len(urls), IMAGES_PER_VISIT)
        ]
        body = json.dumps({"count": len(visits), "visits": visits}).encode()
        at = time.time()
        with requests.Session() as session:
            session.trust_env = False
            answer = self._server.post(session, body, uuid4().hex)
        answer.raise_for_status()
        return Sent(answer.json()["job_id"], at, time.time())

    def progress(self, job: Sent, url_prefix: str = "") -> Progress:
        """The progress of the job's images, or of those whose URLs begin with `url_prefix`."""
        return Progress(*self._observer.query(_PROGRESS, [job.job_id, f"{url_prefix}%"])[0])

    def until_final(self, job: Sent, seconds: float, url_prefix: str = "") -> Progress:
        """Wait until all of these images have ended, `seconds` at most."""
        deadline = time.monotonic() + seconds
        while not (progress := self.progress(job, url_prefix)).is_final and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return progress

    def running(self, job: Sent) -> int:
        """How many of its images are in flight."""
        running = "SELECT count(*) FROM jobs_imageresult WHERE job_id = %s AND state = 'running'"
        number: int = self._observer.query(running, [job.job_id])[0][0]
        return number

    def audit(self) -> str:
        """What the service's own audit finds in the rows: empty where every promise is kept."""
        try:
            manage(self.variables(), "audit")
        except CommandFailed as broken:
            return str(broken)
        return ""

    def stop(self) -> None:
        """Kill the server, as a crash would."""
        if self._server is not None:
            self._server.kill()


def _port(host: str) -> int:
    return int(host.rpartition(":")[2])


def main(arguments: list[str]) -> None:
    from proofs.hosts_scenes import LARGE, NAMED, SCENES, SMALL

    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", nargs="+", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sizes = SMALL if options.quick else LARGE
    with tempfile.TemporaryDirectory(prefix="retail-pulse-hosts-") as name:
        folder = Path(name)
        cannot = ""
        try:
            namespace.enter()
            namespace.resolve_by(folder, "nameserver 127.0.0.1\n")
        except CannotProve as reason:
            cannot = str(reason)
        with World(folder, has_names=not cannot) as world:
            for scene in options.scenes:
                begun = time.monotonic()
                found = {"cannot": cannot} if cannot and scene in NAMED else SCENES[scene](world, sizes, options.seed)
                line = {"scene": scene, "seconds": time.monotonic() - begun, "found": found}
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
