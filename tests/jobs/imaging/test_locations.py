"""Where a Location leads, written as servers write it, and what is kept of one that is refused."""

import math
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs import errors
from jobs.imaging import redirects
from jobs.imaging.guard import MAX_URL_LENGTH, Guard, host_of
from jobs.imaging.transport import MAX_HEADER_BYTES
from proofs.world.fault_server import FaultServer, response

GUARD = Guard(allow_ports=[range(1, 65536)])
BASE = "http://images.example:8000/folder/page?old=1"


def moved(*lines: bytes) -> bytes:
    """A redirect with these Location lines, from the colon on."""
    head = response(b"", "302 Found", *["Location:X"] * len(lines))
    for line in lines:
        head = head.replace(b"X", line.replace(b"X", b"x"), 1)
    return head


FOLLOWED = {
    # White space is no part of a value (RFC 9112, section 5.1), nor of a URL.
    b" /good ": "/good",
    b"/good \t ": "/good",
    b"\t /good": "/good",
    b" \x01/good\x1f ": "/good",
    b" /go\tod": "/good",
    b" /go\rod": "/good",
    # What stands in a path or a query by mistake is percent-encoded.
    b" /a good photo.jpg": "/a%20good%20photo.jpg",
    b" /good photo.jpg?of=store 1&by=me ": "/good%20photo.jpg?of=store%201&by=me",
    b" /a%20b c%2520.jpg": "/a%20b%20c%2520.jpg",
    b" /good #a b": "/good%20",
    "/grün/日本 1.jpg?q=ü".encode(): "/gr%C3%BCn/%E6%97%A5%E6%9C%AC%201.jpg?q=%C3%BC",
    "/gr\u00fcn".encode("latin-1"): "/gr%C3%BCn",
    b" /\x00\x07\x1b\x7f": "/%00%07%1B%7F",
    "/a\u00a0b\u0085c\u200b\u202e".encode(): "/a%C2%A0b%C2%85c%E2%80%8B%E2%80%AE",
    b' /"<>^`{|}': "/%22%3C%3E%5E%60%7B%7C%7D",
    b" /100%": "/100%",
    # Relative ones.
    b" good": "/folder/good",
    b" a good": "/folder/a%20good",
    b" ./good": "/folder/good",
    b" ../good": "/good",
    b" ../../../good": "/good",
    b" ?new=1": "/folder/page?new=1",
    b" good?a#b?c": "/folder/good?a",
    b" a:b/../good": None,
    # Backslashes are slashes in a path, and nowhere else.
    b" \\good\\1.jpg": "/good/1.jpg",
    b" good\\1.jpg": "/folder/good/1.jpg",
    b" ..\\good": "/good",
    b" /good?from=\\a\\b": "/good?from=%5Ca%5Cb",
    b" /good#\\\\": "/good",
    # A header that is written twice, or is folded.
    b" /a\r\n /good": "/a%20/good",
    b"\r\n\t/good": "/good",
}


@pytest.mark.parametrize(("location", "path"), [(line, path) for line, path in FOLLOWED.items() if path])
def test_a_location_leads_where_a_browser_would_go(fetch, server, evidence, location, path):
    good = server.at(path, response(b"good"))
    assert fetch(server.at("/folder/page?old=1", moved(location))) == b"good"
    assert evidence.redirects == [good]


@pytest.mark.parametrize("form", ["{}", " {} ", "{}#part", "{}\t", "\x0c{}"])
@pytest.mark.parametrize("scheme", ["http:", "HTTP:", ""])
def test_an_absolute_location_leads_to_another_server(fetch, server, form, scheme):
    with FaultServer() as other:
        url = other.at("/good%20photo?a%20b", response(b"good")).removeprefix("http:").replace("%20", " ")
        assert fetch(server.at("/", moved(form.format(scheme + url).encode()))) == b"good"


@pytest.mark.parametrize(
    "form", ["http:///{}/good", "http:////{}/good", "HTTP:///{}/good", "///{}/good", "/////{}/good"]
)
def test_any_number_of_slashes_may_stand_before_a_host(fetch, server, evidence, form):
    with FaultServer() as other:
        good = other.at("/good", response(b"good"))
        assert fetch(server.at("/", moved(form.format(f"127.0.0.1:{other.port}").encode()))) == b"good"
        assert evidence.redirects == [good]


@pytest.mark.parametrize(
    ("base", "location", "url"),
    [
        # WHATWG URL Standard, "special authority ignore slashes state" and "special relative or authority state".
        ("http://a.example/b/c", "http:///x.example", "http://x.example"),
        ("http://a.example/b/c", "https:///x.example/d?e", "https://x.example/d?e"),
        ("http://a.example/b/c", "https:/x.example/d", "https://x.example/d"),
        ("http://a.example/b/c", "https:x.example/d", "https://x.example/d"),
        ("http://a.example/b/c", "HTTPS:////x.example/d", "https://x.example/d"),
        ("https://a.example/b/c", "///x.example/d", "https://x.example/d"),
        ("https://a.example/b/c", "http:x.example/d", "http://x.example/d"),
        # A scheme alone stands for nothing where it is that of the page.
        ("http://a.example/b/c", "http:/d", "http://a.example/d"),
        ("http://a.example/b/c", "HTTP:d", "http://a.example/b/d"),
        ("http://a.example/b/c", "/d//e///f", "http://a.example/d//e///f"),
        ("http://a.example/b/c", "?d=http:///e", "http://a.example/b/c?d=http:///e"),
    ],
)
def test_slashes_before_a_host_are_counted_as_browsers_count_them(base, location, url):
    assert redirects.resolve(base, location) == url


@pytest.mark.parametrize(
    "lines",
    [
        [b" /good", b" /good"],
        [b" /good", b"/good \t"],
        [b" /good"] * 9,
        [b"", b" /good", b" "],
        [b" /good", b" /go\tod"],
        [b" /good", b" good"],
        [b" /good", b" //127.0.0.1:PORT/good", b" HTTP://127.0.0.1:0PORT/good#part"],
    ],
)
def test_the_same_location_twice_is_one(fetch, server, lines):
    server.at("/good", response(b"good"))
    port = str(server.port).encode()
    assert fetch(server.at("/", moved(*(line.replace(b"PORT", port) for line in lines)))) == b"good"


@pytest.mark.parametrize(
    "lines", [[b" /good", b" /other"], [b" /good", b" /GOOD"], [b" /good", b" //10.0.0.1/", b" /c"]]
)
def test_two_different_locations_are_refused_and_shown(fetch, server, evidence, lines):
    with pytest.raises(errors.BadRedirect, match=r"^The URL redirects to different addresses at once\.$"):
        fetch(server.at("/", moved(*lines)))
    assert evidence.redirects == [line.decode().strip() for line in lines[:2]]
    assert len(server.requests) == 1


@pytest.mark.parametrize("length", [2049, 8000, 60_000])
def test_a_location_may_be_longer_than_a_submitted_url(fetch, server, evidence, length):
    path = "/good?signature=".ljust(length, "a")
    server.at(path, response(b"good"))
    assert fetch(server.at("/", moved(path.encode()))) == b"good"
    assert evidence.redirects == [server.url(path)[: MAX_URL_LENGTH - 1] + "…"]
    # By its host an engine tells whom to blame, see engine/epoch.py.
    assert host_of(evidence.redirects[0]) == f"127.0.0.1:{server.port}"


def test_a_location_is_as_long_as_a_header_may_be(fetch, server):
    with pytest.raises(errors.ProtocolViolation):
        fetch(server.at("/", moved(b"/" + b"a" * MAX_HEADER_BYTES)))


@pytest.mark.parametrize("lines", [[b""], [b" "], [b"\t \t"], [b"", b" "], [b"\x00"]])
def test_an_empty_location_leads_nowhere(fetch, server, evidence, lines):
    with pytest.raises(errors.BadRedirect, match=r"^The URL redirects without saying where\.$"):
        fetch(server.at("/", moved(*lines)))
    assert evidence.redirects == []


REASON = "The URL redirects to an address that cannot be followed: "


@pytest.mark.parametrize(
    ("location", "reason", "shown"),
    [
        ("http://a b/", "the URL contains a space, a backslash or a control character.", None),
        ("http://images.example /", "the URL contains a space, a backslash or a control character.", None),
        ("http://a\x00b/", "the URL contains a space, a backslash or a control character.", r"http://a\x00b/"),
        ("http://[::1", "the URL's host or port is not valid.", None),
        ("//x:99999999/", "the URL's host or port is not valid.", None),
        ("http://a..b/", "the URL's host name is not valid.", None),
        ("https://exam\u200bple.\u202e/", "the URL's host name is not valid.", r"https://exam\u200bple.\u202e/"),
        (f"http://{'a' * 3000}/", "the URL's host name is not valid.", "http://" + "a" * 2040 + "…"),
        ("http://user:secret@x.example/", "the URL contains a user name or a password.", "http://…@x.example/"),
        ("//user:secret@x.example/", "the URL contains a user name or a password.", "//…@x.example/"),
        ("http://a:se@cr@x.example/", "the URL contains a user name or a password.", "http://…@x.example/"),
        (r"http:\\user:secret@x.example\a", "a backslash leaves open which host the URL means.", None),
        ("http:///user:secret@x.example/", "the URL contains a user name or a password.", "http:///…@x.example/"),
        ("http:///", "the URL's host name is not valid.", None),
        ("///", "the URL's host name is not valid.", None),
        (r"http:///\x.example/", "a backslash leaves open which host the URL means.", None),
        (r"https:\x.example/", "a backslash leaves open which host the URL means.", None),
        (r"https:/\x.example/", "a backslash leaves open which host the URL means.", None),
        (r"\\cdn.example\good", "a backslash leaves open which host the URL means.", None),
        (r"/\cdn.example/good", "a backslash leaves open which host the URL means.", None),
        (r"http:\\cdn.example\good", "a backslash leaves open which host the URL means.", None),
        (r"http://cdn.example\good", "a backslash leaves open which host the URL means.", None),
        (r"http://cdn.example\@10.0.0.1/", "a backslash leaves open which host the URL means.", None),
    ],
)
def test_a_location_that_is_refused_is_shown_with_the_reason(fetch, server, evidence, location, reason, shown):
    with pytest.raises(errors.BadRedirect) as caught:
        fetch(server.at("/", moved(b" " + location.encode())))
    assert str(caught.value) == REASON + reason
    assert evidence.redirects == [shown or location.replace("user:secret", "…")]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "only http and https URLs are fetched."),
        ("javascript:alert(1)", "only http and https URLs are fetched."),
        ("http:///x.example:22/", "port 22 is not one that this service fetches from."),
        ("http://x.example:22/", "port 22 is not one that this service fetches from."),
    ],
)
def test_a_scheme_or_port_that_is_not_fetched_is_shown_too(make_fetcher, server, evidence, location, reason):
    guard = Guard([], [range(80, 81), range(server.port, server.port + 1)])
    guard.check = lambda *_: None
    with pytest.raises(errors.Blocked) as caught:
        make_fetcher(guard=guard).fetch(server.at("/", moved(location.encode())), evidence)
    assert str(caught.value) == REASON + reason
    assert evidence.redirects == [location]


def test_every_hop_is_kept_as_far_as_one_that_is_refused(fetch, server, evidence):
    server.at("/2", moved(b"http://[::1"))
    with pytest.raises(errors.BadRedirect):
        fetch(server.at("/1", moved(b"/2")))
    assert evidence.redirects == [server.url("/2"), "http://[::1"]


ODD = st.text(
    st.one_of(st.sampled_from(list("/\\:@?#[]. \t\r\n\0%\u00ad\u3002\uff0f\x85")), st.sampled_from(list("ahtp1x"))),
)


@given(st.one_of(st.text(), ODD, ODD.map("http://a.example".__add__), ODD.map("//".__add__), ODD.map("http:".__add__)))
@example("http://127.0.0.1\t@a.example/")
@example("/\t/127.0.0.1\\@a.example")
@example("http:////127.0.0.1/")
def test_whatever_a_location_says_the_guard_judges_exactly_what_is_fetched(location):
    try:
        target = GUARD.admit(redirects.resolve(BASE, location), longest=math.inf)
    except (errors.InvalidURL, errors.Blocked):
        return
    assert target.url.isascii()
    assert target.url.isprintable()
    assert not set(" \\") & set(target.url)
    sent = urlsplit(target.url)  # as the transport reads it
    assert (sent.scheme, sent.hostname) == (target.scheme, target.host)
    assert (sent.port or {"http": 80, "https": 443}[sent.scheme]) == target.port
    assert "@" not in sent.netloc
    assert GUARD.admit(target.url, longest=math.inf) == target


@given(st.one_of(st.text(), ODD), st.sampled_from([1, 1000, 1_000_000]))
def test_what_is_shown_of_a_location_is_short_and_on_one_line(location, times):
    shown = redirects.shown(location * (times // (len(location) or 1) + 1))
    assert len(shown) <= MAX_URL_LENGTH
    assert shown.isprintable()


@given(ODD, st.sampled_from(["http://", "http:", "HTTPS:\\\\", "//", "\\/", "ftp:/"]))
def test_a_password_is_never_shown(location, start):
    assert "secret" not in redirects.shown(f"{start}user:secret@{location}")
