"""The service in its own processes and with its own state directory."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

START_SECONDS = 30.0
STOP_SECONDS = 40.0


class ServiceFailed(Exception):
    """A command of the service ended with an error; the text holds what it printed."""


class Service:
    """Runs `manage.py` commands and the server with their own environment, and speaks HTTP to the server.

    `settings` are environment variables; the server listens on `port`, or on a free one.
    """

    def __init__(self, checkout: Path, home: Path, settings: Mapping[str, str], port: int = 0) -> None:
        self._checkout = checkout
        self._home = home
        self._log = home / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        # A server that is to end waits for seconds for what a kept connection may still send.
        self._session.headers["Connection"] = "close"
        self.port = port or free_port()
        # Set but empty, so that not even the operator's .env can point this at a real database.
        self._environment = os.environ | {"RETAIL_PULSE_HOME": str(home), "DATABASE_URL": "", **settings}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run one management command to its end and return what it printed. Raises ServiceFailed."""
        done = subprocess.run(
            [sys.executable, str(self._checkout / "manage.py"), *arguments],
            env=self._environment | environment,
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServiceFailed(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def create_login(self) -> tuple[str, str]:
        """A new superuser for this run: name and password."""
        name, password = f"demo-{secrets.token_hex(3)}", secrets.token_urlsafe(9)
        self.manage(
            "createsuperuser", "--noinput", "--username", name, "--email", "", DJANGO_SUPERUSER_PASSWORD=password
        )
        return name, password

    def __enter__(self) -> Self:
        """Start the server and wait until it is ready. Raises ServiceFailed."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(self._checkout / "manage.py"), "serve", "--port", str(self.port)],
                env=self._environment,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C only reaches the demo, which then stops the server.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServiceFailed(f"The server did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """SIGTERM, and wait: images in flight are finished or handed back."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int:
        """The server's process, which leads its own process group."""
        assert self._process is not None
        return self._process.pid

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A worker process on the same database while the block runs."""
        with self._log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, str(self._checkout / "manage.py"), "work"],
                env=self._environment,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield
        finally:
            worker.terminate()
            try:
                worker.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def wait(self) -> int:
        """Until the server ends; returns its exit code."""
        assert self._process is not None
        return self._process.wait()

    def submit(self, payload: dict[str, Any]) -> int:
        answer = self._session.post(f"{self.url}/api/submit/", json=payload, timeout=30)
        if answer.status_code != requests.codes.created:
            raise ServiceFailed(f"The job was refused with {answer.status_code}: {answer.text}")
        return int(answer.json()["job_id"])

    def control(self, job_id: int, action: str) -> str:
        """`pause`, `resume` or `cancel` a job; returns its state after that."""
        answer = self._session.post(f"{self.url}/api/v1/jobs/{job_id}/{action}", json={}, timeout=30)
        if not answer.ok:
            raise ServiceFailed(f"To {action} job {job_id} was refused with {answer.status_code}: {answer.text}")
        return str(answer.json()["job"]["state"])

    def status(self, job_id: int, **parameters: str | int) -> dict[str, Any]:
        answer = self._session.get(f"{self.url}/api/status", params={"jobid": job_id, **parameters}, timeout=30)
        answer.raise_for_status()
        return dict(json.loads(answer.text))

    def images(self, job_id: int) -> list[dict[str, Any]]:
        """Every image result of the job, page by page."""
        images: list[dict[str, Any]] = []
        page = self.status(job_id, view="images", limit=1000)
        images += page["images"]
        while page["next_cursor"] is not None:
            page = self.status(job_id, view="images", limit=1000, cursor=page["next_cursor"])
            images += page["images"]
        return images

    def alerts(self, name: str, password: str) -> list[dict[str, Any]]:
        """The open alerts that this person may see, up to a hundred."""
        signed_in = self._session.post(
            f"{self.url}/api/token", json={"username": name, "password": password}, timeout=30
        )
        signed_in.raise_for_status()
        answer = self._session.get(
            f"{self.url}/api/v1/alerts",
            params={"state": "open", "limit": "100"},
            headers={"Authorization": f"Bearer {signed_in.json()['access']}"},
            timeout=30,
        )
        answer.raise_for_status()
        return list(answer.json()["results"])

    def _is_ready(self) -> bool:
        try:
            return self._session.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False


def free_port(near: int = 0) -> int:
    """The first free port from `near` on; any free one for 0, or where a hundred are taken."""
    for port in [*range(near, near + 100), 0] if near else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceFailed("This machine has no free port on 127.0.0.1.")
