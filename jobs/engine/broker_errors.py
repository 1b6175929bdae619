"""What is wrong with a broker, and the cure, in a sentence for the log."""

from kombu.utils.url import maybe_sanitize_url

# What RabbitMQ and Redis say, and what to do about it; the first that is found counts.
_CURES = (
    (("PRECONDITION_FAILED",), "Delete the queue retail_pulse: it was declared with other arguments."),
    (("WRONGTYPE",), "Delete the key retail_pulse: it is no queue."),
    (("access to", "no permissions"), "Give the broker's user the rights to configure, write and read."),
    (
        ("ACCESS_REFUSED", "invalid username", "Authentication required", "AUTH"),
        "Check name and password in BROKER_URL.",
    ),
    (
        ("NOT_ALLOWED", "vhost", "invalid DB index", "out of range", "Database is int"),
        "Check the virtual host or number in BROKER_URL.",
    ),
    (("CERTIFICATE_VERIFY_FAILED",), "Name the authority that signed the broker's certificate in SSL_CERT_FILE."),
    (("[SSL", "handshake"), "Does the broker speak TLS there? If not, BROKER_URL begins with redis or amqp."),
    (("read only replica", "MASTER is down"), "Name the primary in BROKER_URL: this is a replica."),
    (("blocked", "maxmemory"), "Give the broker more memory or disk."),
)  # fmt: skip
_ANY = "Is it running, and is BROKER_URL right?"


def describe(error: BaseException, url: str) -> dict[str, str]:
    """What to log: the broker without its password, its error, the cure, and what happens meanwhile."""
    said = " ".join(str(error).split()) or type(error).__name__
    cure = next((cure for marks, cure in _CURES if any(mark in said for mark in marks)), _ANY)
    return {"broker": maybe_sanitize_url(url), "error": said, "cure": cure, "meanwhile": "working by polling"}
