"""A POST: sent once, through the guard, and in bounded time, whatever the server does."""

import socket
from contextlib import ExitStack

import pytest

from jobs import errors
from jobs.imaging.guard import Guard
from jobs.imaging.post import MOST_BYTES, Poster
from jobs.imaging.resolver import Resolver
from jobs.imaging.sockets import Connector
from proofs.world.authority import Authority
from proofs.world.fault_server import FaultServer, chunked, closing, dripping, endless, resetting, response, silent
from tests.jobs.imaging.conftest import ALL_PORTS, LOOPBACK

BODY = '{"name":"Łódź"}'.encode()


@pytest.fixture
def make_poster():
    with ExitStack() as stack:

        def make(**options):
            poster = Poster(
                Guard([LOOPBACK], [ALL_PORTS]), **{"deadline_seconds": 10, "timeouts": (5.0, 5.0)} | options
            )
            stack.callback(poster.close)
            return poster

        yield make


@pytest.fixture
def post(make_poster, server):
    """Post to a server that behaves so."""
    poster = make_poster()
    return lambda behaviour, path="/": poster.post(server.at(path, behaviour), {"X-Name": "value"}, BODY)


def test_the_answer_is_its_status_and_its_text(post):
    answer = post(response("naïve\n".encode(), "202 Accepted", "Retry-After: 7"))
    assert answer == (202, "naïve\n", 7.0)
    assert post(chunked(b"in ", b"pieces"), "/chunked").text == "in pieces"
    assert post(closing(response(b"to the end", length=False)), "/closing").text == "to the end"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent", "500 Oops", "410 Gone"])
def test_every_status_is_an_answer_and_no_redirect_is_followed(post, server, status):
    target = server.at("/target", response(b"never"))
    assert post(response(b"", status, f"Location: {target}")).status == int(status[:3])
    assert len(server.requests) == 1


def test_each_has_a_connection_of_its_own(post, server):
    for _ in range(3):
        post(response(b"ok"))
    assert server.connections == 3


def test_a_request_that_may_have_been_processed_is_not_sent_again(post, server):
    with pytest.raises(errors.ConnectionFailed):
        post(resetting())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (closing(b""), errors.ConnectionFailed),
        (closing(b"HTTP/1.1 200 OK\r\nX-A: "), errors.ConnectionFailed),
        (closing(b"220 mail.example ESMTP\r\n"), errors.ProtocolViolation),
        (response(b"", "200 OK", *[f"X-{number}: 1" for number in range(200)]), errors.ProtocolViolation),
    ],
)
def test_what_is_no_answer_has_the_code_of_the_reason(post, behaviour, error):
    with pytest.raises(error):
        post(behaviour)


@pytest.mark.parametrize(
    "behaviour",
    [silent(), silent(b"HTTP/1.1 200 OK\r\n"), dripping(b"HTTP/1.1 200 OK\r\nX: ", b"x"), dripping(b"", b"HTTP")],
)
def test_whatever_hangs_ends_at_the_deadline_and_leaves_no_socket_open(make_poster, server, behaviour, monkeypatch):
    opened = []
    connect = Connector.connect
    monkeypatch.setattr(Connector, "connect", lambda *given: opened.append(connect(*given)) or opened[-1])
    with pytest.raises(errors.FetchError) as ended:
        make_poster(deadline_seconds=0.2).post(server.at("/", behaviour), {}, BODY)
    assert ended.value.code in {"deadline", "connection", "protocol"}
    # While the error is still held, too: of receivers that hang there may be many at once.
    assert [sock.fileno() for sock in opened] == [-1]


@pytest.mark.parametrize(
    "behaviour",
    [
        endless(response(b"", length=False) + b"x" * MOST_BYTES, b"x" * 1000),
        silent(response(b"", "200 OK", "Content-Length: 99999", length=False) + b"x" * MOST_BYTES),
    ],
)
def test_of_a_body_only_the_beginning_is_waited_for(post, behaviour):
    assert post(behaviour) == (200, "x" * MOST_BYTES, None)


def test_a_body_that_breaks_off_changes_no_status(post):
    assert post(closing(response(b"", "200 OK", "Content-Length: 99", length=False) + b"half")).status == 200


def test_what_cannot_be_shown_or_stored_is_replaced(post):
    assert post(response(b"a\x00\x1b[1m\xffb\tc\n")).text == "a\ufffd\ufffd[1m\ufffdb\tc\n"


def test_over_tls_the_name_is_verified_and_else_nothing_is_sent(make_poster, tmp_path):
    authority = Authority(tmp_path)

    def to_loopback(host, port, **_):
        return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)

    poster = make_poster(ca_file=str(authority.file), resolver=Resolver(to_loopback))
    with FaultServer(authority.server_context("receiver.example")) as server:
        assert poster.post(server.at("/", response(b"ok"), host="receiver.example"), {}, BODY).status == 200
        with pytest.raises(errors.TLSFailed):
            poster.post(server.at("/", response(b"ok"), host="other.example"), {}, BODY)
        assert len(server.requests) == 1


def test_after_closing_nothing_is_sent(make_poster, server):
    poster = make_poster()
    poster.close()
    with pytest.raises(errors.DeadlineExceeded):
        poster.post(server.at("/", response(b"ok")), {}, BODY)
    assert server.requests == []
