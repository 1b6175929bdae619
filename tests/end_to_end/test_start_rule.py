"""Which process starts an engine, and when."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import requests

from demo.service import free_port
from tests.end_to_end.conftest import CHECKOUT, Deployment
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def deployment(migrated_database, tmp_path_factory):
    return Deployment(tmp_path_factory.mktemp("started"), migrated_database())


@pytest.fixture
def start_server(deployment):
    """Start a foreign server's command; returns its URL once it answers."""
    started = []

    def start(*command: str, **settings: str) -> str:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, *(part.format(port=port) for part in command)],
            cwd=CHECKOUT,
            env=os.environ
            | {"RETAIL_PULSE_HOME": str(deployment.home), "DJANGO_SETTINGS_MODULE": "retail_pulse.settings"}
            | deployment.settings(**settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: is_up(url))
        return url

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    deployment.query("DELETE FROM jobs_worker RETURNING id")


def is_up(url):
    try:
        return requests.Session().get(f"{url}/livez", timeout=2).ok
    except requests.RequestException:
        return False


SERVERS = {
    "runserver with its autoreloader": ("manage.py", "runserver", "{port}"),
    "gunicorn without our configuration": ("-m", "gunicorn", "--bind=127.0.0.1:{port}", "retail_pulse.wsgi"),
    "gunicorn --preload": ("-m", "gunicorn", "--preload", "--bind=127.0.0.1:{port}", "retail_pulse.wsgi"),
}


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS.keys())
def test_a_foreign_server_starts_one_engine_at_its_first_request(deployment, start_server, command):
    url = start_server(*command)
    requests.Session().get(f"{url}/api/status", timeout=10)
    deployment.wait_for("SELECT count(*) = 1 FROM jobs_worker")


def test_autostart_off_starts_none(deployment, start_server):
    url = start_server(*SERVERS["gunicorn without our configuration"], ENGINE_AUTOSTART="off")
    assert requests.Session().get(f"{url}/api/status", timeout=10).status_code == 400
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 0


def test_a_signal_while_the_engine_starts_ends_the_server_in_order(deployment):
    server = deployment.start("serve", "--port", str(free_port()))
    assert any(b"Booting worker" in line for line in server.stdout)
    server.send_signal(signal.SIGTERM)
    assert_ended_in_order(server, deployment)


def test_a_signal_that_meets_a_worker_at_its_fork_ends_it(deployment):
    server = deployment.start("serve", "--port", str(free_port()))
    worker = wait_for(lambda: stopped_child(server.pid), pause=0.001)
    server.send_signal(signal.SIGTERM)
    wait_for(lambda: is_pending(signal.SIGTERM, worker))
    os.kill(worker, signal.SIGCONT)
    assert_ended_in_order(server, deployment)


def stopped_child(parent):
    """A child that has been stopped; one that ends by itself at this moment is no worker."""
    for child in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(child, signal.SIGSTOP)
            if wait_for(partial(is_stopped_or_gone, child)) == "T":
                return child
    return None


def is_stopped_or_gone(pid):
    found = re.search(r"State:\s*([TZX])", Path(f"/proc/{pid}/status").read_text())
    return found and found[1]


def is_pending(number, pid):
    pending = re.search(r"ShdPnd:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1]
    return int(pending, 16) & 1 << number - 1


def assert_ended_in_order(server, deployment):
    """Not by SIGKILL after the time that a worker has to drain: that would leave the worker's row."""
    assert b"Traceback" not in server.stdout.read()
    assert server.wait(30) == 0
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 0


def test_serve_starts_its_engine_before_the_first_request(deployment):
    server = deployment.start("serve", "--port", str(free_port()))
    deployment.wait_for("SELECT count(*) = 1 FROM jobs_worker")
    server.send_signal(signal.SIGTERM)
    assert_ended_in_order(server, deployment)
