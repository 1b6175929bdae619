"""What is sent, and what is made of headers that are no HTTP."""

import time
import tomllib
from pathlib import Path

import pytest

from jobs import errors
from jobs.imaging.transport import HEADERS
from tests.fault_server import closing, endless, resetting, response


def test_the_request_names_the_service_and_asks_for_the_bytes_as_they_are(fetch, server):
    fetch(server.at("/a%20b?c=d", response(b"x")))
    request, *headers = server.requests[0].split("\r\n")
    assert request == "GET /a%20b?c=d HTTP/1.1"
    assert sorted(headers) == [
        "Accept-Encoding: identity",
        "Accept: */*",
        f"Host: 127.0.0.1:{server.port}",
        f"User-Agent: {HEADERS['User-Agent']}",
    ]


def test_the_service_is_named_with_its_version():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert HEADERS["User-Agent"] == f"{project['name']}/{project['version']}"


def test_cookies_are_not_kept(fetcher, fetch, server):
    url = server.at("/", response(b"x", "200 OK", "Set-Cookie: a=b; Path=/"))
    fetch(url)
    fetch(url)
    fetcher._session().get(url)
    fetcher._session().get(url)
    assert "cookie" not in "".join(server.requests).lower()


def test_the_environment_is_not_trusted(fetcher, fetch, server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    url = server.at("/", response(b"direct"))
    assert fetch(url) == b"direct"
    assert fetcher._session().get(url).content == b"direct"  # not our way, but nobody shall be able to err
    assert "authorization" not in "".join(server.requests).lower()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(closing(response(b"", "200 OK", f"X: {'y' * 200_000}")), id="a header line of 200 kB"),
        pytest.param(closing(response(b"", "200 OK", *["X: y"] * 101)), id="101 headers"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 50), id="endless headers"),
        pytest.param(endless(b"HTTP/1.1 200 ", b"x" * 1000), id="an endless status line"),
        pytest.param(closing(b"HTTP/1.1 999999 Odd\r\n\r\n"), id="a status of six digits"),
        pytest.param(closing(b"HTTP/1.1 OK\r\n\r\n"), id="no status"),
        pytest.param(closing(b"HTTP/2.0 200 OK\r\n\r\n"), id="another version"),
        pytest.param(closing(b"\x15\x03\x01\x00\x02\x02\x50"), id="a TLS alert"),
        pytest.param(closing(b"SSH-2.0-OpenSSH_9.6\r\n"), id="SSH"),
        pytest.param(closing(b"<html>HTTP 0.9</html>"), id="HTTP/0.9"),
    ],
)
def test_what_is_no_http_is_said_to_be_none(fetch, server, answer):
    with pytest.raises(errors.ProtocolViolation):
        fetch(server.at("/", answer))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(closing(b""), id="closed without an answer"),
        pytest.param(resetting(), id="reset without an answer"),
        pytest.param(resetting(b"HTTP/1.1 200 OK\r\nX: "), id="reset in the header"),
    ],
)
def test_a_connection_lost_before_the_body_is_a_failed_connection(fetch, server, answer):
    with pytest.raises(errors.ConnectionFailed):
        fetch(server.at("/", answer))


def test_hostile_cookies_cost_no_time(fetch, server):
    url = server.at("/", response(b"x", "200 OK", *[f"Set-Cookie: {'a=b; ' * 12_000}"] * 90))
    started = time.thread_time()
    fetch(url)
    assert time.thread_time() - started < 0.5
