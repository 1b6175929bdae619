"""Which connections take another request, and the headers that decide it."""

import pytest

from jobs import errors
from jobs.imaging.transport import IDLE_HOSTS, MAX_HEADER_LINES
from proofs.world.fault_server import FaultServer, chunked, closing, response

GOOD = response(b"image")
OLD = GOOD.replace(b"HTTP/1.1", b"HTTP/1.0")


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        pytest.param(GOOD, 1, id="declared length"),
        pytest.param(chunked(b"im", b"age"), 1, id="chunks"),
        pytest.param(response(b"image", "200 OK", "Connection: close"), 3, id="the server will close"),
        pytest.param(response(b"image", "200 OK", "Connection: Keep-Alive, Close"), 3, id="among other words"),
        pytest.param(OLD, 3, id="HTTP/1.0"),
        pytest.param(OLD.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"), 1, id="HTTP/1.0, kept"),
        pytest.param(closing(response(b"image", length=False)), 3, id="until the connection ends"),
        pytest.param(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + GOOD, 1, id="after an interim answer"),
    ],
)
def test_a_connection_takes_another_request_where_the_answer_ended_within_it(fetch, server, answer, connections):
    url = server.at("/", answer)
    assert [fetch(url) for _ in range(3)] == [b"image"] * 3
    assert server.connections == connections


def test_an_unread_body_is_not_read_by_the_next_request(fetch, server):
    moved = server.at("/moved", response(b"x" * 50, "302 Found", "Location: /image"))
    server.at("/image", GOOD)
    gone = server.at("/gone", response(b"x" * 50, "404 Not Found"))
    with pytest.raises(errors.HTTPStatus):
        fetch(gone)
    assert [fetch(moved), fetch(server.url("/image"))] == [b"image", b"image"]
    # One for the missing image, one for the redirect; from then on the image's is kept.
    assert server.connections == 3


def test_the_rest_of_a_chunked_body_is_not_taken_for_the_next_answer(fetch, server):
    gone = server.at("/gone", b"HTTP/1.1 404 Gone\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nimage\r\n")
    with pytest.raises(errors.HTTPStatus):
        fetch(gone)
    assert fetch(server.at("/", GOOD)) == b"image"
    assert server.connections == 2


def test_a_connection_opened_late_has_the_full_timeout_for_the_next_request(make_fetcher, server, evidence):
    fetcher = make_fetcher(deadline_seconds=1.0)

    def late(stage):
        stage.pause(0.7)
        stage.send(response(b"", "302 Found", f"Location: {other.url()}"))

    def slow(stage):
        stage.pause(0.5)
        stage.send(GOOD)

    with FaultServer() as other:
        other.at("/", GOOD)
        for url in (server.at("/late", late), other.at("/slow", slow)):
            with fetcher.fetch(url, evidence) as download:
                assert download.file.read() == b"image"
        assert other.connections == 1


def test_the_hosts_used_last_keep_their_connections(fetch):
    servers = [FaultServer() for _ in range(IDLE_HOSTS + 1)]
    for server in servers:
        server.__enter__()
        server.at("/", GOOD)
    try:
        for server in [*servers, *reversed(servers)]:
            fetch(server.url())
        # The first one was closed for the last one.
        assert [server.connections for server in servers] == [2] + [1] * IDLE_HOSTS
    finally:
        for server in servers:
            server.__exit__()


def test_a_folded_field_is_one_field(fetch, server, evidence):
    moved = b"HTTP/1.1 302 Found\r\nLocation:\r\n  /image\r\nContent-Length: 0\r\n\r\n"
    server.at("/image", GOOD)
    assert fetch(server.at("/moved", moved)) == b"image"
    assert evidence.redirects == [server.url("/image")]


@pytest.mark.parametrize(
    ("head", "error"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5", errors.ConnectionFailed, id="ends within a line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", errors.ConnectionFailed, id="ends between lines"),
        pytest.param(b"HTTP/1.1 200", errors.ConnectionFailed, id="ends within the status line"),
        pytest.param(b"HTTP/2 200 OK\r\n\r\n", errors.ProtocolViolation, id="another version"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", errors.ProtocolViolation, id="a long status"),
        pytest.param(b"HTTP/1.1 two OK\r\n\r\n", errors.ProtocolViolation, id="a status in words"),
    ],
)
def test_half_a_header_is_a_lost_connection_and_no_header_is_not_http(fetch, server, head, error):
    with pytest.raises(error):
        fetch(server.at("/", closing(head)))


@pytest.mark.parametrize(("lines", "passes"), [(MAX_HEADER_LINES, True), (MAX_HEADER_LINES + 1, False)])
def test_a_header_has_a_limited_number_of_lines(fetch, server, lines, passes):
    answer = response(b"image", "200 OK", *(f"X-{n}: y" for n in range(lines - 1)))
    if passes:
        assert fetch(server.at("/", answer)) == b"image"
    else:
        with pytest.raises(errors.ProtocolViolation):
            fetch(server.at("/", closing(answer)))


def test_a_name_in_any_case_counts(fetch, server):
    answer = response(b"image", "200 OK", "cOnTeNt-EnCoDiNg: gzip")
    with pytest.raises(errors.ContentEncoding):
        fetch(server.at("/", answer))
