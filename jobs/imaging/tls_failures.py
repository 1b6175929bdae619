"""What exactly was wrong with a server's TLS, from the numbers and names that OpenSSL gives its errors."""

import ssl

from jobs import errors
from jobs.imaging.printable import printable

_LONGEST_REASON = 80

_UNKNOWN_ISSUER = (
    "The server's TLS certificate is signed by an authority that is not known, or the server leaves out the "
    "certificates between the two (an incomplete chain)."
)
_TOO_WEAK = "The server's TLS certificate, or one in its chain, has a key or a signature that is too weak."
_OTHER_NAME = "The server's TLS certificate is for another host name."

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_CERTIFICATES = {
    2: _UNKNOWN_ISSUER,
    9: "The server's TLS certificate, or one in its chain, is not valid yet.",
    10: "The server's TLS certificate, or one in its chain, has expired.",
    18: "The server's TLS certificate is self-signed: no authority has signed it.",
    19: "The server's TLS certificate is signed by an authority of its own, which is not publicly trusted.",
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
    23: "The server's TLS certificate has been revoked.",
    62: _OTHER_NAME,
    64: _OTHER_NAME,
    66: _TOO_WEAK,
    67: _TOO_WEAK,
    68: _TOO_WEAK,
}

_TOO_OLD = "The server offers only versions of TLS that are too old to be safe, or that this service does not know."
_NO_TLS = "What answers at this port does not speak TLS: perhaps it is meant to be asked over http."
_REFUSED = (
    "The server refused the TLS handshake: it has no cipher in common with this service, or wants a certificate from "
    "its clients."
)
_WANTS_A_CERTIFICATE = "The server wants a TLS certificate from its clients."

_HANDSHAKES = {
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "NO_SHARED_CIPHER": _REFUSED,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _REFUSED,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _REFUSED,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _WANTS_A_CERTIFICATE,
    "TLSV1_UNRECOGNIZED_NAME": "The server does not serve this host name over TLS.",
    "UNEXPECTED_EOF_WHILE_READING": "The server broke off the TLS handshake.",
    "DH_KEY_TOO_SMALL": "The server's TLS key exchange is too weak to be safe.",
}


def before_the_body(error: BaseException) -> errors.TLSFailed:
    """The failure that OpenSSL, or a library above it, has reported by `error`: usually one of the handshake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # Absent where a library has raised it, not OpenSSL.
        if found := _CERTIFICATES.get(getattr(error, "verify_code", 0)):
            return errors.TLSFailed(found)
        return _other("The server's TLS certificate is not acceptable", getattr(error, "verify_message", ""))
    if found := _HANDSHAKES.get(_reason(error)):
        return errors.TLSFailed(found)
    return _other("The TLS connection failed", _in_words(error))


def in_the_body(error: BaseException) -> errors.TLSFailed:
    """The same for a connection that was good up to the body."""
    return _other("The TLS connection broke", _in_words(error))


def _reason(error: BaseException) -> str:
    """OpenSSL's name for it; empty where a library has raised the error."""
    return str(getattr(error, "reason", None) or "")


def _in_words(error: BaseException) -> str:
    return _reason(error).replace("_", " ").lower()


def _other(sentence: str, reason: str) -> errors.TLSFailed:
    detail = printable(reason, _LONGEST_REASON).rstrip(".")
    return errors.TLSFailed(f"{sentence}: {detail}." if detail else f"{sentence}.")
