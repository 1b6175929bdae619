"""Limits: requests per minute, failed sign-ins, and links asked for by mail.

Counted in fixed windows of the wall clock, which several processes share if they share a cache (CACHE_URL): one
`incr` per request, 0.02 ms, where the framework's own list of 6,000 times costs 0.45 ms. In exchange, up to twice
the limit passes within a minute that spans two windows.
"""

import logging
import re
import time
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from access.limits import limits_of
from access.rate_headers import Rate, note

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports this module, which the settings name

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
# An address may be that of an office full of people, each with their own limit.
FAILURES_OF_ONE_ADDRESS = 5
# Mails that somebody else can have sent to a mail address, in one window.
LINKS_OF_ONE_ADDRESS = 3
# How long an address from which a name signed in stays known.
KNOWN_SECONDS = 30 * 86_400


class TooOften(APIException):
    """`wait` seconds from now requests are answered again."""

    status_code = 429

    def __init__(self, sentence: str, wait: int) -> None:
        super().__init__(sentence)
        # The framework's name for what becomes Retry-After.
        self.wait = wait


class RequestRate(BaseThrottle):
    """API_RATE_PER_MINUTE requests for each user, and for each address of requests without a user; 0 is no limit.

    Users may have limits of their own. What is left is told in the answer, see `rate_headers.py`.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """True, or raises TooOften."""
        limit = limits_of(request.user).requests_per_minute
        if not limit:
            return True
        count = _count(f"requests:{principal(request)}", WINDOW_SECONDS)
        wait = _left(WINDOW_SECONDS)
        if count:
            note(request._request, Rate(limit, max(limit - count, 0), wait, WINDOW_SECONDS))
        if count > limit:
            raise TooOften(f"At most {limit:,} requests a minute are answered; send the next in {wait} s.", wait)
        return True


class SignInAttempts:
    """The attempts to sign in with one name from one address, within LOGIN_WINDOW_SECONDS.

    LOGIN_FAILURES may fail for a name, five times as many from an address. An attempt is counted before its password
    is checked, so that many at once cannot pass together, and uncounted when the password was right. Refused attempts
    do not prolong the window. An attacker who keeps guessing can thereby lock a name, but not for an address from
    which that name has signed in before.
    """

    def __init__(self, request: HttpRequest, name: str) -> None:
        self._address = _digest(client_network(request))
        self._name = _digest(name)
        self._known = f"known:{self._name}:{self._address}"

    def begin(self) -> None:
        """Raises TooOften."""
        seconds = settings.LOGIN_WINDOW_SECONDS
        most = settings.LOGIN_FAILURES
        if _count(f"sign-in:{self._address}", seconds) > FAILURES_OF_ONE_ADDRESS * most:
            raise self._refusal("from your address")
        if _count(f"sign-in:{self._name}", seconds) > most and not self._is_known():
            raise self._refusal("with this name")

    def succeed(self) -> None:
        seconds = settings.LOGIN_WINDOW_SECONDS
        try:
            cache.set(self._known, True, KNOWN_SECONDS)
            cache.delete(_window(f"sign-in:{self._name}", seconds))
            # Only this attempt: else somebody with an account could guess at others for ever.
            cache.decr(_window(f"sign-in:{self._address}", seconds))
        except ValueError:
            pass  # its window ended meanwhile
        except Exception as error:  # noqa: BLE001 - as in _count
            logger.warning("cache not available", extra={"error": str(error)})

    def _is_known(self) -> bool:
        """Whether the name has signed in from this address before."""
        try:
            return bool(cache.get(self._known))
        except Exception as error:  # noqa: BLE001 - as in _count
            logger.warning("cache not available", extra={"error": str(error)})
            return False

    def _refusal(self, whose: str) -> TooOften:
        wait = _left(settings.LOGIN_WINDOW_SECONDS)
        return TooOften(f"Too many attempts to sign in {whose} have failed; try again in {wait} s.", wait)


class LinkRequests:
    """Links asked for by mail within LOGIN_WINDOW_SECONDS: LINKS_OF_ONE_ADDRESS for a mail address, and five times as
    many from one network. Each counts, whether anybody has the address or not.
    """

    def __init__(self, request: HttpRequest, address: str) -> None:
        self._network = _digest(client_network(request))
        self._address = _digest(address.casefold())

    def begin(self) -> None:
        """Raises TooOften."""
        seconds = settings.LOGIN_WINDOW_SECONDS
        of_network = _count(f"links:{self._network}", seconds)
        if of_network > FAILURES_OF_ONE_ADDRESS * LINKS_OF_ONE_ADDRESS:
            raise self._refusal("from your network")
        if _count(f"links:{self._address}", seconds) > LINKS_OF_ONE_ADDRESS:
            raise self._refusal("by mail to this address")

    def _refusal(self, whose: str) -> TooOften:
        wait = _left(settings.LOGIN_WINDOW_SECONDS)
        return TooOften(f"Too many links were asked for {whose}; try again in {wait} s.", wait)


def client_network(request: HttpRequest) -> str:
    """As what a client without an account is counted: its IPv4 address, or the /64 network of its IPv6 address.

    A single customer has a whole /64 (RFC 6177), and so more addresses than any limit. An IPv4 address is the same one
    where it is written as IPv6 (`::ffff:192.0.2.1`).
    """
    text = client_address(request)
    # As some proxies write it: [2001:db8::1]:443, 192.0.2.1:443.
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::[0-9]+)?", text) or re.fullmatch(r"([0-9.]+):[0-9]+", text)
    try:
        address = ip_address(bracketed[1] if bracketed else text)
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    # The number alone: a link-local address also names an interface.
    return str(IPv6Network((int(address), 64), strict=False))


def client_address(request: HttpRequest) -> str:
    """The address that opened the connection, or, behind PROXIES proxies of ours, the one that the outermost saw.

    Each of them appends its caller's address to X-Forwarded-For; what precedes their entries can be forged.
    """
    heard = request.headers.get("X-Forwarded-For", "").split(",")
    if 0 < settings.PROXIES <= len(heard):
        return heard[-settings.PROXIES].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def principal(request: Request) -> str:
    """For whom a request counts: its user, or, without one, the network that it came from, see `client_network`."""
    if request.user.is_authenticated:
        return f"user:{request.user.pk}"
    return f"address:{_digest(client_network(request))}"


def _digest(text: str) -> str:
    """A part of a cache key, for text of any content and length."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _count(name: str, seconds: int) -> int:
    """Count one more in the current window, and return how many that makes."""
    key = _window(name, seconds)
    try:
        return 1 if cache.add(key, 1, seconds) else int(cache.incr(key))
    except ValueError:
        return 1  # it ended between the two
    except Exception as error:  # noqa: BLE001 - each cache's library has its own errors
        # Without its cache the service continues, uncounted: a cache must not lock anybody out.
        logger.warning("cache not available, requests are not counted", extra={"error": str(error)})
        return 0


def _window(name: str, seconds: int) -> str:
    return f"{name}:{int(_now()) // seconds}"


def _left(seconds: int) -> int:
    """Whole seconds to the end of the current window, 1 at least."""
    return seconds - int(_now()) % seconds


def _now() -> float:
    """The wall clock: the only one that processes with a shared cache have in common."""
    return time.time()
