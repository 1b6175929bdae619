"""How settings are read from the environment; a wrong value is refused with the name and the values allowed.

Each of these raises ImproperlyConfigured. Only `settings.py` calls them.
"""

import ipaddress
import re
from collections.abc import Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from retail_pulse.secret_key import kept_key

env = environ.Env()

# By the scheme of EMAIL_URL.
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
# For each step of a conversation with a mail server.
MAIL_STEP_SECONDS = 10


def refuse(name: str, value: object, allowed: str) -> ImproperlyConfigured:
    """The error to raise, which names the variable, its value and what is allowed."""
    return ImproperlyConfigured(f"{name}={value!s}: allowed is {allowed}.")


def integer(name: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    text = env.str(name, default=str(default))
    # 18 digits: more than any limit has, and fewer than the conversion itself refuses.
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text) or not low <= int(text) <= high:
        raise refuse(name, text, f"a whole number from {low:,} to {high:,}")
    return int(text)


def seconds(name: str, default: float, low: float, high: float) -> float:
    """A number of seconds from `low` to `high`."""
    text = env.str(name, default=str(default))
    allowed = f"a number of seconds from {low:g} to {high:g}"
    try:
        value = float(text)
    except ValueError:
        raise refuse(name, text, allowed) from None
    if not low <= value <= high:  # also refuses nan
        raise refuse(name, text, allowed)
    return value


def boolean(name: str, default: bool) -> bool:
    text = env.str(name, default=str(default)).strip().lower()
    if text in {"true", "1", "yes", "on"}:
        return True
    if text in {"false", "0", "no", "off", ""}:
        return False
    raise refuse(name, text, "true or false")


def broker_url(name: str) -> str:
    """The address of a Redis or RabbitMQ, or nothing; one that is wrong is not repeated: it may hold a password."""
    url = str(env.str(name, default=""))
    try:
        is_usable = url.startswith(("redis://", "rediss://", "amqp://", "amqps://")) and urlsplit(url).port != 0
    except ValueError:
        is_usable = False
    if url and not is_usable:
        raise ImproperlyConfigured(
            f"{name}: allowed is redis://host:6379/0 or amqp://user:password@host:5672/vhost; rediss and amqps "
            "are TLS. In a password, / # @ are written %2F %23 %40."
        )
    return url


def mailers(name: str) -> dict[str, Any]:
    """Django's MAILERS for the server at this URL, without one for nowhere. A wrong URL is not repeated, as above."""
    url = str(env.str(name, default=""))
    if not url:
        return {"default": {"BACKEND": "access.mail.Nowhere"}}
    refusal = ImproperlyConfigured(
        f"{name}: allowed is smtp://user:password@host:25, smtp+tls://user:password@host:587 (STARTTLS) or "
        "smtp+ssl://user:password@host:465. In a password, / # @ + are written %2F %23 %40 %2B."
    )
    scheme = url.partition("://")[0]
    if scheme not in MAIL_PORTS:
        raise refusal
    try:
        read = env.email_url_config(url)
    except (ValueError, ImproperlyConfigured):
        raise refusal from None
    if not read["EMAIL_HOST"]:
        raise refusal
    options = {
        "host": read["EMAIL_HOST"],
        "port": read["EMAIL_PORT"] or MAIL_PORTS[scheme],
        "username": read["EMAIL_HOST_USER"] or "",
        "password": read["EMAIL_HOST_PASSWORD"] or "",
        "use_tls": scheme == "smtp+tls",
        "use_ssl": scheme == "smtp+ssl",
        "timeout": MAIL_STEP_SECONDS,
    }
    return {"default": {"BACKEND": read["EMAIL_BACKEND"], "OPTIONS": options}}


def mail_address(name: str, default: str) -> str:
    text = str(env.str(name, default=default))
    try:
        validate_email(parseaddr(text)[1])
    except ValidationError:
        raise refuse(name, text, "an address such as pulse@example.com or Pulse <pulse@example.com>") from None
    return text


def base_url(name: str) -> str:
    """Where people reach the service, such as https://pulse.example, without a slash at the end; or nothing."""
    text = str(env.str(name, default=""))
    if text and not is_base_url(text):
        raise refuse(name, text, "a scheme, a host and perhaps a port, such as https://pulse.example, and no path")
    return text.rstrip("/")


def is_base_url(text: str) -> bool:
    """Whether this is a scheme, a host and perhaps a port, as people write them: `origins` are stricter."""
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        return False
    is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    return is_whole and is_bare and re.fullmatch(r"[!-~]+", text) is not None


def choice(name: str, default: str, choices: Sequence[str]) -> str:
    value = str(env.str(name, default=default))
    if value not in choices:
        raise refuse(name, value, " or ".join(choices))
    return value


def listed(name: str, default: Sequence[str] = ()) -> list[str]:
    """Texts separated by commas."""
    return [part.strip() for part in env.str(name, default=",".join(default)).split(",") if part.strip()]


def address(name: str, default: str) -> str:
    """An IP address to listen on."""
    text = str(env.str(name, default=default))
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise refuse(name, text, "an IP address to listen on, such as 127.0.0.1, 0.0.0.0 or ::") from None


def origins(name: str) -> list[str]:
    """Web origins (RFC 6454) as browsers send them: scheme, host, and the port where it is not the scheme's own."""
    found = listed(name)
    for text in found:
        match = re.fullmatch(r"(https?)://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", text)
        if match is None or not (match[2] is None or 1 <= int(match[2]) <= 65535) or _is_usual(match[1], match[2]):
            allowed = "origins as browsers send them, such as https://shop.example or http://localhost:3000, "
            raise refuse(
                name, text, allowed + "separated by commas: lower case, no path, no *, and not the scheme's own port"
            )
    return found


def _is_usual(scheme: str, port: str | None) -> bool:
    """Whether a browser leaves this port out."""
    return port is not None and int(port) == {"http": 80, "https": 443}[scheme]


def cidrs(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    networks = []
    for text in listed(name):
        try:
            networks.append(ipaddress.ip_network(text))
        except ValueError:
            raise refuse(name, text, "networks such as 10.1.2.0/24 or fd00::/8, separated by commas") from None
    return networks


def ports(name: str, default: str) -> list[range]:
    ranges = []
    for text in listed(name, [default]):
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 65535:
            raise refuse(name, text, "ports from 1 to 65535 and ranges of them, such as 80,443,8000-8100")
        ranges.append(range(first, last + 1))
    if not ranges:
        raise refuse(name, "", "at least one port; without any, nothing can be fetched")
    return ranges


def time_zone(name: str, default: str) -> str:
    value = str(env.str(name, default=default))
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refuse(name, value, "a time zone's name such as UTC, Europe/Berlin or Asia/Kolkata") from None
    return value


def secret_key(home: Path) -> str:
    """The environment's SECRET_KEY, or one made once and kept in `home`, readable by its owner alone."""
    if key := str(env.str("SECRET_KEY", default="")):
        if len(key) < 50 or key.startswith("django-insecure-"):
            # The value is not repeated: it may be the beginning of a real one.
            raise ImproperlyConfigured(
                "SECRET_KEY: allowed is a random text of 50 characters or more, and no sample; unset, one is made."
            )
        return key
    try:
        return kept_key(home / "secret-key")
    except OSError as error:
        raise ImproperlyConfigured(
            f"SECRET_KEY is unset, and none can be kept in {home}: {error.strerror}. "
            "Set it, or let RETAIL_PULSE_HOME name a directory that this user may write to."
        ) from error
