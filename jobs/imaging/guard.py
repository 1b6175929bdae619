"""Protection against server-side request forgery: which URLs may be fetched, and which addresses connected to.

Clients choose the URLs, so a URL must never reach what only this machine can reach. There are two checks:
`Guard.admit` checks the text of the URL before anything is resolved, and `Guard.check` checks every address at the
moment of connecting, because a host name can resolve to any address, and to another one a second later.
"""

import functools
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self
from urllib.parse import SplitResult, quote, urlsplit

import idna
from django.conf import settings

from jobs import errors

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_LENGTH = 2048
MAX_HOST_LENGTH = 253  # RFC 1035, without the final dot
DEFAULT_PORTS = {"http": 80, "https": 443}

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\\ud800-\udfff]")
# A host name in ASCII: labels of 1 to 63 characters. No RFC allows the underscore, but many bucket names have it.
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
# urlsplit looks for brackets anywhere, and reads `[::1]x` as `::1`. A `%` would name an interface of this machine.
_IPV6_LITERAL = re.compile(r"\[([0-9A-Fa-f:.]+)\](:[0-9]*)?")
# What browsers leave unchanged in a path or a query; everything else is percent-encoded.
URL_SAFE = "!#$%&'()*+,/:;=?@[]~"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# The only IPv6 block that IANA has opened for the public Internet.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

# Special ranges of the IANA registries (RFC 6890 and its successors). `ipaddress.is_global` covers most of them, but
# not the same ones in every Python release.
_NOT_PUBLIC = _networks(
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT relays
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",
    "2001::/23",  # IETF protocols: Teredo, ORCHID, AMT, AS112
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",  # AS112
    "3ffe::/16",
    "3fff::/20",
)

# IPv6 addresses that embed an IPv4 address: a translator would connect to the inner one, which was not checked.
_TRANSLATED = _networks(
    "::/96",  # IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped
    "::ffff:0:0:0/96",  # SIIT
    "64:ff9b::/96",  # NAT64
    "64:ff9b:1::/48",  # NAT64, local use
    "2001::/32",  # Teredo
    "2002::/16",  # 6to4
)
_LOOPBACK_6 = ipaddress.IPv6Address("::1")  # inside ::/96, but embeds no address

# Where clouds hand out credentials without authentication. FETCH_ALLOW_CIDRS opens one only by its exact address.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # nearly every cloud
        "169.254.170.2",  # Amazon ECS
        "169.254.170.23",  # Amazon EKS
        "168.63.129.16",  # Azure, in public address space
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # Amazon
        "fd00:ec2::23",  # Amazon EKS
        "fd20:ce::254",  # Google
    )
)


# The class of an address; the first match counts. The words are stable: they are stored, and clients read them.
_CLASSES: tuple[tuple[str, tuple[Network, ...]], ...] = (
    ("metadata", tuple(ipaddress.ip_network(address) for address in _METADATA)),
    ("loopback", _networks("127.0.0.0/8", "::1/128")),
    ("translated", _TRANSLATED),
    ("private", _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    ("link-local", _networks("169.254.0.0/16", "fe80::/10")),
    ("carrier-grade NAT", _networks("100.64.0.0/10")),
    ("multicast", _networks("224.0.0.0/4", "ff00::/8")),
    (
        "documentation",
        _networks("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    ),
)
# The class reported for every address that may not be connected to, see `Guard.check`.
NOT_PUBLIC = "not public"


@functools.lru_cache(maxsize=4096)
def address_class(text: str) -> str:
    """The class of the address `text`: a word of _CLASSES, or "public", or "reserved" for all others.

    Clients may see the class only of an address that may be connected to: for others it would reveal what a host name
    resolves to inside our network.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "reserved"
    for word, networks in _CLASSES:
        if any(address in network for network in networks):
            return word
    return "public" if is_public(address) else "reserved"


@functools.lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Whether `address` belongs to the public Internet, by the registries as of this release."""
    if address in _METADATA or any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and (address.version == 4 or address in _GLOBAL_UNICAST)


def is_own(address: Address) -> bool:
    """Whether `address` belongs to an interface of this machine: only then can a socket be bound to it.

    Checked again each time (about 10 µs), because interfaces come and go. If the kernel lets sockets be bound to any
    address (`ip_nonlocal_bind`), this cannot be found out, and False is returned.
    """
    documentation = "192.0.2.1" if address.version == 4 else "2001:db8::1"
    return _can_bind(address.version, str(address)) and not _can_bind(address.version, documentation)


def _can_bind(version: int, address: str) -> bool:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


class Target(NamedTuple):
    """An admitted URL: `url` is ASCII and without fragment; `host` is lower case, IPv6 without brackets."""

    url: str
    scheme: str
    host: str
    port: int


class Guard:
    """The two checks. `allow_cidrs` opens addresses that are not public; no ports but `allow_ports` are open."""

    def __init__(
        self,
        allow_cidrs: Sequence[Network] = (),
        allow_ports: Sequence[range] = (range(80, 81), range(443, 444)),
        is_own: Callable[[Address], bool] = is_own,
        does: tuple[str, str] = ("fetches from", "does not fetch from"),
    ) -> None:
        self._allow_cidrs = tuple(allow_cidrs)
        self._allow_ports = tuple(allow_ports)
        self._is_own = is_own
        # What the service does there, in the sentences of errors.
        self._does = does

    @classmethod
    def from_settings(cls) -> Self:
        return cls(settings.FETCH_ALLOW_CIDRS, settings.FETCH_ALLOW_PORTS)

    def admit(self, url: str, longest: float = MAX_URL_LENGTH) -> Target:
        """The URL in the form in which it is sent; raises InvalidURL, or Blocked for a forbidden scheme or port.

        `longest` is in characters, and for URLs that clients submit.
        """
        if len(url) > longest:
            raise errors.InvalidURL(f"The URL is longer than {longest:,} characters.")
        if _FORBIDDEN.search(url):
            raise errors.InvalidURL("The URL contains a space, a backslash or a control character.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise errors.InvalidURL("The URL's host or port is not valid.") from None
        if not parts.scheme:
            raise errors.InvalidURL("The URL does not begin with http:// or https://.")
        if parts.scheme not in DEFAULT_PORTS:
            raise errors.Blocked("Only http and https URLs are fetched.")
        if "@" in parts.netloc:
            raise errors.InvalidURL("The URL contains a user name or a password.")
        host = _ascii_host(parts)
        default = DEFAULT_PORTS[parts.scheme]
        port = default if port is None else port
        if not any(port in allowed for allowed in self._allow_ports):
            raise errors.Blocked(f"Port {port} is not one that this service {self._does[0]}.")
        netloc = f"[{host}]" if ":" in host else host
        if port != default:
            netloc += f":{port}"
        path = quote(parts.path, safe=URL_SAFE) or "/"
        query = f"?{quote(parts.query, safe=URL_SAFE)}" if parts.query else ""
        return Target(f"{parts.scheme}://{netloc}{path}{query}", parts.scheme, host, port)

    def check(self, host: str, address: str) -> None:
        """Raise Blocked unless `address`, to which `host` resolved, may be connected to.

        The message names the host and never the address: clients must not learn what a name resolves to inside our
        network. Nor may they learn the address's class: by guessing names, a client could find out which of them exist
        inside, and which is this machine, a neighbour or a cloud's metadata service. So every refused address is
        NOT_PUBLIC in the evidence, even one that the client itself wrote into the URL: one rule without exceptions.
        Hosts that may be fetched from reveal themselves by their answers anyway, and there the exact class helps to
        find out why a fetch fails.
        """
        if not self._allows(address):
            raise errors.Blocked(f"{host} is at an address that this service {self._does[1]}.")

    def _allows(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:
                return False
            if address != _LOOPBACK_6 and any(address in network for network in _TRANSLATED):
                return False
        if address in _METADATA:
            return ipaddress.ip_network(address) in self._allow_cidrs
        if any(address in network for network in self._allow_cidrs):
            return True
        return is_public(address) and not self._is_own(address)


def _ascii_host(parts: SplitResult) -> str:
    """The host as used for DNS and TLS: an address literal, or a name mapped by UTS 46 (RFC 5891)."""
    host = parts.hostname or ""
    if "[" in parts.netloc:
        literal = _IPV6_LITERAL.fullmatch(parts.netloc)
        try:
            return str(ipaddress.IPv6Address(literal[1] if literal else ""))
        except ValueError:
            raise errors.InvalidURL("The URL's host is not a valid IPv6 address.") from None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except UnicodeError:
            raise errors.InvalidURL("The URL's host name is not valid.") from None
    if len(host.removesuffix(".")) > MAX_HOST_LENGTH or not _HOST_NAME.fullmatch(host):
        raise errors.InvalidURL("The URL's host name is not valid.")
    return host


def host_of(url: str) -> str:
    """The host and port of an http or https URL, as "name:port"; empty if it cannot be fetched."""
    if len(url) > MAX_URL_LENGTH or _FORBIDDEN.search(url):
        return ""
    try:
        parts = urlsplit(url)
        default = DEFAULT_PORTS.get(parts.scheme)
        if default is None:
            return ""
        host = _ascii_host(parts).removesuffix(".")
        return f"{f'[{host}]' if ':' in host else host}:{parts.port or default}"
    except (ValueError, errors.InvalidURL):
        return ""
