"""Where a redirect leads: its Location, read as browsers read it (WHATWG URL Standard; RFC 3986, section 5).

Nothing here decides what may be fetched. The guard judges the URL that comes out, and exactly that URL is fetched.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from jobs import errors
from jobs.imaging.guard import MAX_URL_LENGTH, URL_SAFE
from jobs.imaging.printable import printable

# No part of a URL: control characters and spaces around it, tabs and line breaks anywhere.
_AROUND = "".join(map(chr, range(0x21)))
_ANYWHERE = str.maketrans("", "", "\t\r\n")
# The slashes before a host, of which browsers take any number.
_SLASHES = re.compile(r"^(https?:)?/{2,}", re.IGNORECASE)
_NO_HOST = re.compile(r"^(https?:)?//(?:[?#]|$)", re.IGNORECASE)
_SCHEME = re.compile(r"^(https?):/*", re.IGNORECASE)
# A user name and a password, wherever any program may see them: as far as the last @ before the path.
_CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*:[/\\]*|[/\\]{2,})[^/\\?#]*@", re.IGNORECASE)
_MASKED = r"\1…@"


def locations(values: Sequence[str]) -> list[str]:
    """The different Locations of one answer, from the `values` of its header; empty ones are none."""
    return [text for text in dict.fromkeys(map(_read, values)) if text]


def resolve(base: str, location: str) -> str:
    """The URL to which `location` leads from the URL `base`; raises InvalidURL.

    A path may be written with backslashes. Where one would decide which host is meant, programs disagree, and the
    location is refused.
    """
    before_query = location.partition("?")[0].partition("#")[0]
    slashed = before_query.replace("\\", "/") + location[len(before_query) :]
    try:
        literal, parts = (urlsplit(urljoin(base, _with_two_slashes(base, text))) for text in (location, slashed))
    except ValueError:
        raise errors.InvalidURL("The URL's host or port is not valid.") from None
    if literal[:2] != parts[:2]:
        raise errors.InvalidURL("A backslash leaves open which host the URL means.")
    path, query = quote(parts.path, safe=URL_SAFE), quote(parts.query, safe=URL_SAFE)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _with_two_slashes(base: str, location: str) -> str:
    """`location` with the two slashes of RFC 3986 before its host.

    A host may also follow a scheme alone, but only one that is not that of `base`: else, it is a path. Raises
    InvalidURL where no host follows: the library would take that of `base`.
    """
    if (scheme := _SCHEME.match(location)) and scheme[1].lower() != urlsplit(base).scheme:
        location = f"{scheme[1]}://{location[scheme.end() :]}"
    elif slashes := _SLASHES.match(location):
        location = f"{slashes[1] or ''}//{location[slashes.end() :]}"
    else:
        return location
    if _NO_HOST.match(location):
        raise errors.InvalidURL("The URL's host name is not valid.")
    return location


def shown(location: str) -> str:
    """`location` as evidence for people: without credentials, escaped, at most MAX_URL_LENGTH characters."""
    return printable(_CREDENTIALS.sub(_MASKED, location), MAX_URL_LENGTH)


def _read(value: str) -> str:
    with suppress(UnicodeDecodeError):
        # Header bytes are decoded as Latin-1, but servers mean UTF-8.
        value = value.encode("latin-1").decode("utf-8")
    return value.strip(_AROUND).translate(_ANYWHERE)
