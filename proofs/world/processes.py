"""The service's own processes, to be killed, frozen and started again; each leads its own process group."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from proofs.world.cluster import CHECKOUT, Cluster
from proofs.world.ports import free_port

EXIT_SECONDS = 40.0
STORES = [f"KS{number:04}" for number in range(50)]


class CommandFailed(Exception):
    """A management command ended with an error; the text holds what it printed."""


def environment(database_url: str, home: Path, image_port: int, **settings: str) -> dict[str, str]:
    """The variables of a service that may fetch from `image_port` of 127.0.0.1; the caller's are not inherited."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "retail_pulse.settings",
        "RETAIL_PULSE_HOME": str(home),
        "LOG_FILE": "retail-pulse.log",
        "DATABASE_URL": database_url,
        "API_OPEN": "true",
        "ENGINE_AUTOSTART": "auto",
        "FETCH_ALLOW_CIDRS": "127.0.0.1/32",
        "FETCH_ALLOW_PORTS": str(image_port),
        "BACKOFF_BASE_SECONDS": "0.2",
        **settings,
    }


def manage(variables: Mapping[str, str], *arguments: str) -> str:
    """Run one management command to its end; returns what it printed. Raises CommandFailed."""
    done = subprocess.run(
        [sys.executable, CHECKOUT / "manage.py", *arguments],
        env=variables,
        cwd=variables["RETAIL_PULSE_HOME"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def prepare(cluster: Cluster, variables: Mapping[str, str]) -> None:
    """Create the tables and the stores of `STORES`."""
    manage(variables, "migrate", "--verbosity", "0")
    add_stores(cluster)


def add_stores(cluster: Cluster) -> None:
    cluster.query(
        "INSERT INTO stores_store (store_id, name, area_code)"
        " SELECT id, 'Store ' || id, 'K1' FROM unnest(%s::text[]) id",
        [STORES],
    )


class Process:
    """`manage.py`, or another `program` of Python, with `arguments`, started as often as needed."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        variables: Mapping[str, str],
        program: Sequence[str] = (str(CHECKOUT / "manage.py"),),
    ) -> None:
        self.name = name
        self._arguments = [*program, *arguments]
        self._variables = variables
        self._output = Path(variables["RETAIL_PULSE_HOME"]) / f"{name}.out"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting until it is ready."""
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._arguments],
                env=dict(self._variables),
                cwd=self._variables["RETAIL_PULSE_HOME"],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def group(self) -> int:
        """The process group: of the server, the web server's master and its worker."""
        assert self._process is not None
        return self._process.pid

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        """Of the process that has ended."""
        return None if self._process is None else self._process.returncode

    def output(self) -> str:
        """The end of what it printed."""
        return self._output.read_text(errors="replace")[-2000:] if self._output.exists() else ""

    def owns(self, pid: int) -> bool:
        """Whether the living process `pid` belongs to it."""
        try:
            return self._process is not None and os.getpgid(pid) == self.group
        except ProcessLookupError:
            return False

    def members(self) -> list[int]:
        """The PIDs of its living processes, the oldest first."""
        return sorted(pid for pid, group in _living() if group == self.group)

    def freeze(self) -> None:
        os.killpg(self.group, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.group, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to every process of the group; returns when none is left, so that its port is free."""
        if self._process is None:
            return
        try:
            os.killpg(self.group, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait()
        while self.members():
            time.sleep(0.002)

    def terminate(self) -> tuple[int, float]:
        """Send SIGTERM; the exit code, and the seconds it took. Killed if it does not end within EXIT_SECONDS."""
        assert self._process is not None
        begun = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        return self._process.returncode, time.monotonic() - begun


class Server(Process):
    """`manage.py serve`, with a client's HTTP requests to it."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        self.port = free_port()
        super().__init__(name, ["serve", "--port", str(self.port)], variables)
        self.url = f"http://127.0.0.1:{self.port}"

    def post(self, session: requests.Session, body: bytes, key: str) -> requests.Response:
        """Submit `body` under the Idempotency-Key `key`. Raises requests.RequestException."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return session.post(f"{self.url}/api/submit/", data=body, headers=headers, timeout=20)

    def status(self, session: requests.Session, job_id: int) -> dict[str, Any]:
        """The job's summary. Raises requests.RequestException."""
        answer = session.get(f"{self.url}/api/status?jobid={job_id}&view=summary", timeout=20)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def is_ready(self) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False


class Worker(Process):
    """`manage.py work`."""

    def __init__(self, name: str, variables: Mapping[str, str]) -> None:
        super().__init__(name, ["work"], variables)


def _living() -> Iterator[tuple[int, int]]:
    """(PID, process group) of every process that has not ended yet; zombies have."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            yield int(entry.name), int(group)
