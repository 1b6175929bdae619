"""Which processes keep the server running, and does the last one stop it?"""

import os
import signal

from tests.retail_pulse.postgres.conftest import STRANGER, USE, living_server, query, wait_until

# A shell's background job, as a test run may be, ignores Ctrl-C, and so do its children.
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + USE

FORK = """
import os, signal, sys
from pathlib import Path
from retail_pulse.postgres import server
home = Path(sys.argv[1])
server.ensure_running(home)
child = os.fork()
if child == 0:
    if CHILD_JOINS:
        server.ensure_running(home)
    print(os.getpid(), flush=True)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    signal.alarm(60)  # whatever becomes of the test
    signal.pause()
    os._exit(0)
sys.stdin.read()
"""

FORK_DURING_START = """
import os, signal, sys, threading, time
from pathlib import Path
from retail_pulse.postgres import server
home = Path(sys.argv[1])
starter = threading.Thread(target=server.ensure_running, args=[home])
starter.start()
while not server._servers or not server._servers[home].is_running():
    time.sleep(0.001)
child = os.fork()
if child == 0:
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    signal.alarm(60)  # whatever becomes of the test
    signal.pause()
starter.join()
print(child, flush=True)
sys.stdin.read()
"""

REPLACE = """
import os, sys
from pathlib import Path
from retail_pulse.postgres import server
server.ensure_running(Path(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-c", "print('replaced', flush=True); input()"])
"""

LATE = """
import atexit, sys
from pathlib import Path
home = Path(sys.argv[1])
@atexit.register
def after_the_server():
    try:
        server.ensure_running(home)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
from retail_pulse.postgres import server
@atexit.register
def before_the_server():
    print(server.ensure_running(home).is_running(), flush=True)
server.ensure_running(home)
"""

TWO_HOMES = """
import sys
from pathlib import Path
from retail_pulse.postgres import server
print(server.ensure_running(Path(sys.argv[1])).pid, server.ensure_running(Path(sys.argv[1] + "-2")).pid, flush=True)
sys.stdin.read()
"""


def test_the_last_process_to_end_stops_the_server(home, use):
    first, second = use(home), use(home)
    assert first.says() == second.says() == str(pid := living_server(home))

    first.leave()
    assert living_server(home) == pid

    second.leave()
    assert not living_server(home)


def test_a_killed_user_does_not_count_any_more(home, use):
    killed, other = use(home), use(home)
    killed.says(), other.says()

    killed.kill()
    other.leave()

    assert not living_server(home)


def test_a_server_whose_last_user_was_killed_waits_for_the_next(home, use):
    last = use(home)
    pid = last.says()

    last.kill()  # also sees the end of its output: the server holds none of its descriptors
    assert living_server(home) == int(pid)

    following = use(home)
    assert following.says() == pid
    following.leave()
    assert not living_server(home)


def test_ctrl_c_ends_the_process_but_not_the_server(home, use):
    interrupted, other = use(home, INTERRUPTIBLE), use(home)
    interrupted.says(), other.says()

    os.killpg(interrupted.process.pid, signal.SIGINT)

    assert "KeyboardInterrupt" in interrupted.fails()
    assert query(home, "SELECT 1") == [(1,)]
    other.leave()
    assert not living_server(home)


def test_ctrl_c_of_the_only_user_stops_the_server(home, use):
    user = use(home, INTERRUPTIBLE)
    user.says()

    os.killpg(user.process.pid, signal.SIGINT)

    user.fails()
    assert not living_server(home)


def test_a_forked_child_that_never_connected_does_not_count(home, use):
    parent = use(home, FORK.replace("CHILD_JOINS", "False"))
    child = int(parent.says())

    parent.leave()

    assert not living_server(home)
    os.kill(child, signal.SIGKILL)


def test_a_forked_child_that_connected_counts(home, use):
    parent = use(home, FORK.replace("CHILD_JOINS", "True"))
    child = int(parent.says())

    parent.leave()

    assert query(home, "SELECT 1") == [(1,)]
    os.kill(child, signal.SIGKILL)


def test_a_child_forked_by_another_thread_during_the_start_blocks_nobody(home, use):
    parent = use(home, FORK_DURING_START)
    child = int(parent.says())

    assert use(home).says() == str(living_server(home))

    os.kill(child, signal.SIGKILL)


def test_a_process_that_replaced_itself_no_longer_counts_and_stops_nothing(home, use):
    replaced = use(home, REPLACE)
    assert replaced.says() == "replaced"
    assert living_server(home)

    use(home).leave()

    assert replaced.process.poll() is None
    assert not living_server(home)


def test_exit_handlers_of_the_application_still_find_the_server(home, use):
    process = use(home, LATE)

    assert process.says() == "True"
    # Nothing may start the server again once the process has left.
    assert process.says().startswith("OperationalError This process is ending")
    process.leave()
    assert not living_server(home)


def test_one_process_may_use_the_servers_of_two_homes(home, home_at, use):
    other = home_at(home.with_name("home-2"))
    user = use(home, TWO_HOMES)

    assert user.says() == f"{living_server(home)} {living_server(other)}"
    user.leave()

    assert not living_server(home)
    assert not living_server(other)


def test_four_processes_leaving_at_once_leave_no_server(home, use):
    users = [use(home) for _ in range(4)]
    for user in users:
        user.says()

    for user in users:
        user.process.stdin.close()

    wait_until(lambda: all(user.process.poll() == 0 for user in users))
    assert not living_server(home)


def test_a_process_that_only_looks_like_the_server_is_not_signalled(home_at, tmp_path, use):
    stranger = use(home := home_at(tmp_path / "home"), STRANGER)
    assert stranger.says() == "locked"

    user = use(home)
    assert user.says() == str(stranger.process.pid)
    user.leave()

    assert stranger.process.poll() is None
    stranger.leave()
