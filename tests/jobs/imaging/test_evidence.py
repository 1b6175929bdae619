"""What an attempt records: the class of the address, and the content type that the server declared."""

import ipaddress
import socket
import threading
from contextlib import suppress

import pytest

from jobs import errors
from jobs.imaging import sockets
from jobs.imaging.guard import NOT_PUBLIC, Guard, address_class
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.resolver import Resolver
from jobs.imaging.types import Claim
from proofs.world.fault_server import FaultServer, closing, response, silent
from tests.jobs.imaging.conftest import ALL_PORTS, LOOPBACK


def typed(content_type: str, status: str = "200 OK") -> bytes:
    return response(b"image", status, f"Content-Type: {content_type}")


def moved(location: str) -> bytes:
    return response(b"", "302 Found", f"Location: {location}", "Content-Type: text/html")


class Names:
    """A look-up that knows these hosts."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses

    def __call__(self, host, port, **options):
        found = self.addresses.get(host.removesuffix(".example"), [host])
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [info for address in found for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)]


CLASSES = {
    "public": ["1.1.1.1", "168.63.129.15", "172.32.0.0", "100.128.0.0", "2606:4700:4700::1111"],
    "loopback": ["127.0.0.1", "127.255.255.255", "::1"],
    "private": ["10.0.0.0", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1", "fec0::1"],
    "link-local": ["169.254.0.1", "169.254.169.253", "fe80::1", "febf::1"],
    "carrier-grade NAT": ["100.64.0.0", "100.127.255.255"],
    "metadata": ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "translated": ["::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "2001::1", "::a00:1"],
    "reserved": ["0.0.0.0", "198.18.0.1", "240.0.0.1", "192.88.99.1", "4000::1", "100::1", "images.example", ""],
}


@pytest.mark.parametrize(("word", "address"), [(word, address) for word in CLASSES for address in CLASSES[word]])
def test_every_address_has_a_class(word, address):
    assert address_class(address) == word
    assert len(word) <= 32


def test_an_address_is_called_public_only_where_the_guard_calls_it_so():
    guard = Guard(is_own=lambda _: False)
    for word, addresses in CLASSES.items():
        for address in addresses:
            with suppress(errors.Blocked):
                guard.check("images.example", address)
                assert word == "public", address


def test_an_attempt_says_what_kind_of_address_it_went_to(fetch, server, evidence):
    fetch(server.at("/", typed("image/jpeg")))
    assert (evidence.address_class, evidence.content_type) == ("loopback", "image/jpeg")


def test_a_host_that_refuses_or_stays_silent_has_an_address_nevertheless(make_fetcher, server, evidence):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.ConnectionFailed):
        make_fetcher().fetch(f"http://127.0.0.1:{port}/", evidence)
    assert evidence.address_class == "loopback"
    evidence.address_class = ""
    with pytest.raises(errors.ReadTimeout):
        make_fetcher(timeouts=(5, 0.1)).fetch(server.at("/", silent()), evidence)
    assert (evidence.address_class, evidence.content_type) == ("loopback", "")


@pytest.mark.parametrize("code", [errors.DNSNotFound, errors.InvalidURL])
def test_an_attempt_without_an_address_has_no_class(make_fetcher, evidence, code):
    url = "http://gone.example/" if code is errors.DNSNotFound else "images.example"
    with pytest.raises(code):
        make_fetcher(resolver=Resolver(Names(gone=[]))).fetch(url, evidence)
    assert evidence.address_class == ""


REFUSED = [
    "10.1.2.3", "192.168.0.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "192.0.2.1",
    "224.0.0.1", "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "0.0.0.0",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.parametrize("by_name", [True, False])
def test_the_class_of_a_refused_address_is_not_revealed(make_fetcher, evidence, address, by_name):
    literal = f"[{address}]" if ":" in address else address
    fetcher = make_fetcher(resolver=Resolver(Names(intranet=[address])))
    with pytest.raises(errors.Blocked):
        fetcher.fetch(f"http://{'intranet.example' if by_name else literal}/", evidence)
    assert evidence.address_class == NOT_PUBLIC


def test_this_machines_own_public_address_is_not_revealed(make_fetcher, evidence):
    guard = Guard([LOOPBACK], [ALL_PORTS], is_own=lambda _: True)
    fetcher = make_fetcher(guard=guard, resolver=Resolver(Names(own=["93.184.216.34"])))
    with pytest.raises(errors.Blocked):
        fetcher.fetch("http://own.example/", evidence)
    assert evidence.address_class == NOT_PUBLIC


@pytest.mark.parametrize("addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
def test_one_refused_address_of_a_host_hides_the_others(make_fetcher, evidence, addresses):
    fetcher = make_fetcher(resolver=Resolver(Names(mixed=addresses)))
    with pytest.raises(errors.Blocked):
        fetcher.fetch("http://mixed.example/", evidence)
    assert evidence.address_class == NOT_PUBLIC


def test_a_peer_that_is_not_the_address_is_not_revealed_either(fetch, server, evidence, monkeypatch):
    class Diverted(socket.socket):
        def getpeername(self):
            return "10.0.0.9", server.port

    monkeypatch.setattr(sockets.socket, "socket", Diverted)
    with pytest.raises(errors.Blocked):
        fetch(server.at("/", response(b"x")))
    assert evidence.address_class == NOT_PUBLIC


def test_the_address_tried_last_is_the_one_recorded(make_fetcher, server, evidence):
    nowhere = "240.0.0.1"
    guard = Guard([LOOPBACK, ipaddress.ip_network(f"{nowhere}/32")], [ALL_PORTS])
    names = Names(second=[nowhere, "127.0.0.1"], neither=["127.0.0.1", nowhere])
    fetcher = make_fetcher(guard=guard, resolver=Resolver(names), timeouts=(0.2, 5))
    fetcher.fetch(server.at("/", typed("image/png"), host="second.example"), evidence).close()
    assert evidence.address_class == "loopback"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.ConnectionFailed):
        fetcher.fetch(f"http://neither.example:{port}/", evidence)
    assert evidence.address_class == "reserved"


@pytest.mark.parametrize(
    ("target", "error", "expected"),
    [
        ("http://10.0.0.1/", errors.Blocked, NOT_PUBLIC),
        ("http://gone.example/", errors.DNSNotFound, ""),
        ("/missing", errors.HTTPStatus, "loopback"),
    ],
)
def test_after_a_redirect_it_is_the_last_hosts_address_and_the_last_answers_type(
    make_fetcher, server, evidence, target, error, expected
):
    fetcher = make_fetcher(resolver=Resolver(Names(gone=[])))
    with pytest.raises(error):
        fetcher.fetch(server.at("/", moved(target)), evidence)
    assert evidence.address_class == expected
    # An answer without a type does not keep the one before.
    assert evidence.content_type == ("" if error is errors.HTTPStatus else "text/html")
    assert len(evidence.redirects) == 1


def test_a_kept_connection_has_the_class_of_its_address(make_fetcher, server, evidence):
    fetcher = make_fetcher()
    url = server.at("/", typed("image/png"))
    fetcher.fetch(url, evidence).close()
    # Another host in between: the class belongs to the connection, not to the worker slot.
    with pytest.raises(errors.Blocked):
        fetcher.fetch("http://10.0.0.1/", evidence)
    assert evidence.address_class == NOT_PUBLIC
    fetcher.fetch(url, evidence).close()
    assert evidence.address_class == "loopback"
    assert server.connections == 1


def test_a_kept_connection_that_is_dead_is_replaced_in_the_evidence_by_the_new_one(make_fetcher, evidence):
    names = Names(moving=["127.0.0.1"])
    with FaultServer() as server:
        fetcher = make_fetcher(resolver=Resolver(names))
        asked = threading.Event()

        def answer(stage):
            if asked.is_set():
                closing(b"")(stage)
            asked.set()
            stage.send(typed("image/png"))

        url = server.at("/", answer, host="moving.example")
        fetcher.fetch(url, evidence).close()
        names.addresses["moving"] = ["10.0.0.1"]
        with pytest.raises(errors.Blocked):
            fetcher.fetch(url, evidence)
    assert evidence.address_class == NOT_PUBLIC


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Content-Type: text/html; charset=utf-8", "text/html; charset=utf-8"),
        (b"cOnTeNt-tYpE:image/png  ", "image/png"),
        (b"Content-Type:", ""),
        (b"X-Other: image/png", ""),
        (b"Content-Type: image/png\r\nContent-Type: text/html", "image/png, text/html"),
        (b"Content-Type: image/\x00p\x07n\x1b\x85g\x7f", "image/png"),
        (b"Content-Type: \x00\x01\x02", ""),
        (b"Content-Type: \x01 image/png \x02", "image/png"),
        (b"Content-Type: im\xe4ge", "im\xe4ge"),
        (b"Content-Type: " + b"x" * 100, "x" * 100),
        (b"Content-Type: " + b"x" * 101, "x" * 100),
        (b"Content-Type: " + b"x" * 60_000, "x" * 100),
        (b"Content-Type: \x00" + b"x" * 100, "x" * 100),
        (b"Content-Type: <script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_the_type_is_what_the_server_declared_made_safe_to_keep(fetch, server, evidence, header, expected):
    with pytest.raises(errors.HTTPStatus):
        fetch(server.at("/", b"HTTP/1.1 404 Gone\r\n" + header + b"\r\nContent-Length: 0\r\n\r\n"))
    assert evidence.content_type == expected


def test_the_type_of_one_attempt_is_not_the_next_ones(make_fetcher, server):
    pipeline = Pipeline(make_fetcher(), object(), check="header", max_pixels=1)
    page = server.at("/page", typed("text/html", "404 Not Found"))
    for url, expected in [(page, ("loopback", "text/html")), ("http://10.0.0.1/", (NOT_PUBLIC, ""))]:
        seen = pipeline.process(Claim(1, 1, 1, 1, url)).evidence
        assert (seen.address_class, seen.content_type) == expected
