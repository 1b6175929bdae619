"""Keeps other websites from acting through a visitor's browser where no credentials are asked for.

A page of any website may have its visitor's browser send a POST to this service: without a body it needs no media type,
and without credentials no CSRF token, so on an open API it would be obeyed. But browsers say where a request comes from
(`Sec-Fetch-Site`, `Origin`), and no page can change that. Programs send neither header and are not concerned; nor are
requests with an Authorization header: no page can add it without asking first, and only pages of CORS_ORIGINS are told
that they may.

Those pages may read the API's answers, so what they ask without a key or a token is refused, too: neither an open API
nor their visitor's session is for them.
"""

from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import is_same_domain
from rest_framework.permissions import SAFE_METHODS

# "none": the person has opened the address, no page did.
_OWN_SITES = ("same-origin", "none")
_PORTS = {"http": 80, "https": 443}


def is_cross_site(request: HttpRequest) -> bool:
    """Whether a page of another origin has sent this request, which would change something without credentials.

    Another port or scheme is another origin. CSRF_TRUSTED_ORIGINS names those that are trusted all the same.
    """
    if request.method in SAFE_METHODS or "Authorization" in request.headers:
        return False
    site = request.headers.get("Sec-Fetch-Site", "").strip().lower()
    origin = request.headers.get("Origin")
    if origin is not None and _is_trusted(origin):
        return False
    if site and site not in _OWN_SITES:
        return True
    return origin is not None and not _is_own(origin, request)


def is_read_without_key(request: HttpRequest) -> bool:
    """Whether a page that could read the answer, one of CORS_ORIGINS, asks without a key or a token."""
    origin = request.headers.get("Origin")
    if origin is None or "Authorization" in request.headers:
        return False
    return origin in settings.CORS_ORIGINS and not _is_own(origin, request) and not _is_trusted(origin)


def _is_own(origin: str, request: HttpRequest) -> bool:
    found, own = _split(origin), _split(f"{request.scheme}://{request.get_host()}")
    return found is not None and found == own


def _is_trusted(origin: str) -> bool:
    """The setting's entries are origins, or `https://*.example.com` for all names below one."""
    if (found := _split(origin)) is None:
        return False
    for entry in settings.CSRF_TRUSTED_ORIGINS:
        trusted = _split(entry.replace("*", "", 1))
        if trusted is None or (trusted[0], trusted[2]) != (found[0], found[2]):
            continue
        if found[1] == trusted[1] or ("*" in entry and is_same_domain(found[1], trusted[1])):
            return True
    return False


def _split(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is no origin, such as `null`, or several."""
    try:
        parts: SplitResult = urlsplit(origin.strip())
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    is_bare = bool(parts.hostname) and not (parts.path or parts.query or parts.fragment or parts.username)
    return (parts.scheme, parts.hostname or "", port) if is_bare else None
