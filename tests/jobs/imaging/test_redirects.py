"""Which redirects are followed, how far, and what they cost."""

import socket

import pytest

from jobs import errors
from jobs.imaging.deadline import Deadline
from jobs.imaging.guard import Guard
from proofs.world.fault_server import FaultServer, closing, endless, response
from tests.jobs.imaging.conftest import LOOPBACK


def redirect(location: str, status: str = "302 Found") -> bytes:
    return response(b"", status, f"Location: {location}")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_followed_and_remembered(fetch, server, evidence, status):
    good = server.at("/good", response(b"good"))
    assert fetch(server.at("/", redirect("/good", status))) == b"good"
    assert evidence.redirects == [good]
    assert evidence.http_status == 200


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("good", "/folder/good"),
        ("../good", "/good"),
        ("?size=1", "/folder/?size=1"),
        ("good#fragment", "/folder/good"),
        ("/grün/日本.jpg", "/gr%C3%BCn/%E6%97%A5%E6%9C%AC.jpg"),
        ("/<good>", "/%3Cgood%3E"),
    ],
)
def test_a_location_may_be_relative_or_utf8(fetch, server, location, path):
    server.at(path, response(b"good"))
    header = response(b"", "302 Found", "Location: X").replace(b"X", location.encode(), 1)
    assert fetch(server.at("/folder/", header)) == b"good"


def test_a_location_in_latin1_is_followed_too(fetch, server):
    server.at("/gr%C3%BCn", response(b"good"))
    header = response(b"", "302 Found", "Location: /gr").replace(b"/gr", "/grün".encode("latin-1"))
    assert fetch(server.at("/", header)) == b"good"


def test_an_absolute_location_may_lead_to_another_server(fetch, server):
    with FaultServer() as other:
        assert fetch(server.at("/", redirect(other.at("/good", response(b"good"))))) == b"good"


def chain(server, hops: int) -> str:
    for hop in range(hops):
        server.at(f"/{hop}", redirect(f"/{hop + 1}"))
    server.at(f"/{hops}", response(b"end"))
    return server.url("/0")


def test_the_longest_chain_is_followed_and_one_more_is_too_long(fetch, server, evidence):
    assert fetch(chain(server, 3)) == b"end"
    with pytest.raises(errors.TooManyRedirects):
        fetch(chain(server, 4))


def test_a_chain_too_long_ends_at_the_limit(fetcher, server, evidence):
    with pytest.raises(errors.TooManyRedirects):
        fetcher.fetch(chain(server, 30), evidence)
    assert len(server.requests) == 4
    assert evidence.redirects == [server.url(f"/{hop}") for hop in range(1, 5)]


def test_without_redirects_allowed_the_first_one_is_too_many(make_fetcher, server, evidence):
    with pytest.raises(errors.TooManyRedirects):
        make_fetcher(max_redirects=0).fetch(server.at("/", redirect("/good")), evidence)


def test_a_redirect_without_a_location_is_a_bad_redirect(fetch, server):
    with pytest.raises(errors.BadRedirect, match="without saying where"):
        fetch(server.at("/", response(b"", "302 Found")))


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1:1"])
def test_a_redirect_passes_the_checks_of_addresses_and_ports(make_fetcher, server, evidence, host):
    fetcher = make_fetcher(guard=Guard([LOOPBACK], [range(80, 81), range(server.port, server.port + 1)]))
    with pytest.raises(errors.Blocked):
        fetcher.fetch(server.at("/", redirect(f"http://{host}/")), evidence)


def test_the_session_itself_reads_no_redirects_body_either(fetcher, server):
    # We do not use Session.get, but it must not read for ever either.
    session = fetcher._session()
    session._connector.deadline = Deadline(1)
    url = server.at("/", endless(response(b"", "302 Found", "Location: /good", length=False), b"x" * 100_000))
    with session.get(url, stream=True, timeout=1) as answer:
        assert answer.status_code == 302


def test_a_redirect_to_a_dead_server_is_a_failed_connection(fetch, server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.ConnectionFailed):
        fetch(server.at("/", closing(redirect(f"http://127.0.0.1:{port}/"))))
