"""Build the image and run docker-compose.yml: users, rights, health, work by two workers, a kill, grace periods.

The Dockerfile is built by buildah over a base image that debootstrap makes from this machine's own package source, and
its image runs as docker-compose.yml says, by podman-compose, once for every profile. Where no registry can be reached,
Debian's packages stand in for other makers' images. Each profile works through a job that is submitted over its
published port; of two workers, one is killed meanwhile. Needs root, some minutes and 4 GB of disk, all given back.
"""

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import requests

from proofs.containers_compose import GATEWAY, OWN_IMAGE, WORKERS, Profile, other_images, profiles
from proofs.containers_podman import Failed, Podman
from proofs.containers_rights import show_rights
from proofs.containers_stand_ins import stand_in
from proofs.kill_findings import show_ledger
from proofs.report import Findings, Report
from proofs.world.images import ImageServer
from proofs.world.jobs import Client, Order, order
from proofs.world.ledger import compare
from proofs.world.processes import STORES, Server

MOST_MEGABYTES = 450.0
SLOTS = 16
SETTINGS = {"FETCH_ALLOW_CIDRS": f"{GATEWAY}/32", "FETCH_ALLOW_PORTS": "1-65535", "WORKER_THREADS": str(SLOTS)}
FINISH_SECONDS = 180.0
# Beyond the images themselves: how long a stopped container's network and mounts take to be taken down.
TAKEN_DOWN_SECONDS = 2.0


class Published(Server):
    """The web service at its published port; its process is podman's."""

    def __init__(self, url: str) -> None:
        self.url = url


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=2_000, help="of the job of each profile (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")
    parser.add_argument("--profile", action="append", help="only this profile, as often as given (default: all)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with TemporaryDirectory(prefix="rp-") as name:
        podman = Podman(Path(name))
        try:
            podman.make_base()
            if _show_image(report, podman):
                for profile in options.profile or profiles():
                    show_profile(report, podman, profile, options.images, options.seed)
        finally:
            podman.close()
    return report


def _show_image(report: Report, podman: Podman) -> bool:
    """Build the service's image; whether it could be."""
    try:
        podman.build(OWN_IMAGE)
    except Failed as error:
        report.bar("the Dockerfile is built", error, "an image", ok=False)
        return False
    size = podman.megabytes(f"localhost/{OWN_IMAGE}")
    report.bar("size of the image, MB", f"{size:.0f}", f"< {MOST_MEGABYTES:g}", ok=size < MOST_MEGABYTES)
    return True


def show_profile(report: Report, podman: Podman, name: str, images: int, seed: int) -> None:
    """Bring one profile up, let it work, kill, stop and start it, and report what was found."""
    title = f"Profile {name}" if name else "Without a profile"
    table = report.table(title, "what", "found", "expected")
    for image in other_images(name):
        if dockerfile := stand_in(image):
            podman.build(f"docker.io/library/{image}", dockerfile, podman.folder)
            table.add(f"image {image}", "Debian's package stands in for it", "any", ok=True)
    profile = Profile(podman, name, **_settings(name))
    for service in profile.left_out:
        table.add(f"service {service}", "left out: its image cannot be had here", "any", ok=True)
    try:
        begun = time.monotonic()
        profile.up()
        for service in profile.services:
            profile.wait_for(service, _expected(profile, service))
        table.add("up and healthy after, s", f"{time.monotonic() - begun:.1f}", "any", ok=True)
        show_rights(table, profile)
        if "prometheus" in profile.services:
            _show_scraped(table, profile)
        with ImageServer(podman.folder, GATEWAY) as server:
            _show_work(report, profile, server, images, seed)
    except Failed as error:
        table.add("the profile runs", error, "to its end", ok=False)
    finally:
        profile.down()
        (podman.folder / "ledger").unlink(missing_ok=True)


def _settings(profile: str) -> dict[str, str]:
    """The settings of a profile's services: where there are workers, the web service leaves the work to them."""
    if profile != "scale":
        return SETTINGS
    broker = any(image.startswith("rabbitmq") for image in other_images(profile))
    return {**SETTINGS, "ENGINE_AUTOSTART": "off"} | ({"ENGINE": "celery"} if broker else {})


def _expected(profile: Profile, service: str) -> str:
    """The condition that a service must reach on its own."""
    if service == "setup":
        return "service_completed_successfully"
    checked = profile.services[service].get("healthcheck", {"disable": profile.services[service]["image"] != OWN_IMAGE})
    return "service_started" if checked.get("disable") else "service_healthy"


def _show_work(report: Report, profile: Profile, server: ImageServer, images: int, seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - a job that can be repeated
    profile.query(
        "INSERT INTO stores_store (store_id, name, area_code)"
        " SELECT id, 'Store ' || id, 'K1' FROM unnest(%s::text[]) id",
        [STORES],
    )
    orders = [order(rng, server, f"job{number}", images) for number in range(2)]
    client = Client([Published(profile.url("web"))])
    where = f"profile {profile.name}" if profile.name else "no profile"
    killed = "worker" if "worker" in profile.services else "web"

    _submit(client, orders[0])
    _until(lambda: _done(profile) > images // 4)
    number = len(profile.containers(killed))
    if killed == "worker":
        report.bar(f"{where}: worker containers", number, WORKERS, ok=number == WORKERS)
    _until(lambda: _working(profile) == number)
    workers = _working(profile)
    report.bar(f"{where}: containers that work on the job", workers, number, ok=workers == number)
    victim = profile.containers(killed)[-1]
    # From outside and past podman, as a crash does: an ordered kill would not be followed by a restart.
    os.kill(int(profile.podman.inspect(victim, "{{.State.Pid}}")), signal.SIGKILL)
    _until(lambda: profile.podman.inspect(victim, "{{.RestartCount}} {{.State.Status}}") == "1 running")
    restarts = profile.podman.inspect(victim, "{{.RestartCount}}")
    report.bar(f"{where}: starts of a killed {killed} by its restart policy", restarts, 1, ok=restarts == "1")
    _until(lambda: _ongoing(profile) == 0)

    # In the middle of a second job, everything is stopped in order, and started again on the same volumes.
    profile.wait_for("web", "service_healthy")
    key = profile.execute("web", "sha256sum", "/var/lib/retail-pulse/secret-key")
    _submit(client, orders[1])
    _until(lambda: _done(profile) > images + images // 4)
    _show_stops(report, profile, where)
    profile.compose("start", "db")
    profile.wait_for("db", "service_healthy")
    profile.compose("start", *(name for name in profile.services if name not in ("db", "setup")))
    profile.wait_for("web", "service_healthy")
    same = profile.execute("web", "sha256sum", "/var/lib/retail-pulse/secret-key") == key
    report.bar(f"{where}: the secret key after a restart", "the same" if same else "another", "the same", ok=same)
    _until(lambda: _ongoing(profile) == 0)

    # A kill, and a stop that had to hand images back, may each cost a second download of what was in flight.
    found = compare(profile, orders, server.ledger(), handed_back=True)
    show_ledger(report, found, (number + 1) * (SLOTS + SLOTS // 2))
    _show_away(report, profile, where)
    try:
        audit = profile.execute("web", "python", "manage.py", "audit").splitlines()[0]
    except Failed as error:
        report.bar(f"{where}: manage.py audit", error, "exit code 0", ok=False)
    else:
        report.bar(f"{where}: manage.py audit", audit, "exit code 0", ok=True)


def _show_scraped(table: Findings, profile: Profile) -> None:
    """Whether Prometheus finds the web service's metrics."""
    query = {"query": 'retail_pulse_workers{instance=~".+"}'}

    def scraped() -> bool:
        with requests.Session() as session, suppress(requests.RequestException):
            session.trust_env = False
            answer = session.get(f"{profile.url('prometheus')}/api/v1/query", params=query, timeout=5)
            return bool(answer.ok and answer.json()["data"]["result"])
        return False

    _until(scraped)
    found = "found" if scraped() else "not found"
    table.add("Prometheus: the metrics of web", found, "found", ok=found == "found")


def _show_stops(report: Report, profile: Profile, where: str) -> None:
    """Stop every service, those that depend on others first; each must end by itself within its grace period."""
    for name in reversed([name for name in profile.services if name != "setup"]):
        codes, seconds = profile.stop(name)
        grace = profile.grace(name) + TAKEN_DOWN_SECONDS
        found = f"{', '.join(map(str, codes))} after {seconds:.1f} s"
        report.bar(
            f"{where}: exit codes of {name}", found, f"0 within {grace:g} s", ok=not any(codes) and seconds < grace
        )


def _show_away(report: Report, profile: Profile, where: str) -> None:
    """The health check of the web service while its database is stopped, and after."""
    profile.compose("stop", "db")
    without = profile.is_healthy(profile.container("web"))
    profile.compose("start", "db")
    profile.wait_for("db", "service_healthy")
    profile.wait_for("web", "service_healthy")
    found = "passes" if without else "fails"
    report.bar(f"{where}: health check of web without its database", found, "fails, passes after", ok=not without)


def _submit(client: Client, new: Order) -> None:
    client.submit(new, threading.Event())


def _done(profile: Profile) -> int:
    return int(profile.query("SELECT count(*) FROM jobs_imageresult WHERE state IN ('completed', 'failed')")[0][0])


def _working(profile: Profile) -> int:
    """How many workers hold images at this moment."""
    return int(profile.query("SELECT count(DISTINCT claimed_by) FROM jobs_imageresult WHERE state = 'running'")[0][0])


def _ongoing(profile: Profile) -> int:
    return int(profile.query("SELECT count(*) FROM jobs_job WHERE status = 'ongoing'")[0][0])


def _until(fact: Callable[[], bool]) -> None:
    """Wait for a fact, for FINISH_SECONDS at most; what is missing then shows in the findings."""
    deadline = time.monotonic() + FINISH_SECONDS
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.2)
