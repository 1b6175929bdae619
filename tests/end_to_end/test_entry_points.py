"""The entry points of a real server on real sockets: what it refuses unread, and what it says when it starts."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.service import Service
from proofs.world.logs import read_log
from tests.end_to_end.conftest import Deployment
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def deployment(migrated_database, tmp_path_factory) -> Deployment:
    return Deployment(tmp_path_factory.mktemp("entry-points"), migrated_database())


@pytest.fixture(scope="module")
def server(deployment) -> Iterator[tuple[Service, Path]]:
    """A server on loopback that leaves API_OPEN unset, with its state directory; shared by this file's tests."""
    with deployment.service(API_OPEN=None, ENGINE_AUTOSTART="off", MAX_BODY_BYTES="1024") as service:
        yield service, deployment.home


def exchange(port: int, head: str, body: bytes = b"") -> bytes:
    """The whole answer to a request of which only this is ever sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        answer = b""
        # Read up to the body's end: the server may wait for the rest of ours before it closes.
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head_end = answer.index(b"\r\n\r\n") + 4
        (length,) = [int(line.split(b":")[1]) for line in answer[:head_end].splitlines() if b"ontent-Length" in line]
        while len(answer) < head_end + length:
            answer += connection.recv(65536)
    return answer


PATHS = ["/api/submit/", "/api/token/", "/api/nothing", "/admin/login/", "/nothing"]
FORMS = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "files": "multipart/form-data; boundary=x",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_body_that_is_too_large_is_413_before_a_byte_of_it_was_sent(server, path, form):
    head = f"POST {path} HTTP/1.1\nHost: 127.0.0.1\nContent-Type: {form}\nContent-Length: 1025"
    answer = exchange(server[0].port, head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    body = answer.partition(b"\r\n\r\n")[2].decode()
    assert "larger than this service accepts" in body
    assert body.startswith('{"error":' if path.startswith("/api") else "The body")


@pytest.mark.parametrize("path", PATHS)
def test_a_chunked_body_is_411_before_a_byte_of_it_was_sent(server, path):
    head = (
        f"POST {path} HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nTransfer-Encoding: chunked\n"
        "Connection: close"
    )
    assert exchange(server[0].port, head).startswith(b"HTTP/1.1 411 ")


def test_a_body_of_exactly_the_limit_is_read(server):
    body = b"x" * 1024
    head = "POST /api/submit/ HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\nContent-Length: 1024"
    answer = exchange(server[0].port, head, body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"not JSON" in answer


@pytest.mark.parametrize(
    "header",
    ["Basic YTpi", "Bearer \x01", "Bearer \u00ff", "Bearer " + "a" * 5000, "Bearer", "bearer rp_1", "\u00ff" * 50],
)
def test_no_authorization_header_breaks_a_real_server(server, header):
    head = f"GET /api/visits HTTP/1.1\nHost: 127.0.0.1\nAuthorization: {header}"
    # 400 is gunicorn's own refusal of what is no header.
    assert exchange(server[0].port, head)[9:12] in (b"401", b"400")


def test_the_log_says_at_the_start_that_the_api_is_open_and_to_whom(server):
    service, home = server

    def opened() -> list[dict]:
        lines = read_log(home / "retail-pulse.log")
        return [line for line in lines if line["event"].startswith("API open")]

    (line,) = wait_for(opened)
    assert line["level"] == "warning"
    assert "no credentials" in line["event"]
    assert "proxy" in line["event"]
    assert line["at"] == f"http://127.0.0.1:{service.port}"


def test_an_open_api_serves_this_machine_and_not_who_comes_through_a_proxy(server):
    ask = "GET /api/visits HTTP/1.1\nHost: 127.0.0.1"
    assert exchange(server[0].port, ask).startswith(b"HTTP/1.1 200 ")
    assert exchange(server[0].port, f"{ask}\nX-Forwarded-For: 203.0.113.1").startswith(b"HTTP/1.1 401 ")


def test_a_key_made_by_the_command_opens_a_running_server(server, deployment, manage):
    service, _ = server
    key = manage(deployment, "create_api_key", "till", "--scope", "read")
    ask = f"GET /api/visits HTTP/1.1\nHost: 127.0.0.1\nVia: a proxy\nAuthorization: Bearer {key}"
    assert exchange(service.port, ask).startswith(b"HTTP/1.1 200 ")

    manage(deployment, "revoke_api_key", key.split("_")[1])
    assert exchange(service.port, ask).startswith(b"HTTP/1.1 401 ")
