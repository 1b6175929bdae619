"""One profile of docker-compose.yml, brought up in the order that its conditions say, on images that are here."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import yaml

from proofs.containers_podman import Failed, Podman
from proofs.containers_stand_ins import stand_in
from proofs.report import CannotProve
from proofs.world.cluster import CHECKOUT
from proofs.world.ports import free_port

OWN_IMAGE = "retail-pulse"
WORKERS = 2
UP_SECONDS = 120.0
# Where the image server answers: the compose network's own gateway, which is this machine.
SUBNET, GATEWAY = "10.213.77.0/24", "10.213.77.1"


class Profile:
    """The services of one profile ("" is none), as docker-compose.yml has them but for what is in `changed`."""

    def __init__(self, podman: Podman, name: str, **settings: str) -> None:
        self.podman = podman
        self.name = name
        self.project = f"p{name}"
        document = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
        self.services, self.left_out = _services(document["services"], name)
        for service in self.services.values():
            service.pop("profiles", None)
            service.pop("build", None)
            if service["image"] == OWN_IMAGE:
                service["environment"] = {**service["environment"], **settings}
            service["volumes"] = [_absolute(volume) for volume in service.get("volumes", [])]
        if "worker" in self.services:
            self.services["worker"]["scale"] = WORKERS
        # Other ports, since these may be taken; and a network whose gateway is known.
        self._ports = {name: free_port() for name, service in self.services.items() if "ports" in service}
        for name, port in self._ports.items():
            (published,) = self.services[name]["ports"]
            self.services[name]["ports"] = [f"127.0.0.1:{port}:{published.rpartition(':')[2]}"]
        document["networks"] = {"default": {"ipam": {"config": [{"subnet": SUBNET, "gateway": GATEWAY}]}}}
        document["services"] = self.services
        document["volumes"] = {name: document["volumes"][name] for name in self._named_volumes()}
        self.file = podman.folder / f"{self.project}.yml"
        self.file.write_text(yaml.safe_dump(document))

    def url(self, name: str) -> str:
        """Where a service is published."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def up(self, *names: str) -> None:
        """Start the services, each once what it depends on is as its condition says. Raises Failed."""
        for name in _in_order(self.services):
            if names and name not in names:
                continue
            for other, condition in _conditions(self.services[name]):
                self.wait_for(other, condition["condition"])
            self.compose("up", "-d", "--no-build", "--no-recreate", "--no-deps", name)

    def compose(self, *arguments: str) -> str:
        return self.podman.compose(self.file, "-p", self.project, *arguments)

    def containers(self, name: str) -> list[str]:
        """The names of a service's containers, in order."""
        labels = [f"label=com.docker.compose.{key}" for key in (f"project={self.project}", f"service={name}")]
        filters = [word for label in labels for word in ("--filter", label)]
        return sorted(self.podman("ps", "--all", *filters, "--format", "{{.Names}}").split())

    def container(self, name: str) -> str:
        """A service's only, or first, container."""
        return self.containers(name)[0]

    def execute(self, name: str, *command: str) -> str:
        """What a command prints in a service's first container. Raises Failed."""
        return self.podman("exec", self.container(name), *command)

    def wait_for(self, name: str, condition: str) -> None:
        """Wait until a service is as a compose condition says. Raises Failed."""
        deadline = time.monotonic() + UP_SECONDS
        while not self._is(name, condition):
            if time.monotonic() > deadline:
                log = self.podman("logs", "--tail", "20", self.container(name), check=False)
                raise Failed(f"{name} is not {condition} after {UP_SECONDS:g} s; the end of its log:\n{log}")
            time.sleep(0.2)

    def _is(self, name: str, condition: str) -> bool:
        containers = self.containers(name)
        if condition == "service_healthy":
            # Asked here, because podman leaves that to systemd's timers, which may not run.
            return all(self.is_healthy(container) for container in containers)
        states = [self.podman.inspect(each, "{{.State.Status}} {{.State.ExitCode}}").split() for each in containers]
        if condition == "service_completed_successfully":
            if failed := [code for state, code in states if state == "exited" and code != "0"]:
                raise Failed(f"{name} ended with {failed[0]}: {self.podman('logs', containers[0], check=False)}")
            return all(state == "exited" for state, _ in states)
        return all(state == "running" for state, _ in states)

    def is_healthy(self, container: str) -> bool:
        """Whether the container's own health check passes now."""
        return self.podman.succeeds("healthcheck", "run", container)

    def stop(self, name: str) -> tuple[list[int], float]:
        """Stop a service; the exit codes of its containers, and the seconds it took."""
        begun = time.monotonic()
        self.compose("stop", name)
        seconds = time.monotonic() - begun
        return [int(self.podman.inspect(each, "{{.State.ExitCode}}")) for each in self.containers(name)], seconds

    def grace(self, name: str) -> float:
        """Seconds that a service is given to stop; compose's default is 10."""
        text = str(self.services[name].get("stop_grace_period", "10s"))
        return float(text[:-1]) * (60 if text.endswith("m") else 1)

    def query(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The rows of one statement, over the socket in the volume `database-socket`."""
        folder = self.podman("volume", "inspect", "--format", "{{.Mountpoint}}", f"{self.project}_database-socket")
        with psycopg.connect(host=folder, user="retail_pulse", dbname="retail_pulse", autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def down(self) -> None:
        """Remove the profile's containers, network and volumes."""
        with suppress(Failed):
            self.compose("down", "--volumes")

    def _named_volumes(self) -> list[str]:
        sources = {volume.split(":")[0] for each in self.services.values() for volume in each.get("volumes", [])}
        return sorted(source for source in sources if source[0] not in "./~")


def profiles() -> list[str]:
    """ "" for the file's default services, and each profile that it names."""
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    return ["", *sorted({name for service in services.values() for name in service.get("profiles", [])})]


def other_images(profile: str) -> list[str]:
    """The images of a profile's services that are not built from this checkout."""
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    kept, _ = _services(services, profile)
    return sorted({service["image"] for service in kept.values()} - {OWN_IMAGE})


def _services(services: dict[str, Any], profile: str) -> tuple[dict[str, Any], list[str]]:
    """The services of a profile, and those of them that are left out because their image cannot be had."""
    chosen = {name: each for name, each in services.items() if profile in each.get("profiles", [profile])}
    kept = {n: each for n, each in chosen.items() if each["image"] == OWN_IMAGE or stand_in(each["image"])}
    left_out = sorted(chosen.keys() - kept.keys())
    if needed := [n for n, each in kept.items() for other, _ in _conditions(each) if other in left_out]:
        raise CannotProve(f"{needed[0]} depends on a service whose image nothing stands in for.")
    return kept, left_out


def _absolute(volume: str) -> str:
    """What is mounted from the checkout, by its full path."""
    return f"{CHECKOUT}{volume[1:]}" if volume.startswith("./") else volume


def _conditions(service: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    yield from service.get("depends_on", {}).items()


def _in_order(services: dict[str, Any]) -> list[str]:
    """The services' names, each after those that it depends on."""
    ordered: list[str] = []
    while len(ordered) < len(services):
        ordered += [
            name
            for name, service in services.items()
            if name not in ordered and all(other in ordered for other, _ in _conditions(service))
        ]
    return ordered
