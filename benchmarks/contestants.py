"""What is measured: the service, end to end through its API, and the bare loops."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import requests

from benchmarks.accounting import PeakMemory, cpu_seconds
from benchmarks.nginx import Nginx
from proofs.world.cluster import CHECKOUT, Cluster
from proofs.world.history import fill as fill_history
from proofs.world.processes import STORES, Process, Server, Worker, environment, prepare

START_SECONDS = 60.0
POLL_SECONDS = 0.25
# Far more than any job takes.
MOST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contestant: wall-clock seconds, processor time of its processes and of PostgreSQL, memory."""

    images: int
    seconds: float
    cpu: float
    peak_mb: float
    postgres_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time an image."""
        return 1000 * self.cpu / self.images

    @property
    def postgres_ms(self) -> float:
        return 1000 * self.postgres_cpu / self.images


class Bench:
    """A database server and an image server, in a temporary folder."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="retail-pulse-bench-")
        self.folder = Path(self._folder.name)
        self.nginx = Nginx(self.folder / "pictures")
        self.cluster = Cluster(self.folder / "cluster")
        self._databases = 0

    def __enter__(self) -> Self:
        self.cluster.__enter__()
        try:
            self.nginx.__enter__()
            prepare(self.cluster, self.variables(self.cluster.url(), "prepare"))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.nginx.__exit__(kind, error, trace)
        self.cluster.__exit__(kind, error, trace)
        self._folder.cleanup()

    def variables(self, database_url: str, name: str, **settings: str) -> dict[str, str]:
        home = self.folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        return environment(database_url, home, self.nginx.port, **settings)

    def new_database(self) -> str:
        """A new database with tables and stores and nothing else, so that no run depends on an earlier one."""
        self._databases += 1
        name = f"bench{self._databases}"
        self.cluster.query(f"CREATE DATABASE {name} TEMPLATE retail_pulse", database="postgres")
        return name

    def service(self, *, slots: int, gpu: bool, engines: int = 1, **settings: str) -> "Service":
        """The service on a new database; not started."""
        return Service(self, slots, gpu, engines, settings)

    def loop(self, kind: str, picture: str, images: int, threads: int, *, gpu: bool) -> Run:
        """Run one of the bare loops to its end."""
        command = [sys.executable, "-m", "benchmarks.loops", kind, "--url", self.nginx.url(picture, 0)[: -len("0.jpg")]]
        command += ["--images", str(images), "--threads", str(threads), *(["--gpu"] if gpu else [])]
        done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True)
        return Run(images=images, **json.loads(done.stdout))


class Service:
    """A server with an engine, and more engines where `engines` says so; ends with the block.

    With `engines=0` it is a server without an engine.
    """

    def __init__(self, bench: Bench, slots: int, gpu: bool, engines: int, settings: dict[str, str]) -> None:
        self._bench = bench
        self.database = bench.new_database()
        self.variables = bench.variables(
            bench.cluster.url(self.database),
            self.database,
            WORKER_THREADS=str(slots),
            GPU_MIN_SECONDS="0.1" if gpu else "0",
            GPU_MAX_SECONDS="0.4" if gpu else "0",
            MAX_IMAGES_PER_JOB="1000000",
            MAX_PENDING_IMAGES="2000000",
            API_RATE_PER_MINUTE="0",
            LOG_LEVEL="WARNING",
            ENGINE_AUTOSTART="auto" if engines else "off",
            **settings,
        )
        self.server = Server("server", self.variables)
        self._others: list[Process] = [Worker(f"engine-{n}", self.variables) for n in range(1, engines)]
        self._engines = engines
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        for process in (self.server, *self._others):
            process.start()
        deadline = time.monotonic() + START_SECONDS
        while not (self.server.is_ready() and len(self.query("SELECT id FROM jobs_worker")) == self._engines):
            if self.server.has_ended() or time.monotonic() > deadline:
                raise RuntimeError(f"The server did not start:\n{self.server.output()}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        for process in (self.server, *self._others):
            process.kill()
        self._bench.cluster.query(f"DROP DATABASE {self.database} WITH (FORCE)", database="postgres")

    @contextmanager
    def engine(self) -> Iterator[None]:
        """An additional engine while the block runs."""
        worker = Worker("engine", self.variables)
        self._others.append(worker)
        worker.start()
        try:
            while not self.query("SELECT id FROM jobs_worker"):
                time.sleep(0.05)
            yield
        finally:
            self._others.remove(worker)
            worker.kill()

    def query(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        return self._bench.cluster.query(sql, parameters, database=self.database)

    def fill_history(self, images: int, of_job: int = 1_000) -> None:
        """Add so many images of jobs that ended long ago."""
        with self._bench.cluster.connect(self.database) as connection:
            fill_history(connection, images, of_job=of_job)

    def submit(self, picture: str, images: int) -> int:
        """Submit one job of `images` images; its id."""
        return self.send(body(self._bench.nginx, picture, images))

    def send(self, body: bytes) -> int:
        headers = {"Content-Type": "application/json"}
        answer = self.session.post(f"{self.server.url}/api/submit/", data=body, headers=headers, timeout=120)
        assert answer.status_code == 201, answer.text[:300]
        job_id: int = answer.json()["job_id"]
        return job_id

    def is_ongoing(self, job_id: int) -> bool:
        answer = self.session.get(f"{self.server.url}/api/status", params={"jobid": job_id}, timeout=30)
        return bool(answer.json()["status"] == "ongoing")

    def summary(self, job_id: int) -> dict[str, Any]:
        return self.server.status(self.session, job_id)

    def finish(self, job_id: int) -> datetime:
        """Wait for the job's end; when it ended, by the database's clock. AssertionError if an image failed."""
        deadline = time.monotonic() + MOST_SECONDS
        while self.is_ongoing(job_id):
            assert time.monotonic() < deadline, f"The job did not end: {self.summary(job_id)}"
            time.sleep(POLL_SECONDS)
        found = self.summary(job_id)
        assert found["status"] == "completed", str(found)[:500]
        return datetime.fromisoformat(found["finished_at"])

    def work(self, picture: str, images: int) -> Run:
        """Run one job, from the first byte of its submission to its end."""
        data = body(self._bench.nginx, picture, images)
        cpu, postgres_cpu = self.cpu(), cpu_seconds(self._bench.cluster.pid)
        with PeakMemory(self.pids) as peak:
            begun = time.time()
            finished = self.finish(self.send(data))
        return Run(
            images=images,
            seconds=finished.timestamp() - begun,
            cpu=self.cpu() - cpu,
            peak_mb=peak.mb,
            postgres_cpu=cpu_seconds(self._bench.cluster.pid) - postgres_cpu,
        )

    @property
    def pids(self) -> list[int]:
        return [process.group for process in (self.server, *self._others)]

    def cpu(self) -> float:
        """Processor time of the service's processes so far, in seconds."""
        return sum(cpu_seconds(pid) for pid in self.pids)


def body(nginx: Nginx, picture: str, images: int, per_visit: int = 5) -> bytes:
    """A submission of distinct URLs, for known stores."""
    urls: Sequence[str] = [nginx.url(picture, number) for number in range(images)]
    visits = [
        {
            "store_id": STORES[start // per_visit % len(STORES)],
            "image_url": urls[start : start + per_visit],
            "visit_time": "2026-11-22",
        }
        for start in range(0, images, per_visit)
    ]
    return json.dumps({"count": len(visits), "visits": visits}).encode()
