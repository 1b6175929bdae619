"""How are heads read from a connection, and which requests may have a probe's own thread?"""

import socket

import pytest
from gunicorn.config import Config

from retail_pulse.web.connection import MAX_HEAD_BYTES, BodyTooSlow, Connection, Head

HEAD = b"GET /api/status?jobid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def pair():
    """A connection, and its client's end."""
    ours, theirs = socket.socketpair()
    connection = Connection(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2))
    yield connection, theirs
    ours.close()
    theirs.close()


def receive(connection: Connection):
    """The request that has been read, as the thread would see it."""
    request = next(connection.parser)
    connection.body.begin()
    return request


@pytest.mark.parametrize("at", range(1, len(HEAD)))
def test_a_head_in_two_pieces_is_whole_with_its_last_byte(pair, at):
    connection, client = pair
    client.sendall(HEAD[:at])
    assert connection.read_head() is Head.PART
    client.sendall(HEAD[at:])
    assert connection.read_head() is Head.WHOLE
    assert receive(connection).uri == "/api/status?jobid=1"


def test_what_follows_a_head_is_its_body_and_then_the_next_head(pair):
    connection, client = pair
    client.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"abcde" + LIVEZ[:10])
    assert connection.read_head() is Head.WHOLE
    assert receive(connection).body.read() == b"abcde"
    connection.begin()
    assert connection.read_head() is Head.PART
    client.sendall(LIVEZ[10:])
    assert connection.read_head() is Head.WHOLE
    assert receive(connection).uri == "/livez"


@pytest.mark.parametrize("at", [26, 27, 30])
def test_a_bare_line_feed_ends_the_wait_for_more(pair, at):
    connection, client = pair
    data = b"GET /livez HTTP/1.1\r\nHost: x\nX: y"
    client.sendall(data[:at])
    connection.read_head()
    client.sendall(data[at:])
    assert connection.read_head() is Head.WHOLE


def test_a_head_has_a_size_and_not_more(pair):
    connection, client = pair
    client.settimeout(5)
    sent = 0
    while (head := connection.read_head()) is Head.PART:
        sent += client.send(b"x" * 8192)
    assert head is Head.TOO_LARGE
    assert MAX_HEAD_BYTES < sent <= MAX_HEAD_BYTES + 8192


def test_a_client_that_has_gone_is_noticed(pair):
    connection, client = pair
    client.sendall(HEAD[:9])
    client.close()
    assert connection.read_head() is Head.GONE


PROBES = {
    LIVEZ: "/livez",
    LIVEZ.replace(b"GET", b"HEAD"): "/livez",
    LIVEZ.replace(b"livez", b"readyz/?verbose"): "/readyz",
    LIVEZ.replace(b"livez", b"startupz"): "/startupz",
    b"\r\n" + LIVEZ: "/livez",
    LIVEZ.replace(b"\r\n\r\n", b"\r\ncontent-length: 0\r\n\r\n"): "/livez",
    LIVEZ.replace(b"\r\n\r\n", b"\r\nContent-Length: 01\r\n\r\n"): None,
    LIVEZ.replace(b"\r\n\r\n", b"\r\nContent-Length:1\r\n\r\n"): None,
    LIVEZ.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n"): None,
    LIVEZ.replace(b"GET", b"POST"): None,
    LIVEZ.replace(b"livez", b"livez2"): None,
    LIVEZ.replace(b"/livez", b"/api/livez"): None,
    HEAD: None,
}


@pytest.mark.parametrize(("data", "probe"), PROBES.items())
def test_a_probe_is_recognised(pair, data, probe):
    connection, client = pair
    client.sendall(data)
    assert connection.read_head() is Head.WHOLE
    assert connection.probe == probe


def test_a_probe_behind_another_request_is_none_since_its_answer_may_have_to_wait(pair):
    connection, client = pair
    for data, probe in [(LIVEZ, "/livez"), (LIVEZ, "/livez"), (HEAD, None), (LIVEZ, None)]:
        client.sendall(data)
        assert connection.read_head() is Head.WHOLE
        assert connection.probe == probe
        receive(connection)
        connection.begin()


@pytest.mark.parametrize(("sent", "is_read"), [(b"", False), (b"a" * 99, False), (b"a" * 100, True)])
def test_a_body_is_waited_for_so_long_and_longer_the_more_has_come(pair, settings, sent, is_read):
    settings.WEB_BODY_SECONDS, settings.WEB_BODY_BYTES_PER_SECOND = 0.05, 1_000
    connection, client = pair
    client.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 100\r\n\r\n"))
    connection.read_head()
    request = receive(connection)
    connection.sock.setblocking(True)
    client.sendall(sent)
    if is_read:
        assert request.body.read() == sent
    else:
        with pytest.raises(BodyTooSlow):
            request.body.read()
        assert request.must_close


def test_what_has_arrived_is_read_however_late(pair, settings):
    settings.WEB_BODY_SECONDS, settings.WEB_BODY_BYTES_PER_SECOND = 0.0, 1_000_000
    connection, client = pair
    client.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 100\r\n\r\n"))
    connection.read_head()
    request = receive(connection)
    connection.sock.setblocking(True)
    client.sendall(b"a" * 100)
    assert request.body.read() == b"a" * 100
