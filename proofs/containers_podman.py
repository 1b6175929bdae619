"""Debian's podman, buildah and debootstrap with a storage of their own, and podman-compose on top of them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from proofs.report import CannotProve
from proofs.world.cluster import CHECKOUT

# Debian's package of each program that is needed.
PROGRAMS = {
    "podman": "podman",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "runc": "runc",
    "iptables": "iptables",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}
BASE = "docker.io/library/python:3.13-slim"
# The release of Debian that has the base image's Python.
CODENAME = "trixie"
# Debian 12's knows neither profiles nor grace periods.
COMPOSE = "podman-compose==1.6.0"
_BUILD_SECONDS = 900.0
_COMMAND_SECONDS = 300.0

_CONTAINERS_CONF = """
[containers]
default_ulimits = []
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
"""
_WRAPPER = """#!/bin/sh
export CONTAINERS_CONF={folder}/containers.conf
exec podman --log-level fatal --network-config-dir {folder}/networks \\
    --root {folder}/storage --runroot {folder}/run --storage-driver vfs "$@"
"""
_PIP_CONF = "[global]\nbreak-system-packages = true\ncert = /etc/ssl/certs/ca-certificates.crt\n"


class Failed(Exception):
    """A program ended with an error; the text holds the end of what it printed."""


class Podman:
    """Images, containers, networks and volumes in `folder`, which must be empty; `close` removes them all.

    Nothing of the machine's own containers is seen or changed. Raises CannotProve where a program or right is missing.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            raise CannotProve("containers are built and run as root here; run it as root.")
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        missing = sorted(package for name, package in PROGRAMS.items() if shutil.which(name, path=path) is None)
        if missing:
            raise CannotProve(f"programs are missing; on Debian: apt-get install {' '.join(missing)}")
        self.folder = folder
        self._environment = {**os.environ, "PATH": path, "CONTAINERS_CONF": str(folder / "containers.conf")}
        (folder / "networks").mkdir()
        (folder / "containers.conf").write_text(_CONTAINERS_CONF.format(folder=folder))
        self.wrapper = folder / "podman"
        self.wrapper.write_text(_WRAPPER.format(folder=folder))
        self.wrapper.chmod(0o700)
        self._compose = [str(folder / "compose" / "bin" / "podman-compose"), "--podman-path", str(self.wrapper)]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """What `podman ARGUMENTS` prints, without its last line's end. Raises Failed."""
        return self._run([str(self.wrapper), *arguments], check=check)

    def inspect(self, container: str, template: str) -> str:
        """One fact of a container, by podman's own template."""
        return self("container", "inspect", "--format", template, container)

    def succeeds(self, *arguments: str) -> bool:
        """Whether `podman ARGUMENTS` ends with 0."""
        done = subprocess.run(
            [self.wrapper, *arguments], env=self._environment, capture_output=True, timeout=60, check=False
        )
        return done.returncode == 0

    def compose(self, file: Path, *arguments: str) -> str:
        """What `podman-compose -f FILE ARGUMENTS` prints. Raises Failed."""
        return self._run([*self._compose, "-f", str(file), *arguments])

    def make_base(self) -> None:
        """The base image of the Dockerfile, made from the machine's own package source. Raises CannotProve."""
        root = self.folder / "root"
        packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
        try:
            self._run(["debootstrap", "--variant=minbase", packages, CODENAME, str(root), package_source()])
        except Failed as error:
            raise CannotProve(f"debootstrap could not make a Debian {CODENAME}: {error}") from error
        for name, target in {"python": "python3", "pip": "pip3"}.items():
            (root / "usr/local/bin" / name).symlink_to(f"/usr/bin/{target}")
        (root / "etc/pip.conf").write_text(_PIP_CONF)
        # How this machine reaches the package index, so that the image's build does too.
        for name in ("ssl/certs/ca-certificates.crt", "resolv.conf", "hosts"):
            shutil.copy(f"/etc/{name}", root / "etc" / name)
        certificates = "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
        with subprocess.Popen(["/bin/tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            self._run([str(self.wrapper), "import", "-q", "--change", certificates, "-", BASE], stdin=tar.stdout)
        shutil.rmtree(root)
        try:
            self("run", "--rm", "--network", "none", BASE, "true")
        except Failed as error:
            raise CannotProve(f"no container can be run on this machine: {error}") from error
        try:
            self(
                "run",
                "--rm",
                "--network",
                "host",
                BASE,
                *["pip", "download", "-q", "--no-deps", "packaging"],
            )
            self._run([sys.executable, "-m", "venv", str(self.folder / "compose")])
            self._run([str(self.folder / "compose/bin/python"), "-m", "pip", "install", "-q", COMPOSE])
        except Failed as error:
            raise CannotProve(f"the package index cannot be reached: {error}") from error

    def build(self, tag: str, dockerfile: str = "", context: Path = CHECKOUT) -> None:
        """Build `tag` by buildah, from the context's own Dockerfile unless another's text is given. Raises Failed."""
        storage = f"--root {self.folder}/storage --runroot {self.folder}/run --storage-driver vfs"
        options = "--format docker --isolation chroot --network host --pull-never -q -t"
        file = self.folder / "Dockerfile"
        if dockerfile:
            file.write_text(dockerfile)
        given = ["-f", str(file)] if dockerfile else []
        self._run(["buildah", *storage.split(), "bud", *options.split(), tag, *given, str(context)])

    def megabytes(self, image: str) -> float:
        """The size of an image in MB (10⁶ bytes), its base included."""
        return int(self("image", "inspect", "--format", "{{.Size}}", image)) / 1e6

    def close(self) -> None:
        """Remove every container, network and volume; the images' files are left to whoever removes the folder."""
        self("rm", "--all", "--force", "--volumes", "--time", "0", check=False)
        self("volume", "rm", "--all", "--force", check=False)
        for network in self("network", "ls", "--format", "{{.Name}}", check=False).split():
            if network != "podman":
                self("network", "rm", "--force", network, check=False)

    def _run(self, command: list[str], *, check: bool = True, stdin: object = subprocess.DEVNULL) -> str:
        limit = _BUILD_SECONDS if command[0] in ("buildah", "debootstrap") else _COMMAND_SECONDS
        done = subprocess.run(
            command,
            env=self._environment,
            stdin=stdin,  # type: ignore[call-overload]
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        if check and done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()[-8:]
            raise Failed(f"{Path(command[0]).name} ended with {done.returncode}: " + "\n".join(said))
        return str(done.stdout).rstrip("\n")


def package_source(sources: Path = Path("/etc/apt")) -> str:
    """The address of the machine's own Debian archive. Raises CannotProve where its files name none."""
    files = [*sorted(sources.glob("sources.list.d/*.sources")), *sources.glob("sources.list")]
    for file in files:
        if found := re.search(r"^(?:URIs: *|deb (?:\[[^]]*\] )?)(\S+/debian)/?(?= |$)", file.read_text(), re.MULTILINE):
            return found[1]
    raise CannotProve("no Debian archive is named in /etc/apt; the base image is made from one.")
