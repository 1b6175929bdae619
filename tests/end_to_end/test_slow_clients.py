"""Can a client hold the service up by sending slowly, or by not reading? Each server has two web threads."""

import os
import resource
import signal
import socket
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.sockets import ask, connected, read

HEAD_SECONDS = BODY_SECONDS = 0.5
THREADS = 2
# What a probe takes at most on a busy test machine; every limit of the server's own is longer.
PROMPT = 5.0

HOST = b"Host: localhost\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
LIVEZ_ONCE = b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n"
READYZ_ONCE = b"GET /readyz HTTP/1.0\r\n" + HOST + b"\r\n"
HALF_A_HEAD = b"GET /api/v1/jobs HTTP/1.1\r\nHost: local"
HALF_A_BODY = b"POST /api/submit HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{" % (
    HOST,
    10_000,
)
ONE_BODY = (
    HALF_A_BODY.removesuffix(b"{").replace(b"10000", b"%d").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
)
SMALL_BODY = 100_000


def deploy(migrated_database, tmp_path_factory, **settings):
    deployment = Deployment(tmp_path_factory.mktemp("slow"), migrated_database())
    ours = {"ENGINE_AUTOSTART": "off", "WEB_THREADS": str(THREADS), "LIVE_STREAMS": "1", **settings}
    return deployment.service(**ours)


@pytest.fixture(scope="module")
def strict(migrated_database, tmp_path_factory):
    """A server that gives a client up after half a second."""
    settings = {"WEB_HEAD_SECONDS": str(HEAD_SECONDS), "WEB_BODY_SECONDS": str(BODY_SECONDS)}
    with deploy(migrated_database, tmp_path_factory, **settings) as service:
        yield service


@pytest.fixture(scope="module")
def patient(migrated_database, tmp_path_factory):
    """A server that gives nobody up while these tests run."""
    with deploy(migrated_database, tmp_path_factory, WEB_HEAD_SECONDS="600", WEB_BODY_SECONDS="600") as service:
        yield service


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """Where the server below keeps its temporary files."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def small(migrated_database, tmp_path_factory, temporary):
    """A patient server that takes small bodies only."""
    settings = {"WEB_BODY_SECONDS": "600", "MAX_BODY_BYTES": str(SMALL_BODY), "TMPDIR": str(temporary)}
    with deploy(migrated_database, tmp_path_factory, **settings) as service:
        yield service


@contextmanager
def many(service, number: int, data: bytes, source: str = "127.0.0.1"):
    """So many connections on which this was sent."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(connected(service, source)) for _ in range(number)]
        for sock in sockets:
            sock.sendall(data)
        yield sockets


def assert_probed(service) -> None:
    for probe in (LIVEZ_ONCE, READYZ_ONCE, LIVEZ_ONCE.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")):
        answer = ask(service, probe)
        assert answer.status == 200
        assert answer.seconds < PROMPT


def assert_answered(service) -> None:
    answer = ask(service, b"GET /api/visits?limit=1 HTTP/1.0\r\n" + HOST + b"\r\n")
    assert answer.status == 200
    assert answer.seconds < PROMPT


def assert_silent(sock, seconds):
    """No answer comes, and the connection stays, for so long."""
    before = sock.gettimeout()
    sock.settimeout(seconds)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    sock.settimeout(before)


def test_heads_that_do_not_end_hold_up_nobody(patient):
    with many(patient, 50, HALF_A_HEAD):
        assert_probed(patient)
        assert_answered(patient)


def test_connections_that_say_nothing_hold_up_nobody(patient):
    with many(patient, 50, b""):
        assert_probed(patient)
        assert_answered(patient)


def test_bodies_that_do_not_end_hold_up_nobody(patient):
    with many(patient, 60, HALF_A_BODY, source="127.0.0.2"):
        assert_probed(patient)
        for source in ("127.0.0.1", "127.0.0.2"):
            seconds = []
            for body in (b"{}", b" " * 100_000):
                with connected(patient, source) as sock:
                    begun = time.monotonic()
                    sock.sendall(ONE_BODY % len(body))
                    sock.sendall(body)
                    assert read(sock, begun).status == 400
                    seconds.append(time.monotonic() - begun)
            assert min(seconds) < 0.5
            assert_answered(patient)


@pytest.mark.parametrize("headers", [b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", b"Content-Length: 99999999\r\n\r\n{"])
def test_nor_do_those_that_are_refused_unread(patient, headers):
    head = b"POST /api/submit HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    with many(patient, 60, head + headers) as sockets:
        assert_answered(patient)
        assert {read(sock).status for sock in sockets} <= {411, 413}


def test_bodies_beyond_what_a_worker_keeps_are_given_up_those_of_the_heaviest_client_first(small):
    most = 32 * SMALL_BODY
    with ExitStack() as stack:
        light = stack.enter_context(connected(small))
        light.sendall(ONE_BODY % SMALL_BODY + b" " * (SMALL_BODY - 1))
        heavy = []
        for _ in range(most // SMALL_BODY + 2):
            sock = stack.enter_context(connected(small, "127.0.0.2"))
            sock.sendall(ONE_BODY % SMALL_BODY + b" " * (SMALL_BODY - 1))
            heavy.append(sock)
        given_up = read(heavy[0])
        assert (given_up.status, given_up.headers["retry-after"]) == (503, "5")
        light.sendall(b" ")
        assert read(light).status == 400
        heavy[-1].sendall(b" ")
        assert read(heavy[-1]).status == 400


def test_what_is_answered_is_kept_no_longer_and_the_connection_goes_on(small):
    head = (ONE_BODY % SMALL_BODY).replace(b"Connection: close\r\n", b"")
    with connected(small) as sock:
        for _ in range(40):  # more than are kept at once
            sock.sendall(head)
            sock.sendall(b" " * SMALL_BODY)
            received = b""
            while b"}" not in received:
                received += sock.recv(4096)
            assert received.startswith(b"HTTP/1.1 400 ")


def test_a_body_for_which_there_is_no_room_is_refused_and_the_server_lives(small, temporary):
    body = b" " * SMALL_BODY
    assert ask(small, ONE_BODY % SMALL_BODY + body).status == 400
    away = temporary.rename(f"{temporary}-away")
    try:
        refused = ask(small, ONE_BODY % SMALL_BODY + body)
    finally:
        away.rename(temporary)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert ask(small, ONE_BODY % SMALL_BODY + body).status == 400


def test_a_probe_with_a_body_takes_no_thread_of_the_probes(patient):
    with many(patient, 4 * THREADS, LIVEZ.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n{")):
        assert_probed(patient)


def test_a_connection_has_so_many_probes_that_their_answers_fit_into_it_unread(patient):
    with connected(patient) as sock:
        sock.sendall(LIVEZ * 100)
        received = b""
        while data := sock.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 ") == 16


def test_answers_that_are_not_read_block_no_probe_asked_for_behind_them(patient):
    page = b"GET /api/v1/openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            sock = stack.enter_context(connected(patient))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(0.2)
            with suppress(OSError):
                sock.sendall((page + LIVEZ) * 200)
        assert_probed(patient)


def test_a_probe_may_be_asked_for_again_and_again_on_one_connection(patient):
    for _ in range(3):
        with connected(patient) as sock:
            for _ in range(10):
                sock.sendall(LIVEZ)
                received = b""
                while not received.endswith(b"\r\n0\r\n\r\n") and (data := sock.recv(4096)):
                    received += data
                assert received.startswith(b"HTTP/1.1 200 ")


def test_clients_that_do_not_close_their_side_hold_up_nobody(patient):
    closing = b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with many(patient, 50, closing) as sockets:
        begun = time.monotonic()
        for sock in sockets:
            assert b"200 OK" in sock.recv(4096)
        # One after the other they would take two seconds each.
        assert time.monotonic() - begun < 20
        assert_probed(patient)


def test_more_connections_than_a_worker_may_hold_push_out_the_oldest(patient):
    with many(patient, 1_050, b"G") as sockets:
        assert_probed(patient)
        assert sockets[0].recv(1) == b""
        sockets[-1].sendall(LIVEZ_ONCE[1:])
        assert read(sockets[-1]).status == 200


def test_without_a_file_left_the_oldest_are_pushed_out_and_the_worker_lives(patient):
    workers = Path(f"/proc/{patient.pid}/task/{patient.pid}/children").read_text().split()
    before = {int(pid): resource.prlimit(int(pid), resource.RLIMIT_NOFILE) for pid in workers}
    files = max(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers)
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files + 40, hard))
    try:
        with many(patient, 100, b"G"):
            assert ask(patient, LIVEZ_ONCE).status == 200
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert Path(f"/proc/{patient.pid}/task/{patient.pid}/children").read_text().split() == workers
    assert_probed(patient)


def test_half_a_head_is_given_up_in_time_with_an_answer(strict):
    for path, kind in [
        (b"/api/status", "application/json"),
        (b"/api/v1/jobs", "application/problem+json"),
    ]:
        answer = ask(strict, b"GET %b HTTP/1.1\r\nHost: local" % path)
        assert (answer.status, answer.headers["content-type"]) == (408, kind)
        assert HEAD_SECONDS <= answer.seconds < PROMPT


def test_so_is_a_head_that_comes_byte_by_byte(strict):
    with connected(strict) as sock:
        begun = time.monotonic()
        sock.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - begun < PROMPT:
            try:
                sock.sendall(b"X")
                answer = sock.recv(4096)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_says_nothing_is_closed_without_a_word(strict):
    with connected(strict) as sock:
        assert sock.recv(1) == b""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/submit", "application/json"),
        ("/api/v1/jobs", "application/problem+json"),
        ("/api/token/", "application/json"),
    ],
)
def test_half_a_body_is_given_up_in_time_with_an_answer(strict, path, kind):
    answer = ask(strict, HALF_A_BODY.replace(b"/api/submit", path.encode()))
    assert (answer.status, answer.headers["content-type"], answer.headers["connection"]) == (408, kind, "close")
    assert b"too slowly" in answer.body
    assert BODY_SECONDS <= answer.seconds < PROMPT


def test_so_is_one_that_comes_byte_by_byte(strict):
    with connected(strict) as sock:
        sock.sendall(HALF_A_BODY)
        begun = time.monotonic()
        sock.settimeout(0.02)
        answer = b""
        while not answer and time.monotonic() - begun < PROMPT:
            try:
                sock.sendall(b" ")
                answer = sock.recv(4096)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_half_a_form_is_given_up_with_our_page(strict, kind):
    cookie = b"Accept: text/html\r\nContent-Type: " + kind.encode()
    answer = ask(
        strict, HALF_A_BODY.replace(b"/api/submit", b"/sign-in/").replace(b"Content-Type: application/json", cookie)
    )
    assert (answer.status, answer.headers["content-type"]) == (408, "text/html; charset=utf-8")
    assert b"too slowly" in answer.body


def test_a_slow_body_within_its_pace_is_read(strict):
    body = b'{"count": 1, "visits": [{"store_id": "s", "visit_time": "t", "image_url": ["http://h/1"]}]}' + b" " * 9_000
    with connected(strict) as sock:
        sock.sendall(ONE_BODY % len(body))
        for start in range(0, len(body), 1_500):
            # Slower than its whole time, at more than the pace of 1,000 bytes a second.
            assert_silent(sock, 0.12)
            sock.sendall(body[start : start + 1_500])
        assert read(sock).status == 201


def test_a_kept_connection_is_read_on_in_pieces(strict):
    with connected(strict) as sock:
        for _ in range(3):
            for piece in (b"GET /api/visits?limit=1 HT", b"TP/1.1\r\nHost: localhost\r", b"\n\r\n"):
                assert_silent(sock, 0.02)
                sock.sendall(piece)
            received = b""
            while not received.endswith(b'{"results":[]}'):
                received += sock.recv(65536)
            assert received.startswith(b"HTTP/1.1 200 ")


def test_requests_sent_at_once_are_answered_in_order(strict):
    request = b"GET %b HTTP/1.1\r\n" + HOST
    with connected(strict) as sock:
        sock.sendall(
            request % b"/api/visits?limit=1"
            + b"\r\n"
            + request % b"/api/none"
            + b"\r\n"
            + request % b"/api/status"
            + b"Connection: close\r\n\r\n"
        )
        received = b""
        while data := sock.recv(65536):
            received += data
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 400]


def test_a_server_with_half_sent_requests_stops_as_quickly_as_any(patient):
    with many(patient, 20, HALF_A_HEAD), many(patient, 20, b""), many(patient, 20, HALF_A_BODY):
        assert_probed(patient)
        begun = time.monotonic()
        os.kill(patient.pid, signal.SIGTERM)
        assert patient.wait() == 0
        assert time.monotonic() - begun < 10
