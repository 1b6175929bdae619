"""Events over a real socket: sent as they happen, by a server that holds nothing for them and can still be stopped."""

import json
import os
import signal
import socket
import time
from contextlib import ExitStack

import pytest
import requests

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.sockets import connected
from tests.waiting import wait_for

DEADLINE = 20.0


@pytest.fixture(scope="module")
def deployment(migrated_database, tmp_path_factory) -> Deployment:
    return Deployment(tmp_path_factory.mktemp("live"), migrated_database())


@pytest.fixture(scope="module")
def service(deployment: Deployment):
    """A server with room for two streams; shared by this file's tests, of which the last one stops it."""
    with deployment.service(
        WEB_THREADS="4",
        DATABASE_POOL_SIZE="6",
        LIVE_STREAMS_PER_CLIENT="3",
        GPU_MIN_SECONDS="0.3",
        GPU_MAX_SECONDS="0.3",
    ) as service:
        yield service


@pytest.fixture
def streams(service):
    """Two streams of all jobs, each past its first event."""
    # The place of a stream that an earlier test has left is free once the server has found out.
    streams = [wait_for(lambda: (found := watch(service, "jobs/events")).ok and found) for _ in range(2)]
    for each in streams:
        next(events(each))
    yield streams
    for each in streams:
        each.close()


def submit(service, images, count=1):
    visit = {
        "store_id": "DEMO0001",
        "visit_time": "today",
        "image_url": [f"{images.url}/shelf.jpg?{n}" for n in range(count)],
    }
    return service.submit({"count": 1, "visits": [visit]})


def events(response):
    """(name, data) of each event, as it arrives."""
    name = data = ""
    for line in response.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and name:
            yield name, json.loads(data)
            name = ""


def watch(service, path, **headers):
    return requests.Session().get(f"{service.url}/api/v1/{path}", stream=True, timeout=DEADLINE, headers=headers)


def test_a_job_is_told_from_its_first_image_to_its_end(service, images):
    job_id = submit(service, images, count=24)
    received = list(events(watch(service, f"jobs/{job_id}/events")))
    assert [name for name, _ in received[:-1]] == ["change"] * (len(received) - 1)
    assert (received[-1][0], received[-1][1]["outcome"]) == ("end", "completed")
    finished = [data["counts"]["completed"] for _, data in received]
    assert finished == sorted(finished)
    assert finished[-1] == 24
    assert len(received) >= 3


def test_beyond_so_many_streams_a_client_is_told_to_ask_instead_and_is_answered(service, images, streams):
    job_id = submit(service, images)
    refused = watch(service, f"jobs/{job_id}/events")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert watch(service, f"jobs/{job_id}").status_code == 200
    streams[0].close()
    # Its place is free once the server has found out that the client has gone.
    streams[0] = wait_for(lambda: (found := watch(service, "jobs/events")).ok and found)


def test_one_client_leaves_streams_to_others(deployment):
    settings = {"ENGINE_AUTOSTART": "off", "LIVE_STREAMS": "3", "LIVE_STREAMS_PER_CLIENT": "2"}
    with ExitStack() as opened, deployment.service(**settings) as service:

        def open_from(source: str) -> tuple[socket.socket, bytes]:
            sock = opened.enter_context(connected(service, source))
            sock.sendall(b"GET /api/v1/jobs/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
            return sock, head

        def status(source: str) -> bytes:
            return open_from(source)[1].split()[1]

        first, head = open_from("127.0.0.2")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert status("127.0.0.2") == b"200"
        _, head = open_from("127.0.0.2")
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b"\r\nRetry-After: 5\r\n" in head
        assert status("127.0.0.1") == b"200"
        # All are taken now; who has as many as one may is told that, and not to wait for others.
        assert status("127.0.0.3") == b"503"
        assert status("127.0.0.2") == b"429"
        first.close()
        # Its place is free once the server has found out that the client has gone.
        wait_for(lambda: status("127.0.0.2") == b"200")


def test_streams_hold_no_database_connection_but_the_one_that_listens(deployment, streams):
    listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%jobs'"
    wait_for(lambda: deployment.scalar(listening) == 1)
    in_transaction = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    # The engine's own transactions are seen between their statements, for moments; a stream's would last.
    wait_for(lambda: deployment.scalar(in_transaction) == 0)


def test_a_server_with_open_streams_stops_as_quickly_as_any(service, streams):
    begun = time.monotonic()
    os.kill(service.pid, signal.SIGTERM)
    assert service.wait() == 0
    assert time.monotonic() - begun < 5
