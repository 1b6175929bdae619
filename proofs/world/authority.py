"""A private certificate authority, and servers' certificates, good and bad."""

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates while a proof runs; `file` holds its own certificate, for clients that should trust it.

    The keys of the servers are written into `folder` too. An authority with an `issuer` is one in between: its own
    certificate is signed by that one. `until` is when its own certificate expires.
    """

    def __init__(self, folder: Path, issuer: Self | None = None, until: datetime.datetime | None = None) -> None:
        self.folder = folder
        self.now = datetime.datetime.now(datetime.UTC)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Proofs {folder.name}")])
        signer = issuer or self
        certificate = (
            self._builder(self._name, signer._name, self._key, self.now - 2 * DAY, until or self.now + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer._key.public_key()), critical=False)
            .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
            .sign(signer._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(
        self,
        host: str,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        self_signed: bool = False,
        sends: Sequence["Authority"] = (),
    ) -> ssl.SSLContext:
        """A server's TLS context with a certificate for `host`, a name or an address.

        The server `sends` the certificates of these authorities too.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        issuer, signer = (x509.Name([]), key) if self_signed else (self._name, self._key)
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        certificate = (
            self._builder(x509.Name([]), issuer, key, since or self.now - 2 * DAY, until or self.now + DAY)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        file = self.folder / f"{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + b"".join(authority.file.read_bytes() for authority in sends)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        since: datetime.datetime,
        until: datetime.datetime,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )
