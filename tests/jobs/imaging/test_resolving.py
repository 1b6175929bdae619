"""Host names: looked up in bounded time, and every answer checked before any is used."""

import socket
import threading
import time

import pytest

from jobs import errors
from jobs.imaging.deadline import Deadline
from jobs.imaging.resolver import Resolver
from jobs.imaging.types import Evidence
from proofs.world.fault_server import closing, response
from tests.waiting import wait_for


class Names:
    """A name server for tests: gives its answers in turn, and then repeats the last one. It counts the queries."""

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


@pytest.mark.parametrize(("seconds", "deadline_seconds"), [(0.2, 60), (60, 0.2)])
def test_a_hung_look_up_is_abandoned(make_fetcher, evidence, seconds, deadline_seconds):
    hanging = threading.Event()
    resolver = Resolver(lambda *_, **__: hanging.wait(60) and [], seconds=seconds)
    started = time.monotonic()
    with pytest.raises(errors.DNSTimeout):
        make_fetcher(resolver=resolver, deadline_seconds=deadline_seconds).fetch("http://images.example/", evidence)
    assert time.monotonic() - started < 30
    hanging.set()


class Hanging:
    """A name server that does not answer for names that begin with "hung", until it is released."""

    def __init__(self):
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, host, port, **_):
        self.asked.append(host)
        if host.startswith("hung"):
            self.let_go.wait(60)
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)


@pytest.fixture
def hanging():
    names = Hanging()
    yield names
    names.let_go.set()


def test_a_hung_name_has_one_look_up_however_many_need_it(hanging):
    resolver = Resolver(hanging, seconds=0.3)

    def ask(port):
        with pytest.raises(errors.DNSTimeout):
            resolver.resolve("hung.example", port, Deadline(60))

    threads = [threading.Thread(target=ask, args=[80 + n % 2]) for n in range(20)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert time.monotonic() - started < 30
    ask(80)
    assert hanging.asked == ["hung.example"]


def test_a_shared_look_up_gives_each_request_its_own_port(hanging):
    resolver = Resolver(hanging)
    ports = []
    threads = [
        threading.Thread(target=lambda p=port: ports.append((p, resolver.resolve("hung.example", p, Deadline(5)))))
        for port in (80, 8080)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: hanging.asked)
    hanging.let_go.set()
    for thread in threads:
        thread.join(60)
    assert {port: info[-1][1] for port, infos in ports for info in infos} == {80: 80, 8080: 8080}


def test_a_name_that_did_not_resolve_is_not_looked_up_again_for_a_moment(hanging, monkeypatch):
    monkeypatch.setattr("jobs.imaging.resolver.NEGATIVE_SECONDS", 0.3)
    resolver = Resolver(hanging, seconds=0.1)
    with pytest.raises(errors.DNSTimeout):
        resolver.resolve("hung.example", 80, Deadline(5))
    hanging.let_go.set()
    wait_for(lambda: not resolver._alive)
    # A late answer shows that it resolves again: there is no need to wait any longer.
    assert resolver.resolve("hung.example", 80, Deadline(5))


def test_no_name_waits_for_another_ones_hung_look_up(hanging):
    resolver = Resolver(hanging, seconds=0.05)
    for n in range(100):
        with pytest.raises(errors.DNSTimeout):
            resolver.resolve(f"hung{n}.example", 80, Deadline(0.001))
    assert resolver.resolve("images.example", 80, Deadline(30))
    assert not hanging.let_go.is_set()


def test_hung_look_ups_are_bounded_and_a_name_that_answered_before_is_found_all_the_same(hanging):
    resolver = Resolver(hanging, seconds=0.05, threads=3)
    known = resolver.resolve("images.example", 80, Deadline(5))
    wait_for(lambda: not resolver._alive)
    for n in range(5):
        with pytest.raises(errors.DNSTimeout):
            resolver.resolve(f"hung{n}.example", 80, Deadline(5))
    assert hanging.asked == ["images.example", "hung0.example", "hung1.example", "hung2.example"]
    assert resolver.resolve("images.example", 80, Deadline(5)) == known
    with pytest.raises(errors.DNSTimeout):
        resolver.resolve("unknown.example", 80, Deadline(5))
    hanging.let_go.set()
    wait_for(lambda: not resolver._alive)
    assert resolver.resolve("unknown.example", 80, Deadline(5))


def test_a_name_whose_look_up_is_lost_gets_another(hanging, monkeypatch):
    monkeypatch.setattr("jobs.imaging.resolver.LOST_SECONDS", 0.05)
    monkeypatch.setattr("jobs.imaging.resolver.NEGATIVE_SECONDS", 0.0)
    resolver = Resolver(hanging, seconds=0.05)
    for _ in range(2):
        with pytest.raises(errors.DNSTimeout):
            resolver.resolve("hung.example", 80, Deadline(5))
    assert hanging.asked == ["hung.example"] * 2


def test_what_is_remembered_of_names_is_bounded(hanging, monkeypatch):
    monkeypatch.setattr("jobs.imaging.resolver.MOST_KNOWN", 10)
    resolver = Resolver(hanging)
    for n in range(50):
        resolver.resolve(f"images{n}.example", 80, Deadline(5))
    wait_for(lambda: not resolver._alive)
    assert (len(resolver._known), resolver._running, resolver._silent) == (10, {}, {})


def test_the_wait_for_a_look_up_ends_at_the_deadline(hanging):
    resolver = Resolver(hanging, seconds=60)
    started = time.monotonic()
    with pytest.raises(errors.DNSTimeout):
        resolver.resolve("hung.example", 80, Deadline(0.05))
    assert time.monotonic() - started < 30


def test_a_look_up_that_gets_no_thread_does_not_count(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    resolver = Resolver(threads=1)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            resolver.resolve("images.example", 80, Deadline(5))
    assert (resolver._alive, resolver._running) == (0, {})


def test_one_look_up_serves_all_requests_on_a_connection(make_fetcher, server):
    names = Names(["127.0.0.1"])
    fetcher = make_fetcher(resolver=Resolver(names))
    url = server.at("/", response(b"x"), host="images.example")
    for _ in range(20):
        fetcher.fetch(url, Evidence()).file.close()
    assert (names.asked, server.connections) == (1, 1)
    assert f"Host: images.example:{server.port}" in server.requests[0]


def test_an_address_is_asked_for_without_a_look_up_thread(make_fetcher, server, evidence, monkeypatch):
    resolver = Resolver(threads=0)
    make_fetcher(resolver=resolver).fetch(server.at("/", response(b"x")), evidence).file.close()


@pytest.mark.parametrize("bad", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("first", [True, False])
def test_one_forbidden_address_refuses_the_name(make_fetcher, server, evidence, bad, first):
    names = Names([bad, "127.0.0.1"] if first else ["127.0.0.1", bad])
    with pytest.raises(errors.Blocked) as caught:
        make_fetcher(resolver=Resolver(names)).fetch(server.url("/", host="images.example"), evidence)
    assert server.connections == 0
    assert "images.example" in str(caught.value)
    assert bad not in str(caught.value)


def test_a_name_that_resolves_to_another_address_is_blocked_at_the_next_connection(make_fetcher, server, evidence):
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    fetcher = make_fetcher(resolver=Resolver(names))
    url = server.at("/", closing(response(b"x", "200 OK", "Connection: close")), host="images.example")
    fetcher.fetch(url, evidence).file.close()
    with pytest.raises(errors.Blocked):
        fetcher.fetch(url, evidence)
    assert (names.asked, server.connections) == (2, 1)


@pytest.mark.parametrize(("dead", "reached"), [(0, True), (1, True), (3, True), (4, False)])
def test_dead_addresses_are_skipped_up_to_four_attempts(make_fetcher, server, evidence, dead, reached):
    # Nothing listens on these: the server is only bound to 127.0.0.1.
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
