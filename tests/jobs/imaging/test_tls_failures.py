"""What a failure of TLS says: which of the many things that can be wrong with a certificate or a handshake it was."""

import socket
import ssl

import pytest
import requests
import urllib3

from jobs import errors
from jobs.imaging import failures, tls_failures
from jobs.imaging.resolver import Resolver
from proofs.world.authority import DAY, Authority
from proofs.world.fault_server import CloseConnection, FaultServer, breaking_tls, response

HOST = "images.example"


def to_loopback(host, port, **_):
    return socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)


def folder(parent, name):
    (parent / name).mkdir()
    return parent / name


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def between(authority) -> Authority:
    """An authority whose certificate is signed by the trusted one."""
    return Authority(folder(authority.folder, "between"), authority)


@pytest.fixture(scope="module")
def stranger(authority) -> Authority:
    """An authority that nobody trusts."""
    return Authority(folder(authority.folder, "stranger"))


@pytest.fixture
def said(make_fetcher, authority, evidence):
    """What the error says about a server with this TLS context."""
    fetcher = make_fetcher(ca_file=str(authority.file), resolver=Resolver(to_loopback))

    def say(context, answer=None, host=HOST):
        with FaultServer(context) as server:
            url = server.at("/", response(b"x") if answer is None else answer, host=host)
            if context is None:
                url = url.replace("http:", "https:")
            with pytest.raises(errors.TLSFailed) as caught:
                fetcher.fetch(url, evidence)
            assert answer is not None or server.requests == []
        return str(caught.value)

    return say


def test_an_expired_certificate(authority, said):
    assert "has expired" in said(authority.server_context(HOST, until=authority.now - DAY))


def test_an_expired_certificate_in_the_chain(authority, said):
    old = Authority(folder(authority.folder, "old"), authority, until=authority.now - DAY)
    assert "or one in its chain, has expired" in said(old.server_context(HOST, sends=[old]))


def test_a_certificate_of_tomorrow(authority, said):
    assert "is not valid yet" in said(authority.server_context(HOST, since=authority.now + DAY / 2))


@pytest.mark.parametrize(("named", "asked"), [("other.example", HOST), ("127.0.0.1", HOST), (HOST, "127.0.0.1")])
def test_a_certificate_for_another_name(authority, said, named, asked):
    assert "is for another host name" in said(authority.server_context(named), host=asked)


def test_a_self_signed_certificate(authority, said):
    assert "is self-signed" in said(authority.server_context(HOST, self_signed=True))


def test_an_authority_of_its_own_that_the_server_sends_along(stranger, said):
    assert "by an authority of its own" in said(stranger.server_context(HOST, sends=[stranger]))


def test_an_unknown_authority(stranger, said):
    assert "an authority that is not known" in said(stranger.server_context(HOST))


def test_a_chain_without_its_middle(between, said):
    assert "an incomplete chain" in said(between.server_context(HOST))


def test_with_its_middle_the_chain_is_good(make_fetcher, authority, between, evidence):
    fetcher = make_fetcher(ca_file=str(authority.file), resolver=Resolver(to_loopback))
    with FaultServer(between.server_context(HOST, sends=[between])) as server:
        fetcher.fetch(server.at("/", response(b"x"), host=HOST), evidence).close()


def test_only_versions_of_tls_that_are_too_old(authority, said, recwarn):
    context = authority.server_context(HOST)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    assert "too old to be safe" in said(context)


def test_no_cipher_in_common(authority, said):
    context = authority.server_context(HOST)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # the certificate's key is not RSA
    assert "no cipher in common" in said(context)


def test_a_server_that_wants_a_certificate_of_its_clients(authority, said):
    context = authority.server_context(HOST)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3, the client may learn of it or lose the connection
    assert "wants a certificate from its clients" in said(context)


def test_a_server_that_does_not_know_the_name(authority, said):
    context = authority.server_context(HOST)
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    assert "does not serve this host name" in said(context)


def greeting(answer: bytes):
    """A server that takes the client's greeting, answers this, and closes."""

    def behave(connection):
        connection.socket.recv(65536)
        connection.send(answer)
        raise CloseConnection

    return FaultServer(greeting=behave)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "What answers at this port does not speak TLS"),
        (b"", "The server broke off the TLS handshake."),
        (b"\x15\x03\x03\x00\x02\x02\x50", "The TLS connection failed: tlsv1 alert internal error."),
    ],
)
def test_a_server_that_answers_a_greeting_oddly(make_fetcher, evidence, answer, said):
    with greeting(answer) as server, pytest.raises(errors.TLSFailed) as caught:
        make_fetcher().fetch(f"https://127.0.0.1:{server.port}/", evidence)
    assert str(caught.value).startswith(said)


def test_tls_that_breaks_in_the_body(authority, said):
    text = said(authority.server_context(HOST), breaking_tls(response(b"x" * 1000)[:-1]))
    assert text == "The TLS connection broke: wrong version number."


def verification(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = code, message
    return error


def handshake(reason: str) -> ssl.SSLError:
    error = ssl.SSLError()
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (handshake("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "The server wants a TLS certificate from its clients."),
        (handshake("DH_KEY_TOO_SMALL"), "too weak to be safe."),
        (verification(23, "certificate revoked"), "The server's TLS certificate has been revoked."),
        (verification(68, "CA signature digest algorithm too weak"), "a signature that is too weak."),
        (verification(26, "unsuitable certificate purpose"), "not acceptable: unsuitable certificate purpose."),
        (ssl.SSLCertVerificationError("no match"), "The server's TLS certificate is not acceptable."),
        (ssl.SSLError("odd"), "The TLS connection failed."),
        (OSError("odd"), "The TLS connection failed."),
        (verification(1, "a\n\x00b" + "c" * 500), "…."),
    ],
)
def test_what_no_server_here_can_show(error, said):
    text = str(tls_failures.before_the_body(error))
    assert text.endswith(said)
    assert len(text) <= 200
    assert text.isprintable()


def test_every_sentence_is_short_enough_to_show():
    for text in [*tls_failures._CERTIFICATES.values(), *tls_failures._HANDSHAKES.values()]:
        assert len(text) <= 200


def test_what_a_library_wraps_is_told_all_the_same():
    inner = verification(10, "certificate has expired")
    for wrapped in (
        urllib3.exceptions.SSLError(inner),
        requests.exceptions.SSLError(urllib3.exceptions.SSLError(inner)),
    ):
        assert "has expired" in str(failures.before_the_body(wrapped))
