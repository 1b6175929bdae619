"""TLS: certificates are verified against the host name in the URL."""

import socket
import time

import pytest

from jobs import errors
from jobs.imaging.resolver import Resolver
from proofs.world.authority import DAY, Authority
from proofs.world.fault_server import FaultServer, response


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def to_loopback(host, port, **_):
    return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)


@pytest.fixture
def tls_fetcher(make_fetcher, authority):
    return make_fetcher(ca_file=str(authority.file), resolver=Resolver(to_loopback))


def test_an_image_is_fetched_over_tls_and_the_connection_kept(authority, tls_fetcher, evidence):
    with FaultServer(authority.server_context("images.example")) as server:
        url = server.at("/", response(b"secret"), host="images.example")
        for _ in range(3):
            with tls_fetcher.fetch(url, evidence) as download:
                assert download.file.read() == b"secret"
        assert server.connections == 1


def test_an_address_in_the_url_is_verified_as_an_address(authority, tls_fetcher, evidence):
    with FaultServer(authority.server_context("127.0.0.1")) as server:
        tls_fetcher.fetch(server.at("/", response(b"x")), evidence).file.close()


def test_a_final_dot_does_not_change_the_name_that_is_verified(authority, tls_fetcher, evidence):
    with FaultServer(authority.server_context("images.example")) as server:
        tls_fetcher.fetch(server.at("/", response(b"x"), host="images.example."), evidence).file.close()


@pytest.mark.parametrize(
    ("host", "days"),
    [
        pytest.param("images.example", -1, id="expired"),
        pytest.param("other.example", 1, id="for another host"),
        pytest.param("127.0.0.1", 1, id="for the address that the name has"),
    ],
)
def test_to_a_server_without_a_valid_certificate_nothing_is_sent(authority, tls_fetcher, evidence, host, days):
    with FaultServer(authority.server_context(host, until=authority.now + days * DAY)) as server:
        with pytest.raises(errors.TLSFailed):
            tls_fetcher.fetch(server.at("/", response(b"x"), host="images.example"), evidence)
        assert server.requests == []


def test_an_unknown_authority_is_refused(authority, make_fetcher, evidence):
    with FaultServer(authority.server_context("images.example")) as server:
        with pytest.raises(errors.TLSFailed):
            make_fetcher(resolver=Resolver(to_loopback)).fetch(
                server.at("/", response(b"x"), host="images.example"), evidence
            )
        assert server.requests == []


def test_the_authorities_of_the_environment_are_not_trusted(authority, make_fetcher, evidence, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.file))
    with FaultServer(authority.server_context("images.example")) as server, pytest.raises(errors.TLSFailed):
        make_fetcher(resolver=Resolver(to_loopback)).fetch(
            server.at("/", response(b"x"), host="images.example"), evidence
        )


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"timeouts": (60, 0.2), "deadline_seconds": 60}, errors.ReadTimeout),
        ({"timeouts": (60, 60), "deadline_seconds": 0.2}, errors.DeadlineExceeded),
    ],
)
def test_a_handshake_that_stalls_is_given_up(make_fetcher, evidence, limits, error):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # accepts, and never sends anything
        fetcher, started = make_fetcher(**limits), time.monotonic()
        with pytest.raises(error):
            fetcher.fetch(f"https://127.0.0.1:{port}/", evidence)
        assert time.monotonic() - started < 30


def test_a_redirect_from_https_to_http_is_not_followed(authority, tls_fetcher, server, evidence):
    plain = server.at("/", response(b"x"))
    with FaultServer(authority.server_context("images.example")) as secure, pytest.raises(errors.BadRedirect):
        tls_fetcher.fetch(
            secure.at("/", response(b"", "302 Found", f"Location: {plain}"), host="images.example"), evidence
        )
    assert server.connections == 0


def test_a_redirect_from_http_to_https_is_followed(authority, tls_fetcher, server, evidence):
    with FaultServer(authority.server_context("images.example")) as secure:
        target = secure.at("/", response(b"x"), host="images.example")
        url = server.at("/", response(b"", "301 Moved", f"Location: {target}"), host="images.example")
        with tls_fetcher.fetch(url, evidence) as download:
            assert download.file.read() == b"x"
