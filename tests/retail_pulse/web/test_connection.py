"""How are heads and bodies read from a connection, and which requests may have a probe's own thread?"""

import socket

import pytest
from gunicorn.config import Config

from retail_pulse.web.bodies import MEMORY_BYTES
from retail_pulse.web.connection import MAX_HEAD_BYTES, MAX_READ_BYTES, Arrival, Connection

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
    connection.holds_body_of(request)
    return request


@pytest.mark.parametrize("at", range(1, len(HEAD)))
def test_a_head_in_two_pieces_is_whole_with_its_last_byte(pair, at):
    connection, client = pair
    client.sendall(HEAD[:at])
    assert connection.read_head() is Arrival.PART
    client.sendall(HEAD[at:])
    assert connection.read_head() is Arrival.WHOLE
    assert receive(connection).uri == "/api/status?jobid=1"


def test_what_follows_a_head_is_its_body_and_then_the_next_head(pair):
    connection, client = pair
    client.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"abcde" + LIVEZ[:10])
    assert connection.read_head() is Arrival.WHOLE
    assert receive(connection).body.read() == b"abcde"
    connection.begin()
    assert connection.read_head() is Arrival.PART
    client.sendall(LIVEZ[10:])
    assert connection.read_head() is Arrival.WHOLE
    assert receive(connection).uri == "/livez"


@pytest.mark.parametrize("at", [26, 27, 30])
def test_a_bare_line_feed_ends_the_wait_for_more(pair, at):
    connection, client = pair
    data = b"GET /livez HTTP/1.1\r\nHost: x\nX: y"
    client.sendall(data[:at])
    connection.read_head()
    client.sendall(data[at:])
    assert connection.read_head() is Arrival.WHOLE


def test_a_head_has_a_size_and_not_more(pair):
    connection, client = pair
    client.settimeout(5)
    sent = 0
    while (head := connection.read_head()) is Arrival.PART:
        sent += client.send(b"x" * 8192)
    assert head is Arrival.TOO_LARGE
    assert MAX_HEAD_BYTES < sent <= MAX_HEAD_BYTES + 8192


def test_a_client_that_has_gone_is_noticed(pair):
    connection, client = pair
    client.sendall(HEAD[:9])
    client.close()
    assert connection.read_head() is Arrival.GONE


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
    assert connection.read_head() is Arrival.WHOLE
    assert connection.probe == probe


def test_a_probe_behind_another_request_is_none_since_its_answer_may_have_to_wait(pair):
    connection, client = pair
    for data, probe in [(LIVEZ, "/livez"), (LIVEZ, "/livez"), (HEAD, None), (LIVEZ, None)]:
        client.sendall(data)
        assert connection.read_head() is Arrival.WHOLE
        assert connection.probe == probe
        receive(connection)
        connection.begin()


TLS = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1"


@pytest.mark.parametrize(
    "data",
    [TLS, TLS[:1], TLS + b"\n" * 9, b"SSH-2.0-OpenSSH_9.6\r\n", b"*1\r\n$4\r\nPING\r\n", b"\0\0\0\x08\x04\xd2\x16/",
     b"\x05\x01\0", b"\x03\0\0\x13", b"\r\n\r\n", b"\xef\xbb\xbfGET", b"{}", b" GET", b"GET\t/ HTTP/1.1\r\n"],
)  # fmt: skip
def test_what_begins_with_no_method_is_known_at_once(pair, data):
    connection, client = pair
    client.sendall(data)
    assert connection.read_head() is Arrival.NO_HTTP


@pytest.mark.parametrize(
    "data", [b"\r", b"\r\n", b"\r\nG", b"G", b"M-SEARCH", b"X" * 500, b"GET ", b"GET /\xff", b"PRI * HTTP/2.0\r\n"]
)
def test_what_may_become_a_request_is_waited_for(pair, data):
    connection, client = pair
    client.sendall(data)
    assert connection.read_head() is Arrival.PART


def post(*headers: bytes) -> bytes:
    return b"\r\n".join([b"POST /api/submit HTTP/1.1", b"Host: localhost", *headers, b"", b""])


@pytest.mark.parametrize("length", [1, MEMORY_BYTES, MEMORY_BYTES + 1, 3 * MAX_READ_BYTES])
def test_a_body_in_pieces_is_whole_with_its_last_byte_and_takes_nothing_behind(pair, length):
    connection, client = pair
    body = bytes(number % 251 for number in range(length))
    client.sendall(post(b"Content-Length: %d" % length))
    assert connection.read_head() is Arrival.WHOLE
    assert connection.read_body() is Arrival.PART
    for start in range(0, length - 1, MEMORY_BYTES):
        client.sendall(body[start : min(start + MEMORY_BYTES, length - 1)])
        assert connection.read_body() is Arrival.PART
    client.sendall(body[-1:] + LIVEZ)
    assert connection.read_body() is Arrival.WHOLE
    request = next(connection.parser)
    assert connection.holds_body_of(request)
    assert request.body.read() == body
    connection.drop_body()
    connection.begin()
    assert connection.read_head() is Arrival.WHOLE
    assert connection.probe is None
    assert next(connection.parser).uri == "/livez"


def test_a_fast_body_leaves_others_their_turn(pair):
    connection, client = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_READ_BYTES)
    client.sendall(post(b"Content-Length: %d" % (2 * MAX_READ_BYTES)))
    connection.read_head()
    client.setblocking(False)
    client.send(b"x" * 2 * MAX_READ_BYTES)
    connection.read_body()
    assert connection.body.received <= MAX_READ_BYTES


@pytest.mark.parametrize(
    "headers",
    [
        [b"Transfer-Encoding: chunked"],
        [b"Content-Length: 9", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 9", b"Content-Length: 9"],
        [b"Content-Length: -9"],
        [b"Content-Length: 99999999999999999999"],
        [b"Content-Length: 34000000"],
    ],
)
def test_a_body_that_is_refused_unread_is_not_waited_for(pair, headers):
    connection, client = pair
    client.sendall(post(*headers))
    assert connection.read_head() is Arrival.WHOLE
    assert connection.body is None


def test_a_body_that_has_not_come_whole_closes_the_connection(pair):
    connection, client = pair
    client.sendall(post(b"Content-Length: 100") + b"abc")
    connection.read_head()
    client.shutdown(socket.SHUT_WR)
    assert connection.read_body() is Arrival.WHOLE
    request = next(connection.parser)
    assert not connection.holds_body_of(request)
    assert request.body.read() == b"abc"


@pytest.mark.parametrize(
    ("version", "header", "answer"),
    [
        (b"1.1", b"Expect: 100-continue", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"1.1", b"expect:100-Continue ", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"1.0", b"Expect: 100-continue", b""),
        (b"1.1", b"Expect: a miracle", b""),
    ],
)
def test_a_client_that_asks_whether_to_send_a_body_is_told_once(pair, version, header, answer):
    connection, client = pair
    client.sendall(post(b"Content-Length: 9", header).replace(b"HTTP/1.1", b"HTTP/" + version))
    assert connection.read_head() is Arrival.WHOLE
    client.setblocking(False)
    if answer:
        assert client.recv(99) == answer
        assert not next(connection.parser)._expected_100_continue
    with pytest.raises(BlockingIOError):
        client.recv(99)
