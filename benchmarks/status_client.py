"""A client that reads a job's status."""

import threading
import time

import requests

from benchmarks.contestants import Service

PAUSE_SECONDS = 0.01


def read_status(service: Service, job_id: int, pause: float = 0.0) -> float:
    """Seconds that one read of the status takes, after `pause` seconds."""
    time.sleep(pause)
    begun = time.monotonic()
    service.session.get(f"{service.server.url}/api/status", params={"jobid": job_id}, timeout=30).raise_for_status()
    return time.monotonic() - begun


class StatusClient(threading.Thread):
    """A client that polls one job's status while the block runs; `seconds` are those of each answer."""

    def __init__(self, service: Service, job_id: int) -> None:
        super().__init__(name="status-client", daemon=True)
        self._url = f"{service.server.url}/api/status?jobid={job_id}"
        self._ended = threading.Event()
        self.seconds: list[float] = []

    def __enter__(self) -> "StatusClient":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._ended.wait(PAUSE_SECONDS):
                begun = time.monotonic()
                session.get(self._url, timeout=30).raise_for_status()
                self.seconds.append(time.monotonic() - begun)
