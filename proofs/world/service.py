"""A database, an image server and the service's processes that use them, in one folder; all end with the block."""

import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from proofs.world.cluster import Cluster
from proofs.world.images import ImageServer
from proofs.world.processes import Process, Server, Worker, environment, manage, prepare


class World:
    """`settings` are environment variables for every process of the service."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.cluster = Cluster(folder / "cluster")
        self.images = ImageServer(folder)
        self.home = folder / "home"
        self.settings = settings
        self._processes: list[Process] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.home.mkdir(mode=0o700)
            stack.enter_context(self.cluster)
            stack.enter_context(self.images)
            stack.callback(self._kill_processes)
            prepare(self.cluster, self.variables())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def log_file(self) -> Path:
        """The JSON lines of all processes."""
        return self.home / "retail-pulse.log"

    def variables(self, **settings: str) -> dict[str, str]:
        url = self.cluster.url()
        return environment(url, self.home, self.images.port, **{**self.settings, **settings})

    def server(self, name: str, **settings: str) -> Server:
        """A server, not started, that is killed when the world ends."""
        return self._owned(Server(name, self.variables(**settings)))

    def worker(self, name: str, **settings: str) -> Worker:
        """A worker, not started, that is killed when the world ends."""
        return self._owned(Worker(name, self.variables(**settings)))

    def manage(self, *arguments: str, **settings: str) -> str:
        """Run one management command; returns what it printed. Raises CommandFailed."""
        return manage(self.variables(**settings), *arguments)

    def start_over(self) -> None:
        """Kill every process of the service, and delete every job, download, event and log line."""
        self._kill_processes()
        self.forget()

    def forget(self) -> None:
        """Delete every job, download and log line; no process may be at work."""
        tables = "jobs_job, jobs_worker, jobs_deletedjob, jobs_daytotal, webhooks_endpoint, webhooks_event"
        self.cluster.query(f"TRUNCATE {tables} CASCADE")
        for file in (self.images.ledger_file, self.log_file):
            if file.exists():
                os.truncate(file, 0)

    def _owned[P: Process](self, process: P) -> P:
        self._processes.append(process)
        return process

    def _kill_processes(self) -> None:
        for process in self._processes:
            process.kill()
        self._processes.clear()
