"""A private Redis or RabbitMQ server, on ports of 127.0.0.1 and in a folder of its own."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 60.0
STOP_SECONDS = 20.0
# Below those that the kernel gives to clients, so that a server that is started again finds its port free.
_PORTS = range(12_000, 32_000)
# Where Debian puts what no user is meant to call directly: its own commands change to another user.
_RABBITMQ_PROGRAMS = "lib/rabbitmq/lib/rabbitmq_server-*/sbin"


class BrokerMissing(Exception):
    """The server is not installed; the text says how to get it."""


class BrokerFailed(Exception):
    """The server did not start; the text holds the end of what it printed."""


class Broker:
    """One server, started by the `with` statement, and stopped in any case; the caller removes the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    url: str
    port: int

    @classmethod
    def find(cls) -> str:
        """The path of the server's program. Raises BrokerMissing."""
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def _answers(self) -> bool:
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            # `__exit__` is not called in this case, and not even Ctrl-C may leave a server behind.
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers. Raises BrokerMissing and BrokerFailed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self.folder / "out.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command(),
                env=dict(self._environment()),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise BrokerFailed(f"{type(self).__name__} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM, and wait until it is gone."""
        self._signal(signal.SIGTERM)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to all its processes; returns when it is gone."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


class Redis(Broker):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = _free_ports(1)[0]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    @classmethod
    def find(cls) -> str:
        return _find("redis-server", "redis-server")

    def _command(self) -> list[str]:
        return [
            *(self.find(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
        ]

    def _answers(self) -> bool:
        return self.ask(b"PING") == b"+PONG\r\n"

    def ask(self, command: bytes) -> bytes:
        """The beginning of its answer to an inline command; empty where there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(command + b"\r\n")
                return connection.recv(1000)
        except OSError:
            return b""


class RabbitMQ(Broker):
    """With an Erlang port mapper of its own, and one scheduler that does not spin while it waits.

    Besides `guest`, there is a user `reader` who may configure nothing.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self._distribution, self._mapper_port = _free_ports(3)
        self._mapper: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @classmethod
    def find(cls) -> str:
        _find("rabbitmq-server", "rabbitmq-server")
        return str(_rabbitmq_programs() / "rabbitmq-server")

    def start(self) -> None:
        if self._mapper is None:
            mapper = _find("epmd", "rabbitmq-server")
            self._mapper = subprocess.Popen([mapper, "-port", str(self._mapper_port), "-address", "127.0.0.1"])
            # Else the server starts one of its own, as a daemon that nobody would end.
            while not _listens(self._mapper_port) and self._mapper.poll() is None:
                time.sleep(0.01)
        super().start()

    def kill(self) -> None:
        super().kill()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None

    def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints. Raises CalledProcessError."""
        done = subprocess.run(
            [str(_rabbitmq_programs() / "rabbitmqctl"), *arguments],
            env=dict(self._environment()),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def _command(self) -> list[str]:
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\nlog.console = false\nload_definitions = definitions.json\n"
        )
        (self.folder / "definitions.json").write_text(_DEFINITIONS)
        (self.folder / "enabled_plugins").write_text("[].")
        return [self.find()]

    def _environment(self) -> Mapping[str, str]:
        return {
            **super()._environment(),
            "RABBITMQ_NODENAME": f"retail-pulse-{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False


@contextlib.contextmanager
def some_broker() -> Iterator[Broker]:
    """A Redis, or else a RabbitMQ, while the block runs. Raises BrokerMissing where neither is installed."""
    for kind in (Redis, RabbitMQ):
        with contextlib.suppress(BrokerMissing):
            kind.find()
            break
    else:
        raise BrokerMissing(
            "Neither redis-server nor rabbitmq-server is installed; on Debian: apt-get install redis-server"
        )
    with tempfile.TemporaryDirectory(prefix="retail-pulse-broker-") as folder, kind(Path(folder) / "broker") as broker:
        yield broker


_DEFINITIONS = """{
 "users": [{"name": "guest", "password": "guest", "tags": "administrator"},
           {"name": "reader", "password": "reader", "tags": ""}],
 "vhosts": [{"name": "/"}],
 "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
                 {"user": "reader", "vhost": "/", "configure": "^$", "write": ".*", "read": ".*"}]
}"""


def _find(program: str, package: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        raise BrokerMissing(f"{program} is not installed; on Debian: apt-get install {package}")
    return path


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _rabbitmq_programs() -> Path:
    return max(Path("/usr").glob(_RABBITMQ_PROGRAMS))


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = []
        for port in random.SystemRandom().sample(_PORTS, 1000):
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                probes.append(port)
            if len(probes) == number:
                return probes
    raise BrokerFailed("This machine has too few free ports on 127.0.0.1.")
