"""Which URLs are admitted, by their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import errors
from jobs.imaging.guard import Guard

GUARD = Guard(allow_ports=[range(80, 81), range(443, 444), range(8000, 8101)])


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://images.example/a.jpg", "http://images.example/a.jpg"),
        ("HTTPS://Images.EXAMPLE/A.jpg", "https://images.example/A.jpg"),
        ("http://images.example", "http://images.example/"),
        ("http://images.example?a=b", "http://images.example/?a=b"),
        ("http://images.example:/a", "http://images.example/a"),
        ("http://images.example:80/a", "http://images.example/a"),
        ("https://images.example:443/a", "https://images.example/a"),
        ("https://images.example:80/a", "https://images.example:80/a"),
        ("http://images.example:08000/a", "http://images.example:8000/a"),
        ("http://images.example:8100/a", "http://images.example:8100/a"),
        ("http://images.example/a#part", "http://images.example/a"),
        ("http://images.example/a;v=1?b=c&d=%20e+f", "http://images.example/a;v=1?b=c&d=%20e+f"),
        ("http://images.example/grün.jpg?q=日本", "http://images.example/gr%C3%BCn.jpg?q=%E6%97%A5%E6%9C%AC"),
        ('http://images.example/<"^`{|}>', "http://images.example/%3C%22%5E%60%7B%7C%7D%3E"),
        ("http://images.example/100%.jpg", "http://images.example/100%.jpg"),
        ("http://images.example./a", "http://images.example./a"),
        ("http://my_bucket.s3.example/a", "http://my_bucket.s3.example/a"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
        ("http://straße.example/", "http://xn--strae-oqa.example/"),
        ("http://日本。example/", "http://xn--wgv71a.example/"),
        ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "http://127.0.0.1/"),  # fullwidth digits
        ("http://93.184.216.34/", "http://93.184.216.34/"),
        ("http://[2606:2800:220:1::0001]/", "http://[2606:2800:220:1::1]/"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
        ("http://0x7f.1/", "http://0x7f.1/"),  # an address in disguise, which the address check recognizes
    ],
)
def test_an_http_url_is_admitted_in_the_form_it_is_sent_in(url, sent):
    assert GUARD.admit(url).url == sent


def test_an_admitted_url_names_the_host_and_port_to_connect_to():
    assert GUARD.admit("https://Images.example/a")[1:] == ("https", "images.example", 443)
    assert GUARD.admit("http://[::1]:8000/a")[1:] == ("http", "::1", 8000)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "images.example/a.jpg",
        "//images.example/a.jpg",
        "/a.jpg",
        "http://",
        "http:///a.jpg",
        "http:images.example",
        "http://:80/",
        "http://?a=b",
        "http://#a",
        " http://images.example/",
        "http://images.example/ ",
        "http://images.example/a b.jpg",
        "http://images.example/a\tb",
        "http://images.example/\r\nHost: internal",
        "http://images.example\r\nX: y/",
        "http://images.example/\x00",
        "http://images.example/\x7f",
        "http://images.example/\x85",
        "http://images.example/a\\b",
        "http://images.example\\@internal/",
        "http:\\\\images.example\\a",
        "http://images.example/\ud800",
        "http://user@images.example/",
        "http://user:password@images.example/",
        "http://@images.example/",
        "http://127.0.0.1@images.example/",
        "http://images.example:eighty/",
        "http://images.example:-1/",
        "http://images.example:65536/",
        "http://images.example:80:80/",
        "http://images..example/",
        "http://.images.example/",
        "http://-images.example/",
        "http://images-.example/",
        "http://images.example../",
        "http://ima%67es.example/",
        "http://images,example/",
        "http://im*ges.example/",
        "http://[::1/",
        "http://::1/",
        "http://[::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[v1.fe80]/",
        "http://[127.0.0.1]/",
        "http://[]/",
        "http://[::g]/",
        "http://[::1]images.example/",
        "http://images.example[::1]/",
        "http://[::1]]/",
        "http://[::1][::2]/",
        "http://[::1]:80:80/",
        "http://exa\u200bmple.\u202e/",
        "http://\U0001f4a9.example/",
        "http://xn--ü.example/",
        "http://ima℀ges.example/",  # becomes a/c when normalised
        f"http://{'a' * 64}.example/",
        f"http://{'ü' * 64}.example/",
    ],
)
def test_a_url_that_is_not_http_is_invalid(url):
    with pytest.raises(errors.InvalidURL):
        GUARD.admit(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://images.example/a.jpg",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "gopher://images.example/",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun/",
        "images.example:80/a.jpg",
        "http://images.example:22/",
        "http://images.example:0/",
        "http://images.example:81/",
        "http://images.example:7999/",
        "http://images.example:8101/",
        "http://images.example:65535/",
    ],
)
def test_another_scheme_or_port_is_blocked(url):
    with pytest.raises(errors.Blocked):
        GUARD.admit(url)


def test_the_longest_url_is_admitted_and_one_character_more_is_invalid():
    url = "http://images.example/".ljust(2048, "a")
    assert GUARD.admit(url).url == url
    with pytest.raises(errors.InvalidURL, match=r"2,048"):
        GUARD.admit(url + "a")


def test_the_longest_host_is_admitted_and_one_character_more_is_invalid():
    host = ".".join(["a" * 49] * 5) + ".abc"
    assert len(host) == 253
    assert GUARD.admit(f"http://{host}/").host == host
    assert GUARD.admit(f"http://{host}./").host == f"{host}."
    with pytest.raises(errors.InvalidURL):
        GUARD.admit(f"http://a{host}/")
    assert GUARD.admit(f"http://{'a' * 63}.example/")


def test_by_default_only_the_web_ports_are_open():
    for port in (80, 443):
        assert Guard().admit(f"http://images.example:{port}/").port == port
    for port in (79, 81, 442, 444, 8080):
        with pytest.raises(errors.Blocked):
            Guard().admit(f"http://images.example:{port}/")


def test_the_open_ports_are_a_setting(settings):
    settings.FETCH_ALLOW_PORTS = [range(8080, 8081)]
    settings.FETCH_ALLOW_CIDRS = []
    guard = Guard.from_settings()
    assert guard.admit("http://images.example:8080/").port == 8080
    with pytest.raises(errors.Blocked):
        guard.admit("http://images.example/")


@given(st.one_of(st.text(), st.text().map("http://".__add__), st.text().map("http://images.example/".__add__)))
def test_any_text_is_admitted_as_printable_ascii_or_refused(text):
    try:
        target = GUARD.admit(text)
    except (errors.InvalidURL, errors.Blocked):
        return
    assert target.url.isascii()
    assert target.url.isprintable()
    assert " " not in target.url
    assert "\\" not in target.url
    assert "@" not in target.url.partition("//")[2].partition("/")[0]
    assert GUARD.admit(target.url) == target or len(target.url) > 2048
