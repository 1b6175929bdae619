"""Host names: looked up in bounded time, and every answer checked before any is used."""

import socket
import threading
import time

import pytest

from jobs import errors
from jobs.imaging.connect import Resolver
from jobs.imaging.deadline import Deadline
from jobs.imaging.outcome import Evidence
from proofs.world.fault_server import closing, response
from tests.waiting import wait_for


class Names:
    """A name server for tests: what it answers, in turn; the last answer stays. It counts the questions."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host, port, **_):
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [info for address in addresses for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)]


def failing(error: Exception) -> Resolver:
    def look_up(*_, **__):
        raise error

    return Resolver(look_up)


@pytest.mark.parametrize(
    "resolver",
    [
        failing(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
        failing(socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure")),
        failing(UnicodeError("label empty or too long")),
        Resolver(lambda *_, **__: []),
    ],
)
def test_a_name_without_an_address_is_not_found(make_fetcher, evidence, resolver):
    with pytest.raises(errors.DNSNotFound):
        make_fetcher(resolver=resolver).fetch("http://images.example/", evidence)


def test_a_name_server_that_does_not_answer_is_a_timeout(make_fetcher, evidence):
    resolver = failing(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    with pytest.raises(errors.DNSTimeout):
        make_fetcher(resolver=resolver).fetch("http://images.example/", evidence)


@pytest.mark.parametrize(("seconds", "deadline_seconds"), [(0.2, 5), (5, 0.2)])
def test_a_hung_look_up_is_left_behind(make_fetcher, evidence, seconds, deadline_seconds):
    hanging = threading.Event()
    resolver = Resolver(lambda *_, **__: hanging.wait(10) and [], seconds=seconds)
    started = time.monotonic()
    with pytest.raises(errors.DNSTimeout):
        make_fetcher(resolver=resolver, deadline_seconds=deadline_seconds).fetch("http://images.example/", evidence)
    assert time.monotonic() - started < 1
    hanging.set()


def test_hung_look_ups_are_bounded_and_their_places_come_back():
    hanging, started = threading.Event(), []

    def look_up(host, port, **_):
        started.append(host)
        hanging.wait(10)
        return socket.getaddrinfo("127.0.0.1", port)

    resolver = Resolver(look_up, seconds=0.1, threads=2)
    for _ in range(4):
        with pytest.raises(errors.DNSTimeout):
            resolver.resolve("images.example", 80, Deadline(5))
    assert len(started) == 2
    hanging.set()
    wait_for(lambda: resolver._free._value == 2)
    assert resolver.resolve("images.example", 80, Deadline(5))


def test_the_wait_for_a_place_ends_at_the_deadline():
    resolver = Resolver(seconds=60, threads=1)
    resolver._free.acquire()
    started = time.monotonic()
    with pytest.raises(errors.DNSTimeout):
        resolver.resolve("images.example", 80, Deadline(0.05))
    assert time.monotonic() - started < 3


def test_a_look_up_that_finds_no_thread_keeps_no_place(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    resolver = Resolver(threads=1)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            resolver.resolve("images.example", 80, Deadline(5))


def test_one_look_up_serves_all_requests_on_a_connection(make_fetcher, server):
    names = Names(["127.0.0.1"])
    fetcher = make_fetcher(resolver=Resolver(names))
    url = server.at("/", response(b"x"), host="images.example")
    for _ in range(20):
        fetcher.fetch(url, Evidence()).file.close()
    assert (names.asked, server.connections) == (1, 1)
    assert f"Host: images.example:{server.port}" in server.requests[0]


def test_an_address_is_asked_for_without_a_look_up_thread(make_fetcher, server, evidence, monkeypatch):
    resolver = Resolver(threads=1)
    resolver._free.acquire()  # as if a hung look-up held the only place
    make_fetcher(resolver=resolver).fetch(server.at("/", response(b"x")), evidence).file.close()


@pytest.mark.parametrize("bad", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("first", [True, False])
def test_one_forbidden_answer_spoils_all(make_fetcher, server, evidence, bad, first):
    names = Names([bad, "127.0.0.1"] if first else ["127.0.0.1", bad])
    with pytest.raises(errors.Blocked) as caught:
        make_fetcher(resolver=Resolver(names)).fetch(server.url("/", host="images.example"), evidence)
    assert server.connections == 0
    assert "images.example" in str(caught.value)
    assert bad not in str(caught.value)


def test_a_name_that_changes_its_mind_is_blocked_at_the_next_connection(make_fetcher, server, evidence):
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    fetcher = make_fetcher(resolver=Resolver(names))
    url = server.at("/", closing(response(b"x", "200 OK", "Connection: close")), host="images.example")
    fetcher.fetch(url, evidence).file.close()
    with pytest.raises(errors.Blocked):
        fetcher.fetch(url, evidence)
    assert (names.asked, server.connections) == (2, 1)


@pytest.mark.parametrize(("dead", "reached"), [(0, True), (1, True), (3, True), (4, False)])
def test_dead_addresses_are_passed_over_up_to_four_tries(make_fetcher, server, evidence, dead, reached):
    # Nothing listens on these: the server is bound to 127.0.0.1 alone.
    names = Names([*(f"127.0.0.{n}" for n in range(2, 2 + dead)), "127.0.0.1"])
    fetcher = make_fetcher(resolver=Resolver(names))
    url = server.at("/", response(b"x"), host="images.example")
    if reached:
        fetcher.fetch(url, evidence).file.close()
    else:
        with pytest.raises(errors.ConnectionFailed):
            fetcher.fetch(url, evidence)


def test_a_final_dot_reaches_the_name_server_and_not_the_web_server(make_fetcher, server, evidence):
    asked = []

    def look_up(host, port, **_):
        asked.append(host)
        return socket.getaddrinfo("127.0.0.1", port)

    url = server.at("/", response(b"x"), host="images.example.")
    make_fetcher(resolver=Resolver(look_up)).fetch(url, evidence).file.close()
    assert asked == ["images.example."]
    assert f"Host: images.example:{server.port}" in server.requests[0]


def test_a_real_name_is_resolved_by_the_system():
    assert Resolver().resolve("localhost", 80, Deadline(5))
