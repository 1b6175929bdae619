"""Connections: refused, lost, shared between threads, limited per host, and never to an unchecked address."""

import errno
import ipaddress
import os
import socket
import threading
import time
from contextlib import suppress

import pytest

from jobs import errors
from jobs.imaging import sockets
from jobs.imaging.guard import Guard
from jobs.imaging.host_cap import HostBusy, HostCap
from jobs.imaging.types import Evidence
from proofs.world.fault_server import CloseConnection, FaultServer, closing, endless, resetting, response, silent
from tests.jobs.imaging.conftest import ALL_PORTS
from tests.waiting import wait_for


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_refused_connection_is_a_failed_one(fetch):
    with pytest.raises(errors.ConnectionFailed):
        fetch(f"http://127.0.0.1:{free_port()}/")


def test_a_connection_that_is_never_accepted_is_given_up(make_fetcher, evidence):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        # A full backlog drops further connections silently, as a dead host does.
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        fetcher = make_fetcher(timeouts=(0.2, 60), deadline_seconds=60)
        with pytest.raises(errors.ConnectionFailed):
            fetcher.fetch(url, evidence)
        fetcher, started = make_fetcher(timeouts=(60, 60), deadline_seconds=0.2), time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            fetcher.fetch(url, evidence)
        assert time.monotonic() - started < 30
        for sock in waiting:
            sock.close()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")
def test_an_ipv6_address_is_fetched_from_where_it_is_allowed(make_fetcher, evidence):
    guard = Guard([ipaddress.ip_network("::1/128")], [ALL_PORTS])
    with FaultServer(host="::1") as server:
        url = server.at("/", response(b"six"), host="[::1]")
        with make_fetcher(guard=guard).fetch(url, evidence) as download:
            assert download.file.read() == b"six"
        assert f"Host: [::1]:{server.port}" in server.requests[0]
        with pytest.raises(errors.Blocked):
            make_fetcher().fetch(url, evidence)


def test_the_peer_must_be_the_address_that_was_checked(fetch, server, monkeypatch):
    class Diverted(socket.socket):
        def getpeername(self):
            return "127.0.0.9", server.port

    monkeypatch.setattr(sockets.socket, "socket", Diverted)
    with pytest.raises(errors.Blocked):
        fetch(server.at("/", response(b"x")))
    assert server.requests == []


def test_a_process_without_free_descriptors_does_not_blame_the_server(fetch, server, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(sockets.socket, "socket", refuse)
    with pytest.raises(errors.Internal):
        fetch(server.url())


def test_each_thread_has_connections_of_its_own(fetcher, server):
    url = server.at("/", response(b"x"))

    def fetch_three():
        for _ in range(3):
            fetcher.fetch(url, Evidence()).file.close()

    threads = [threading.Thread(target=fetch_three) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.connections == 4
    assert len(server.requests) == 12


def test_closing_the_fetcher_closes_idle_connections(fetcher, server):
    ended = threading.Event()

    def answer(stage):
        stage.send(response(b"x"))
        if not stage.socket.recv(1):
            ended.set()

    fetcher.fetch(server.at("/", answer), Evidence()).file.close()
    fetcher.close()
    assert ended.wait(30)


def test_a_connection_that_the_server_has_closed_is_replaced(fetch, server):
    # This server closes after each answer and does not say so; the client may learn of it before or after it asks.
    url = server.at("/", closing(response(b"x")))
    for _ in range(30):
        assert fetch(url) == b"x"
    assert server.connections == 30


def test_a_request_is_sent_no_more_than_twice(fetch, server):
    answers = iter([response(b"x")])

    def answer_once(stage):
        stage.send(next(answers, b""))
        if len(server.requests) > 1:
            raise CloseConnection

    url = server.at("/", answer_once)
    assert fetch(url) == b"x"
    with pytest.raises(errors.ConnectionFailed):
        fetch(url)
    assert (len(server.requests), server.connections) == (3, 2)
    with pytest.raises(errors.ConnectionFailed):
        fetch(url)
    assert (len(server.requests), server.connections) == (4, 3)


def test_no_other_failure_is_repeated(fetch, server):
    assert fetch(server.at("/", response(b"x"))) == b"x"
    with pytest.raises(errors.ProtocolViolation):
        fetch(server.at("/odd", closing(b"SSH-2.0\r\n")))
    assert (len(server.requests), server.connections) == (2, 1)


def test_a_response_that_is_not_read_is_closed_at_once(fetch, server):
    ended = threading.Event()

    def answer(stage):
        stage.send(response(b"x" * 1000, "404 Not Found"))
        if not stage.socket.recv(1):
            ended.set()

    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", answer))
    assert ended.wait(30)
    assert caught.value.status == 404


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors where Linux lists them")
def test_no_failure_leaves_a_connection_open(make_fetcher, server):
    body = response(b"x" * 1000)
    answers = [
        closing(body[:-1]),
        resetting(body[:-1]),
        closing(b"SSH-2.0\r\n"),
        silent(),
        silent(body[:-1]),
        endless(response(length=False), b"x" * 10_000),
        response(b"x", "404 Not Found"),
        response(b"x", "302 Found", "Location: /"),
        response(b"x", "200 OK", "Content-Encoding: gzip"),
        body,
    ]
    before = open_descriptors()
    for n, answer in enumerate(answers):
        fetcher = make_fetcher(timeouts=(5, 0.1))
        with suppress(errors.FetchError):
            fetcher.fetch(server.at(f"/{n}", answer), Evidence()).file.close()
        fetcher.close()
    wait_for(lambda: open_descriptors() <= before)


def test_beyond_the_cap_of_a_host_a_download_does_not_wait(make_fetcher, server):
    fetcher = make_fetcher(per_host=1, deadline_seconds=0.5)
    url = server.at("/", silent())

    def fetch():
        with pytest.raises(errors.DeadlineExceeded):
            fetcher.fetch(url, Evidence())

    first = threading.Thread(target=fetch)
    first.start()
    wait_for(lambda: server.requests)
    with pytest.raises(HostBusy, match=r"127\.0\.0\.1:[0-9]+"):
        fetcher.fetch(url, Evidence())
    assert first.is_alive()
    first.join(5)
    assert not fetcher._cap._downloads


def test_hosts_do_not_wait_for_one_another():
    cap = HostCap(1)
    with cap.download("one.example:80"), cap.download("one.example:81"):
        assert len(cap._downloads) == 2
        with pytest.raises(HostBusy), cap.download("one.example:80"):
            pass
    assert not cap._downloads
