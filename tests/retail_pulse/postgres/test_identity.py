"""Which user does the server run as? PostgreSQL refuses to run as root; each case has its own way around that."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from retail_pulse.postgres import binaries
from tests import ROOT
from tests.retail_pulse.postgres.conftest import end_server, living_server, query

NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
mounting = pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0,
    reason="needs root and a mount namespace",
)


@pytest.fixture
def open_folder():
    """A folder that everybody may enter; pytest's own are closed to everybody but their owner."""
    folder = Path(tempfile.mkdtemp(prefix="rp-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    end_server(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture
def open_programs():
    """PostgreSQL's programs lie where every user can run them."""
    if closed := _closed(binaries.find().folder):
        pytest.skip(f"only root may enter {closed}, where PostgreSQL's programs lie")


def _closed(path: Path) -> Path | None:
    """The outermost folder on the way to `path` that not everybody may enter."""
    for ancestor in (*reversed(path.parents), path):
        if not ancestor.stat().st_mode & stat.S_IXOTH:
            return ancestor
    return None


def _as_nobody(stage: Path) -> list[str]:
    """A command prefix that runs the rest as the user nobody, who must be able to enter interpreter and checkout.

    In a mount namespace of their own, folders closed to nobody are covered by open ones that hold only what is
    needed: nothing changes for the rest of the machine.
    """
    script = ["set -e"]
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT}
    covered = {path: closed for path in sorted(needed) if (closed := _closed(path))}
    for number, path in enumerate(covered):
        script += [f"mkdir {stage}/{number}", f"mount --rbind '{path}' {stage}/{number}"]
    script += [f"mount -t tmpfs -o mode=755 none '{closed}'" for closed in sorted(set(covered.values()))]
    for number, path in enumerate(covered):
        script += [f"mkdir -p '{path}'", f"mount --move {stage}/{number} '{path}'"]
    script.append('exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"')
    return ["unshare", "--mount", "sh", "-c", "; ".join(script), "as-nobody"]


def _without_user_namespaces(stage: Path) -> list[str]:
    """A command prefix that forbids user namespaces: in a changed root, unshare(2) refuses to make one."""
    root = stage / "root"
    script = f'set -e; mkdir -p {root}; mount --rbind / {root}; exec chroot {root} "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "without-user-namespaces"]


def _status(pid: int, field: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(field + ":"))


def _has_own_namespace(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()


@as_root
def test_the_server_of_root_runs_in_a_user_namespace(home, use):
    pid = int(use(home).says())

    if not _has_own_namespace(pid):
        pytest.skip("this machine forbids user namespaces, even to root")
    assert _status(pid, "Uid") == "0"
    assert (home / "postgres" / "data").stat().st_uid == 0
    assert query(home, "SELECT 1") == [(1,)]


@mounting
def test_an_ordinary_user_runs_the_server_under_its_own_id(open_folder, use):
    home = open_folder / "home"
    os.chown(open_folder, NOBODY, NOBODY)

    user = use(home, prefix=_as_nobody(open_folder))

    assert (pid := user.says()) == str(living_server(home))
    assert _status(int(pid), "Uid") == str(NOBODY)
    assert not _has_own_namespace(int(pid))
    assert (home / "postgres" / "data").stat().st_uid == NOBODY
    user.leave()
    assert not living_server(home)


@mounting
@pytest.mark.usefixtures("open_programs")
def test_root_serves_the_state_of_an_ordinary_user_as_that_user(open_folder, use):
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)

    root = use(home)
    assert (pid := root.says()) == str(living_server(home))
    nobody = use(home, prefix=_as_nobody(open_folder))

    assert _status(int(pid), "Uid") == str(NOBODY)
    assert nobody.says() == pid
    root.leave()
    nobody.leave()
    assert not living_server(home)


@mounting
@pytest.mark.usefixtures("open_programs")
def test_where_namespaces_are_forbidden_root_gives_the_state_to_an_unprivileged_user(home_at, open_folder, use):
    home = home_at(open_folder / "home")

    first = use(home, prefix=_without_user_namespaces(open_folder))

    assert (pid := first.says()) == str(living_server(home))
    assert _status(int(pid), "Uid") == str(NOBODY)
    assert stat.S_IMODE(home.stat().st_mode) == 0o710
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    query(home, "CREATE TABLE kept AS SELECT 42 AS answer")
    first.leave()
    # Also once namespaces are allowed again.
    again = use(home)
    assert again.says() == str(living_server(home))
    assert query(home, "SELECT answer FROM kept") == [(42,)]


@mounting
def test_where_nobody_else_may_enter_root_gets_an_error_and_nothing_changes_owner(home_at, open_folder, use):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    home = home_at(closed / "home")

    error = use(home, prefix=_without_user_namespaces(open_folder)).fails()

    assert "PostgreSQL refuses to run as root" in error
    assert f"cannot enter {closed}." in error
    assert (home / "postgres").stat().st_uid == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@mounting
def test_a_user_id_without_a_name_gets_one_in_a_namespace(open_folder, use):
    """As on container platforms that give each container its own user id."""
    home = open_folder / "home"
    os.chown(open_folder, 54321, 54321)
    prefix = [part.replace("65534", "54321") for part in _as_nobody(open_folder)]

    user = use(home, prefix=prefix)

    assert (pid := user.says()) == str(living_server(home))
    assert _status(int(pid), "Uid") == "54321"
    user.leave()


@mounting
def test_the_state_of_somebody_else_is_refused_in_a_sentence(home_at, open_folder, use):
    home = home_at(open_folder / "home")

    error = use(home, prefix=_as_nobody(open_folder)).fails()

    assert f"ImproperlyConfigured: The embedded PostgreSQL cannot keep its data in {home}/postgres" in error
    assert "Permission denied" in error
