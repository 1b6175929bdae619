"""Redirects to what is forbidden, and Locations written so that programs misread them."""

import re
from collections.abc import Iterator

from proofs.ssrf_urls import Case
from proofs.world.everywhere import redirecting_to

# In base64 it must fit into a URL of 2,048 characters.
MAX_LOCATION = 1400

# What a header's `Location:` is followed by. White space around it and tabs inside are no part of it, and whatever else
# does not belong into a path is percent-encoded: none of this may change which host the guard judges.
_LOCATIONS = (
    ("http://127.0.0.1/ ", "blocked"),
    ("\t http://169.254.169.254/latest/ \t", "blocked"),
    ("\x01\x1fhttp://127.0.0.1/\x0b", "blocked"),
    ("http://169.254.169.254/latest meta-data/?a b#c d", "blocked"),
    ("http://127.0.0.1/\x00\x07\u00fc\u202e", "blocked"),
    ("h\tt\ttp://127.0.0.1/", "blocked"),
    ("http:\t//127.0.0.1/", "blocked"),
    ("http:/\t/127.0.0.1/", "blocked"),
    ("http://127.\t0.0.\t1/", "blocked"),
    ("http://127.0.0.1\t/", "blocked"),
    ("http://127.0.0.1\t:80/", "blocked"),
    ("http://127.0.0.1:8\t0/", "blocked"),
    ("http://127.0.0.1:2\t2/", "blocked"),
    ("/\t/127.0.0.1/", "blocked"),
    ("\t//127.0.0.1/ ", "blocked"),
    (" //[::1]/\t", "blocked"),
    ("//127.0.0.1", "blocked"),
    ("///127.0.0.1/", "blocked"),
    ("////169.254.169.254/", "blocked"),
    ("http:///127.0.0.1/", "blocked"),
    ("HTTP://///127.0.0.1/", "blocked"),
    ("https:/127.0.0.1/", "blocked"),
    ("https:127.0.0.1", "blocked"),
    ("http:///", "bad_redirect"),
    ("///?127.0.0.1", "bad_redirect"),
    ("http:///images.example\\@127.0.0.1/", "bad_redirect"),
    ("//127.0.0.1?@images.example/", "blocked"),
    ("//127.0.0.1#@images.example/", "blocked"),
    ("//\uff11\uff12\uff17.0.0.1/ a", "blocked"),
    ("file:///etc/passwd ", "blocked"),
    (" gopher://127.0.0.1/_a b", "blocked"),
    ("http://127.0.0.1/\r\nLocation: http://127.0.0.1/ ", "blocked"),
    ("http://127.0.0.1/\r\n index.html", "blocked"),
    ("\r\n http://127.0.0.1/", "blocked"),
    ("http://images.example/\r\nLocation: http://127.0.0.1/", "bad_redirect"),
    ("http://127.0.0.1/\r\nLocation: http://images.example/", "bad_redirect"),
    ("http://127.0.0.1 /", "bad_redirect"),
    ("http:// 127.0.0.1/", "bad_redirect"),
    ("http://images.example @127.0.0.1/", "bad_redirect"),
    ("http://images.example\t@127.0.0.1/", "bad_redirect"),
    ("http://127.0.0.1\t@images.example/", "bad_redirect"),
    ("http://127.0.0.1\x00.images.example/", "bad_redirect"),
    ("http://127.0.0.1\x7f/", "bad_redirect"),
    ("http://127.0.0.1\u00a0/", "bad_redirect"),
    ("http://127.0.0.1%20/", "bad_redirect"),
    ("http://127.0.0.1%09@images.example/", "bad_redirect"),
    ("http://127.0.0.1%2f@images.example/", "bad_redirect"),
    ("http://127.0.0.1\\@images.example/", "bad_redirect"),
    ("http://images.example\\@127.0.0.1/", "bad_redirect"),
    ("http:\\\\127.0.0.1\\", "bad_redirect"),
    ("http:/\\127.0.0.1/", "bad_redirect"),
    ("\\\\127.0.0.1\\", "bad_redirect"),
    ("/\\127.0.0.1/", "bad_redirect"),
    ("\\/127.0.0.1/", "bad_redirect"),
    ("/\t\\127.0.0.1/", "bad_redirect"),
    ("", "bad_redirect"),
    (" \t ", "bad_redirect"),
)


def by_redirect(cases: list[Case], base: str) -> Iterator[Case]:
    """The absolute ones of `cases` again, as what the good server at `base` redirects to."""
    for case in cases:
        # These characters end a header's line; a URL without a scheme is a path of the good server.
        if any(end in case.url for end in "\r\n\0") or not re.match(r"[a-z][a-z0-9+.-]*:", case.url, re.I | re.A):
            continue
        if case.url != case.url.strip():
            continue  # white space around a Location is no part of it: see _LOCATIONS
        expected = case.expected.replace("invalid_url", "bad_redirect")
        if re.match(r"https?:/{3,}", case.url):
            expected = "blocked"  # browsers take any number of slashes before a host
        if re.match(r"http:/?[^/\\]", case.url):
            expected += " ok"  # a path of the good server to RFC 3986, section 5.2.2
        if "\t" in case.url:
            expected += " dns_not_found"  # joining URLs drops the tab; the guard judges the rest
        if len(case.url) < MAX_LOCATION:
            yield Case(f"redirect to {case.kind}", base + redirecting_to(case.url), expected)


def by_location(base: str) -> Iterator[Case]:
    """Redirects of the good server at `base` whose Location is written in an odd way."""
    for location, expected in _LOCATIONS:
        yield Case("redirect by an odd Location", base + redirecting_to(location), expected)
    for host in ("127.0.0.1", "169.254.169.254", "[::1]"):
        yield Case("redirect by a long Location", base + redirecting_to(f"http://{host}/", padding=5000), "blocked")
    for location in (
        "http:/169.254.169.254/",
        "HTTP:127.0.0.1",
        "/ /127.0.0.1/",
        "\u00a0http://127.0.0.1/",
        "a b@127.0.0.1",
        "\\a\\b",
    ):
        yield Case("redirect to a path", base + redirecting_to(location), "ok")
