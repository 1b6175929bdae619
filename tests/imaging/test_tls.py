"""TLS: certificates are verified against the host name in the URL."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobs import errors
from jobs.imaging.connect import Resolver
from tests.fault_server import FaultServer, response, silent

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority for one test run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tests {folder.name}")])
        key_id = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        certificate = (
            self._builder(self.name, self.key, NOW + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_id, critical=False)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, until) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(until)
        )

    def server_context(self, host: str, until: datetime.datetime = NOW + DAY) -> ssl.SSLContext:
        """A server's context with a certificate for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = (
            self._builder(x509.Name([]), key, until)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.folder / f"{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


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
    ("host", "until"),
    [
        pytest.param("images.example", NOW - DAY, id="expired"),
        pytest.param("other.example", NOW + DAY, id="for another host"),
        pytest.param("127.0.0.1", NOW + DAY, id="for the address that the name has"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused(authority, tls_fetcher, evidence, host, until):
    with FaultServer(authority.server_context(host, until)) as server:
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


def test_tls_spoken_to_a_plain_port_fails(tls_fetcher, evidence):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer).start()
        with pytest.raises(errors.TLSFailed):
            tls_fetcher.fetch(f"https://images.example:{listener.getsockname()[1]}/", evidence)


def test_plain_http_spoken_to_a_tls_port_fails(authority, tls_fetcher, evidence):
    error = pytest.raises((errors.ConnectionFailed, errors.ProtocolViolation))
    with FaultServer(authority.server_context("images.example")) as server, error:
        tls_fetcher.fetch(f"http://images.example:{server.port}/", evidence)


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"timeouts": (5, 0.2)}, errors.ReadTimeout),
        ({"deadline_seconds": 0.2}, errors.DeadlineExceeded),
    ],
)
def test_a_handshake_that_stalls_is_given_up(make_fetcher, evidence, limits, error):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # accepts, and never says a word
        fetcher, started = make_fetcher(**limits), time.monotonic()
        with pytest.raises(error):
            fetcher.fetch(f"https://127.0.0.1:{port}/", evidence)
        assert time.monotonic() - started < 3


def test_the_watchdog_cuts_a_tls_connection_too(authority, make_fetcher, evidence):
    fetcher = make_fetcher(ca_file=str(authority.file), resolver=Resolver(to_loopback), deadline_seconds=0.6)
    with FaultServer(authority.server_context("images.example")) as server, pytest.raises(errors.DeadlineExceeded):
        fetcher.fetch(server.at("/", silent(response(length=False)), host="images.example"), evidence)


def test_a_broken_record_in_the_body_is_the_tls_connections_fault(authority, tls_fetcher, evidence):
    def break_off(stage):
        stage.send(response(b"x" * 1000)[:-500])
        socket.socket.sendall(stage.socket, b"this is no TLS record" * 10)

    with FaultServer(authority.server_context("images.example")) as server, pytest.raises(errors.TLSFailed):
        tls_fetcher.fetch(server.at("/", break_off, host="images.example"), evidence)


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
