"""Which headers are sent, and how invalid ones are handled."""

import time
import tomllib

import pytest

from jobs import errors
from jobs.imaging.transport import HEADERS, MAX_HEADER_BYTES
from proofs.world.fault_server import closing, response
from tests import ROOT


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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
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
    assert fetcher._session().get(url).content == b"direct"  # not how we use it, but it must be safe
    assert "authorization" not in "".join(server.requests).lower()


def test_hostile_cookies_cost_no_time(fetch, server):
    url = server.at("/", response(b"x", "200 OK", *[f"Set-Cookie: {'a=b; ' * 260}"] * 95))
    started = time.thread_time()
    fetch(url)
    assert time.thread_time() - started < 0.5


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\nX: %b\r\n\r\n" % (b"y" * 60_000)])
def test_the_longest_header_passes_and_one_byte_more_is_not_http(fetch, server, before):
    def of(size: int) -> bytes:
        head = response(b"good", "200 OK", *[f"X: {'y' * 60_000}"] * 2, "Y: Y")
        missing = size - len(head.removesuffix(b"\r\ngood"))
        return before + head.replace(b"Y: Y", b"Y: Y" + b"y" * missing)

    assert fetch(server.at("/fits", of(MAX_HEADER_BYTES))) == b"good"
    with pytest.raises(errors.ProtocolViolation):
        fetch(server.at("/more", closing(of(MAX_HEADER_BYTES + 1))))
