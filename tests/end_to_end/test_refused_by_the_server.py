"""What the web server refuses before there is a request: is it our JSON or our page, too?"""

import re

import pytest

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.sockets import ask, connected, read


@pytest.fixture(scope="module")
def service(migrated_database, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("refusals"), migrated_database())
    with deployment.service(ENGINE_AUTOSTART="off", WEB_THREADS="2", LIVE_STREAMS="1") as service:
        yield service


HOST = b"Host: localhost\r\n"
HEADERS = b"".join(b"X-%d: y\r\n" % number for number in range(101))
# The request line, the headers, and the status and slug of the answer.
REFUSED = {
    "a long query": (b"GET {}?jobid=%b HTTP/1.1" % (b"9" * 5000), HOST, 414, "address-too-long"),
    "a very long query": (b"GET {}?jobid=%b HTTP/1.1" % (b"9" * 200_000), HOST, 414, "address-too-long"),
    "a long method": (b"X" * 50 + b" {} HTTP/1.1", HOST, 400, "malformed-request"),
    "a small method": (b"get {} HTTP/1.1", HOST, 400, "malformed-request"),
    "no version": (b"GET {}", HOST, 400, "malformed-request"),
    "another version": (b"GET {} HTTP/3.0", HOST, 400, "malformed-request"),
    "no version of HTTP": (b"GET {} SIP/1.1", HOST, 400, "malformed-request"),
    "a blank in the address": (b"GET {}?a=b c HTTP/1.1", HOST, 400, "malformed-request"),
    "a byte that is no ASCII": (b"GET {}?a=\xff HTTP/1.1", HOST, 400, "malformed-request"),
    "too many headers": (b"GET {} HTTP/1.1", HOST + HEADERS, 431, "headers-too-large"),
    "a long header": (b"GET {} HTTP/1.1", HOST + b"X: %b\r\n" % (b"y" * 9000), 431, "headers-too-large"),
    "a very long header": (b"GET {} HTTP/1.1", HOST + b"X: %b\r\n" % (b"y" * 300_000), 431, "headers-too-large"),
    "a folded header": (b"GET {} HTTP/1.1", HOST + b"X: a\r\n b\r\n", 400, "malformed-request"),
    "a header's odd name": (b"GET {} HTTP/1.1", HOST + b"X y: a\r\n", 400, "malformed-request"),
    "a header without a colon": (b"GET {} HTTP/1.1", HOST + b"X\r\n", 400, "malformed-request"),
    "a NUL in a header": (b"GET {} HTTP/1.1", HOST + b"X: \0\r\n", 400, "malformed-request"),
    "a bare line feed": (b"GET {} HTTP/1.1", b"Host: localhost\nX: y\r\n", 400, "malformed-request"),
    "two hosts": (b"GET {} HTTP/1.1", HOST + HOST, 400, "malformed-request"),
    "two lengths": (b"POST {} HTTP/1.1", HOST + b"Content-Length: 1\r\n" * 2, 400, "malformed-request"),
    "a length that is none": (b"POST {} HTTP/1.1", HOST + b"Content-Length: -1\r\n", 400, "malformed-request"),
    "a length and chunks": (
        b"POST {} HTTP/1.1",
        HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        400,
        "malformed-request",
    ),
    "chunks twice": (b"POST {} HTTP/1.1", HOST + b"Transfer-Encoding: chunked, chunked\r\n", 400, "malformed-request"),
    "not in chunks at last": (b"POST {} HTTP/1.1", HOST + b"Transfer-Encoding: gzip\r\n", 400, "malformed-request"),
    "an unknown transfer coding": (b"POST {} HTTP/1.1", HOST + b"Transfer-Encoding: xchunked\r\n", 501, ""),
    "an unknown expectation": (b"POST {} HTTP/1.1", HOST + b"Expect: a miracle\r\n", 417, ""),
    "one before a body": (b"POST {} HTTP/1.1", HOST + b"Expect: a miracle\r\nContent-Length: 9\r\n", 417, ""),
}  # fmt: skip


def sent(line: bytes, headers: bytes, path: bytes, more: bytes = b"") -> bytes:
    return line.replace(b"{}", path) + b"\r\n" + headers + more + b"\r\n"


@pytest.mark.parametrize(("line", "headers", "status", "slug"), REFUSED.values(), ids=REFUSED)
class TestEachRefusal:
    def test_on_the_assignments_paths_is_an_error_in_one_sentence(self, service, line, headers, status, slug):
        answer = ask(service, sent(line, headers, b"/api/status", b"Accept: text/html\r\n"))

        assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
        assert list(answer.json) == ["error"]
        assert re.fullmatch(r"[A-Z][^<>]*\.", answer.json["error"])
        assert answer.headers["content-length"] == str(len(answer.body))
        assert (answer.headers["connection"], answer.headers["cache-control"]) == ("close", "no-store")

    def test_under_v1_is_a_problem(self, service, line, headers, status, slug):
        answer = ask(service, sent(line, headers, b"/api/v1/jobs", b"Accept: */*\r\n"))

        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json["status"] == status
        assert answer.json["type"] == (f"/docs/problems/#{slug}" if slug else "about:blank")
        assert answer.json["detail"].endswith(".")
        assert answer.json["request_id"] == answer.headers["x-request-id"]

    def test_on_a_page_is_our_page_where_headers_can_be_read(self, service, line, headers, status, slug):
        accept = b"Accept: text/html,application/xhtml+xml\r\n"
        answer = ask(service, line.replace(b"{}", b"/jobs/") + b"\r\n" + accept + headers + b"\r\n")

        assert answer.status == status
        if len(line) > 100_000:  # refused before there are headers
            assert answer.headers["content-type"] == "application/json"
        else:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert b"Retail Pulse</title>" in answer.body
            assert b"http-equiv" not in answer.body


@pytest.mark.parametrize(
    "data", [b"hello\r\n\r\n", b"\r\n" * 50, bytes(range(256)) * 8, b"\x16\x03\x01\x00\xa5\x01\x00\x00" + b"\n" * 9,
             b"GET\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_at_all_is_answered_in_json(service, data):
    answer = ask(service, data)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert list(answer.json) == ["error"]


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"SSH-2.0-OpenSSH_9.6\r\n", b"\0\0\0\x08\x04\xd2\x16/"]
)
def test_another_protocol_is_refused_at_once_and_named(service, data):
    answer = ask(service, data)  # which waits for more
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert answer.seconds < 5  # of WEB_HEAD_SECONDS, 10
    assert ("TLS" in answer.json["error"]) == data.startswith(b"\x16")


def test_a_head_request_is_refused_without_a_body(service):
    answer = ask(service, b"HEAD /api/status?jobid=%b HTTP/1.1\r\n%b\r\n" % (b"9" * 5000, HOST))
    assert (answer.status, answer.body) == (414, b"")


@pytest.mark.parametrize("target", [b"http://localhost/api/v1/jobs", b"/api/%76%31/jobs", b"/api/v1"])
def test_the_path_is_recognised_however_it_is_written(service, target):
    answer = ask(service, b"GET %b HTTP/1.1\r\n%b\r\n" % (target, HOST + HEADERS))
    assert answer.headers["content-type"] == "application/problem+json"


def test_bad_chunks_behind_an_answer_get_no_second_one(service):
    chunked = HOST + b"Transfer-Encoding: chunked\r\n"
    with connected(service) as sock:
        sock.sendall(b"POST /api/submit HTTP/1.1\r\n%b\r\nzz\r\n{}\r\n" % chunked)
        answer = read(sock)
    assert answer.status == 411
    assert b"HTTP/1.1" not in answer.body


def test_a_long_address_within_the_limit_is_answered_by_the_service(service):
    answer = ask(service, b"GET /api/status?jobid=%b HTTP/1.0\r\n%b\r\n" % (b"9" * 4000, HOST))
    assert (answer.status, answer.json) == (400, {})


def test_a_refusal_carries_the_id_that_the_client_sent(service):
    answer = ask(service, b"GET /api/v1/jobs HTTP/3.0\r\nHost: localhost\r\nX-Request-Id:  r-1 \r\n\r\n")

    assert answer.headers["x-request-id"] == answer.json["request_id"] == "r-1"
