"""The header fields that tell a client how many requests it has left.

They are those of draft-ietf-httpapi-ratelimit-headers-10, in Structured Fields (RFC 9651): a policy by name with its
quota `q` in a window of `w` seconds, and what remains of it, `r` requests until `t` seconds from now. How many images
may be pending is no part of them, since the draft has no quota unit for it: `/api/v1/limits` tells it.
"""

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse

POLICY, REMAINING = "RateLimit-Policy", "RateLimit"
_NAME = '"requests"'


class Rate(NamedTuple):
    """So many requests of `limit` are `left` in a window of `window` seconds that ends in `seconds`."""

    limit: int
    left: int
    seconds: int
    window: int


def note(request: HttpRequest, rate: Rate) -> None:
    """Have the answer to this request tell it."""
    request.rate = rate  # type: ignore[attr-defined]


def rate_of(request: HttpRequest) -> Rate | None:
    """None where the request was not counted."""
    return getattr(request, "rate", None)


def tell(request: HttpRequest, response: HttpResponse) -> None:
    """Add the fields to the answer of a request that was counted."""
    if (rate := rate_of(request)) is not None:
        response[POLICY] = f"{_NAME};q={rate.limit};w={rate.window}"
        response[REMAINING] = f"{_NAME};r={rate.left};t={rate.seconds}"
