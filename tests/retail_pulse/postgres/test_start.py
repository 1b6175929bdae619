"""Does the server start once for all processes, completely or not at all, whatever a crash or another user left?"""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

from retail_pulse.postgres.server import SOCKET_PATH_BYTES, Server
from tests.retail_pulse.postgres.conftest import USE, is_held, living_server, query, wait_until


def test_the_first_process_finds_a_server_that_is_durable_and_private(new_home, use):
    user = use(new_home)

    assert int(user.says()) == living_server(new_home)
    assert query(new_home, "SHOW fsync") == [("on",)]
    assert query(new_home, "SHOW synchronous_commit") == [("on",)]
    assert query(new_home, "SHOW listen_addresses") == [("",)]
    assert stat.S_IMODE((new_home / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE((new_home / "postgres" / ".s.PGSQL.5432").stat().st_mode) == 0o700


def test_eight_processes_at_once_share_one_server(new_home, use):
    users = [use(new_home, 'print("here", flush=True); input()\n' + USE) for _ in range(8)]
    assert {user.says() for user in users} == {"here"}

    for user in users:
        user.process.stdin.write("go\n")
        user.process.stdin.flush()
    servers = {user.says() for user in users}

    assert servers == {str(living_server(new_home))}
    log = (new_home / "postgres" / "server.log").read_text()
    assert log.count("starting PostgreSQL") == 1


def test_a_second_process_attaches_without_a_start(home, use):
    pid = use(home).says()

    assert use(home).says() == pid


def test_the_environment_of_the_starter_does_not_reach_the_server(home, use):
    elsewhere = {"PGPORT": "5999", "PGHOST": "127.0.0.1", "PGUSER": "nobody", "PGDATA": "/nowhere"}

    hidden = "import os; del os.environ['PYTHONPATH']; from retail_pulse.postgres import server\n"
    pid = use(home, hidden + USE, **elsewhere, SECRET_KEY="secret", PYTHONSAFEPATH="1").says()

    assert query(home, "SHOW port") == [("5432",)]
    # The server outlives the process that started it, and keeps none of its secrets.
    assert b"SECRET_KEY" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_stale_pid_file_whose_pid_another_process_now_has_is_not_a_server(home, table, use):
    pid = int((first := use(home)).says())
    query(home, f"CREATE TABLE {table} AS SELECT 42 AS answer")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not living_server(home))
    first.kill()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        for name, other in ("data/postmaster.pid", stranger.pid), (".s.PGSQL.5432.lock", os.getpid()):
            path = home / "postgres" / name
            path.write_text(path.read_text().replace(str(pid), str(other), 1))

        (home / "postgres" / "server.lock").write_text("9" * 12)  # longer than what is written over it

        second = int(use(home).says())

        assert stranger.poll() is None
        assert second == living_server(home) != stranger.pid
        assert query(home, f"SELECT answer FROM {table}") == [(42,)]
        stranger.communicate()


def test_a_pid_in_the_lock_file_of_a_dead_server_is_not_killed(home, use):
    use(home).leave()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (home / "postgres" / "server.lock").write_text(str(stranger.pid))

        use(home).leave()

        assert stranger.poll() is None
        stranger.communicate()


def _with_socket_path_of(tmp_path: Path, length: int) -> Path:
    name = length - len(os.fsencode(tmp_path / "x" / "postgres" / ".s.PGSQL.5432")) + 1
    return tmp_path / ("x" * name)


def test_a_socket_path_of_the_longest_length_stays_in_the_state_directory(tmp_path, home_at, use):
    home = home_at(_with_socket_path_of(tmp_path, SOCKET_PATH_BYTES))

    use(home).says()

    assert Server(home).socket_dir == home / "postgres"
    assert query(home, "SELECT 1") == [(1,)]


def test_a_socket_path_one_byte_too_long_gets_a_short_directory_of_its_own(tmp_path, home_at, use):
    home = home_at(_with_socket_path_of(tmp_path, SOCKET_PATH_BYTES + 1))

    use(home, TMPDIR=str(tmp_path)).says()

    folder = Server(home).socket_dir
    assert folder.parent == Path("/tmp")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert use(home).says() == str(living_server(home))
    assert query(home, "SELECT 1") == [(1,)]


def test_a_home_with_a_comma_works(tmp_path, home_at, use):
    home = home_at(tmp_path / "this, that")

    use(home).says()

    assert query(home, "SELECT 1") == [(1,)]


def test_a_short_directory_that_others_may_enter_is_refused(tmp_path, home_at, use):
    home = home_at(_with_socket_path_of(tmp_path, SOCKET_PATH_BYTES + 1))
    folder = Server(home).socket_dir
    folder.mkdir()
    folder.chmod(0o755)

    error = use(home).fails()

    assert f"{folder}, where the server's socket goes" in error
    assert not living_server(home)


def test_a_kill_in_the_middle_of_initdb_leaves_nothing_half_made(new_home, use):
    state = new_home / "postgres"
    user = use(new_home)
    wait_until(lambda: any(state.glob("draft-*/base")))
    launcher = _only_child_of(user.process.pid)
    initdb = _only_child_of(launcher)
    os.kill(launcher, signal.SIGKILL)
    user.kill()

    assert not (state / "data").exists()
    # initdb continues for a moment: meanwhile nobody else may remove its draft and start again.
    assert is_held(state / "start.lock") or not Path(f"/proc/{initdb}").exists()

    assert int(use(new_home).says()) == living_server(new_home)
    assert list(state.glob("draft-*")) == []
    assert query(new_home, "SELECT 1") == [(1,)]


def test_a_kill_of_the_starter_does_not_let_a_second_server_in(new_home, use):
    state = new_home / "postgres"
    starter = use(new_home)
    wait_until(lambda: any(state.glob("draft-*/base")))
    starter.kill()

    users = [use(new_home) for _ in range(2)]

    assert {user.says() for user in users} == {str(living_server(new_home))}
    assert (state / "server.log").read_text().count("starting PostgreSQL") == 1


def _only_child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def test_a_failing_start_shows_the_end_of_the_servers_log(home_at, tmp_path, use):
    home = home_at(tmp_path / "home")
    with (home / "postgres" / "data" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = never\n")

    error = use(home).fails()

    assert "OperationalError: The embedded PostgreSQL did not start." in error
    assert 'invalid value for parameter "shared_buffers": "never"' in error
    assert str(home / "postgres" / "server.log") in error


def test_data_of_another_major_version_is_refused_with_the_way_to_upgrade(home_at, tmp_path, use):
    home = home_at(tmp_path / "home")
    (home / "postgres" / "data" / "PG_VERSION").write_text("14\n")

    error = use(home).fails()

    assert f"ImproperlyConfigured: The data in {home}/postgres/data was written by PostgreSQL 14" in error
    assert "Dump it with PostgreSQL 14" in error


def test_a_home_that_cannot_be_made_is_refused_in_a_sentence(tmp_path, use):
    (tmp_path / "file").touch()

    error = use(tmp_path / "file" / "home").fails()

    assert f"ImproperlyConfigured: The embedded PostgreSQL cannot keep its data in {tmp_path}/file/home" in error
    assert "Set RETAIL_PULSE_HOME" in error
    assert "left the embedded PostgreSQL" not in error


def test_the_servers_log_is_kept_small(home, use):
    log = home / "postgres" / "server.log"
    use(home).leave()
    with log.open("ab") as file:
        file.truncate(10 * 2**20 + 1)

    use(home).leave()

    assert log.stat().st_size < 10_000
    assert log.with_suffix(".log.1").stat().st_size > 10 * 2**20
