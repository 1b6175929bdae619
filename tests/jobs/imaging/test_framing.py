"""How the header of an answer is read, as servers write it, and what it says about the end of the body."""

import pytest

from jobs import errors
from proofs.world.fault_server import FaultServer, chunked, closing, response

BODY = b"twelve bytes"
CHUNKED = "Transfer-Encoding: chunked"


def head(*lines: str, status: str = "HTTP/1.1 200 OK", end: str = "\r\n") -> bytes:
    return end.join([status, *lines, "", ""]).encode("latin-1")


def in_chunks(*lines: str, end: bytes = b"0\r\n\r\n") -> bytes:
    return head(*lines) + b"5\r\ntwelv\r\n7\r\ne bytes\r\n" + end


FRAMED = {
    "white space around a value": head("Content-Length: \t 12 \t") + BODY,
    "no white space": head("Content-Length:12") + BODY,
    "a blank before the colon": head("Content-Length : 12") + BODY,
    "names in any case": head("cOnTeNt-LeNgTh: 12") + BODY,
    "lines that end with a line feed": head("Content-Length: 12", "X: y", end="\n") + BODY,
    "a folded value": head("Content-Length:", " 12") + BODY,
    "another folded field": head("X: a", "\tb", "  c", "Content-Length: 12") + BODY,
    "a line without a colon": head("nonsense", "Content-Length: 12") + BODY,
    "no reason phrase": head("Content-Length: 12", status="HTTP/1.1 200") + BODY,
    "an empty reason phrase": head("Content-Length: 12", status="HTTP/1.1 200 ") + BODY,
    "a reason phrase in Latin-1": head("Content-Length: 12", status="HTTP/1.1 200 Dobr\u00e9") + BODY,
    "a length twice": head("Content-Length: 12", "Content-Length: 12") + BODY,
    "a list of equal lengths": head("Content-Length: 12, 12") + BODY,
    "a list and a length": head("Content-Length: 12,12", "X: y", "content-length: 12") + BODY,
    "chunks": in_chunks(CHUNKED),
    "chunks in another case": in_chunks("transfer-encoding: Chunked"),
    "chunks in upper case": in_chunks("TRANSFER-ENCODING: CHUNKED"),
    "chunks with a blank behind": in_chunks("Transfer-Encoding: chunked \t"),
    "chunks twice": in_chunks(CHUNKED, CHUNKED),
    "chunks twice in one line": in_chunks("Transfer-Encoding: chunked, chunked"),
    "chunks and identity": in_chunks("Transfer-Encoding: identity, chunked"),
    "chunks and a length": in_chunks(CHUNKED, "Content-Length: 5"),
    "chunks and an odd length": in_chunks(CHUNKED, "Content-Length: five"),
    "chunks with extensions": head(CHUNKED) + b"C;a=b;c\r\n" + BODY + b"\r\n00;last\r\n\r\n",
    "chunks with blanks behind their size": head(CHUNKED) + b"c  \r\n" + BODY + b"\r\n0  \r\n\r\n",
    "trailers": in_chunks(CHUNKED, end=b"0\r\nexpires: never\r\nX-Checksum: 1\r\n\r\n"),
    "identity and a length": head("Transfer-Encoding: identity", "Content-Length: 12") + BODY,
    "an empty transfer encoding": head("Transfer-Encoding:", "Content-Length: 12") + BODY,
}


@pytest.mark.parametrize("answer", FRAMED.values(), ids=FRAMED)
def test_a_header_is_understood_and_the_connection_kept(fetcher, server, evidence, answer):
    for path in ("/first", "/second"):
        with fetcher.fetch(server.at(path, answer), evidence) as download:
            assert download.file.read() == BODY
            assert download.framed
    assert server.connections == 1


@pytest.mark.parametrize("answer", FRAMED.values(), ids=FRAMED)
def test_a_body_that_is_shorter_than_its_header_says_is_cut_short(fetch, server, answer):
    cut = answer[: answer.rindex(b"e bytes") + 3] if b"e bytes" in answer else answer[:-3]
    with pytest.raises(errors.Truncated):
        fetch(server.at("/", closing(cut)))


MALFORMED_CHUNKS = {
    "no number": b"xyz\r\n",
    "an empty line": b"\r\n",
    "an extension alone": b";a=b\r\n",
    "a sign": b"+c\r\n",
    "a negative number": b"-c\r\n",
    "a prefix": b"0xc\r\n",
    "an underscore": b"0_c\r\n",
    "a blank before it": b" c\r\n",
    "two numbers": b"c c\r\n",
    "a word behind it": b"12 bytes\r\n",
    "a quoted number": b'"c"\r\n',
    "no line": b"c" * 2**17,
}


@pytest.mark.parametrize("size", MALFORMED_CHUNKS.values(), ids=MALFORMED_CHUNKS)
@pytest.mark.parametrize("before", [b"", b"5\r\ntwelv\r\n"])
def test_a_chunk_whose_size_is_no_number_is_a_malformed_answer(fetch, server, before, size):
    with pytest.raises(errors.ProtocolViolation):
        fetch(server.at("/", closing(head(CHUNKED) + before + size + BODY + b"\r\n0\r\n\r\n")))


def test_a_chunk_that_is_longer_than_its_size_is_a_malformed_answer(fetch, server):
    with pytest.raises(errors.ProtocolViolation):
        fetch(server.at("/", closing(head(CHUNKED) + b"5\r\n" + BODY + b"\r\n0\r\n\r\n")))


@pytest.mark.parametrize("size", [b"", b"c", b"c\r", b"c;a=b", b"xyz"])
def test_a_connection_that_ends_within_a_chunks_size_has_cut_the_body_short(fetch, server, size):
    with pytest.raises(errors.Truncated):
        fetch(server.at("/", closing(head(CHUNKED) + b"5\r\ntwelv\r\n" + size)))


def test_lines_of_chunks_may_end_with_a_line_feed_alone(fetch, server):
    assert fetch(server.at("/", closing(head(CHUNKED) + b"c\n" + BODY + b"\r\n0\n\n"))) == BODY


def test_an_identity_of_no_length_ends_with_the_connection(fetcher, server, evidence):
    answer = closing(head("Transfer-Encoding: Identity") + BODY)
    with fetcher.fetch(server.at("/", answer), evidence) as download:
        assert download.file.read() == BODY
        assert not download.framed


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Content-Length: 12, 13", "(Content-Length: 12, 13)."),
        ("Content-Length: 12\r\nContent-Length: 13", "(Content-Length: 12, 13)."),
        ("Content-Length: 12,", "(Content-Length: 12,)."),
        ("Content-Length:", "(Content-Length: empty)."),
        ("Content-Length: -12", "(Content-Length: -12)."),
        ("Content-Length: 1\x002", r"(Content-Length: 1\x002)."),
        ("Content-Length: " + "x" * 5000, "x…)."),
        ("Transfer-Encoding: gzip, chunked", "(Transfer-Encoding: gzip, chunked)."),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", "(Transfer-Encoding: chunked, gzip)."),
        ("Transfer-Encoding: chunkedx", "(Transfer-Encoding: chunkedx)."),
    ],
)
def test_a_header_that_does_not_say_where_the_body_ends_is_shown(fetch, server, line, shown):
    with pytest.raises(errors.ProtocolViolation) as caught:
        fetch(server.at("/", closing(head(line) + BODY)))
    assert str(caught.value).startswith("The server's answer is not valid HTTP (")
    assert str(caught.value).endswith(shown)
    assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("connection", ["keep-alive", "Keep-Alive, TE", "close", None])
def test_a_connection_is_kept_where_its_header_says_so(fetch, server, version, connection):
    lines = [f"Connection: {connection}"] if connection else []
    url = server.at("/", head("Content-Length: 12", *lines, status=f"{version} 200 OK") + BODY)
    for _ in range(2):
        assert fetch(url) == BODY
    is_kept = version == "HTTP/1.1" if connection is None else connection != "close"
    assert server.connections == (1 if is_kept else 2)


INTERIM = {
    "100": head(status="HTTP/1.1 100 Continue"),
    "102": head(status="HTTP/1.1 102 Processing"),
    "103": head("Link: </style.css>; rel=preload", "Content-Length: 5", status="HTTP/1.1 103 Early Hints"),
    "199": head(status="HTTP/1.1 199"),
    "several": head(status="HTTP/1.1 100 Continue") + head("Location: /x", status="HTTP/1.1 103 Early Hints") * 9,
}


@pytest.mark.parametrize("before", INTERIM.values(), ids=INTERIM)
@pytest.mark.parametrize("answer", [response(BODY), chunked(BODY)])
def test_interim_answers_are_skipped(fetch, server, evidence, before, answer):
    assert fetch(server.at("/", before + answer)) == BODY
    assert evidence.http_status == 200


def test_an_interim_answer_says_nothing_about_the_final_one(fetch, server, evidence):
    early = head("Location: /elsewhere", "Content-Encoding: gzip", CHUNKED, status="HTTP/1.1 103 Early Hints")
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", early + response(b"gone", "404 Not Found")))
    assert caught.value.status == 404


def test_a_redirect_behind_early_hints_is_followed(fetch, server):
    server.at("/good", response(BODY))
    hints = head("Location: /elsewhere", status="HTTP/1.1 103 Early Hints")
    assert fetch(server.at("/", hints + response(b"", "302 Found", "Location: /good"))) == BODY


def test_early_hints_and_nothing_more_are_a_lost_connection(fetch, server):
    with pytest.raises(errors.ConnectionFailed):
        fetch(server.at("/", closing(INTERIM["103"])))


def test_a_change_of_protocols_is_no_interim_answer(fetch, server):
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", closing(head(status="HTTP/1.1 101 Switching Protocols") + b"\x00\x81")))
    assert caught.value.code == "http_101"


def test_a_part_is_not_taken_for_the_whole(fetch, server):
    # Nobody has asked for a part.
    part = response(BODY[:5], "206 Partial Content", "Content-Range: bytes 0-4/12")
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", part))
    assert caught.value.code == "http_206"


def test_each_value_of_a_repeated_field_is_kept(fetcher, evidence):
    with FaultServer() as server:
        url = server.at("/", head("X: a , b", "Y: 1", "x:c", "X:", "Content-Length: 0"))
        fetcher.fetch(url, evidence).close()
        with fetcher._session().get(url, stream=True) as answer:
            assert answer.raw.fields["x"] == ["a , b", "c", ""]
            assert answer.raw.members("x") == {"a", "b", "c", ""}
            assert answer.headers["x"] == "a , b, c, "
