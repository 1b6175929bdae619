"""Hostile URLs, their DNS, and the error code that each must end with; `ssrf_redirects.py` has those of redirects."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from proofs.world.dns import Name
from proofs.world.everywhere import redirecting_to

GOOD_4, GOOD_6, OWN_4, OWN_6 = "93.184.216.34", "2606:2800:220:1::34", "93.184.216.99", "2606:2800:220:1::99"
SILENT_4 = "93.184.216.200"
GOOD_HOST = "images.example"
# The ports that the world listens on: the two of the web, and those of services that often trust their clients.
PORTS = (80, 443, 21, 22, 25, 81, 2375, 3306, 5432, 6379, 8000, 8080, 8443, 9200, 11211)

# One of every kind of address that is no public web server.
FORBIDDEN = (
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1",  # noqa: S104
    "172.31.255.254", "192.168.0.1", "192.168.255.254", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "169.254.170.23", "168.63.129.16", "100.64.0.1", "100.100.100.200", "100.127.255.254", "192.0.0.1", "192.0.0.192",
    "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::5db8:d822", "64:ff9b:1::7f00:1", "2002:7f00:1::",
    "2002:a9fe:a9fe::", "2002:5db8:d822::", "2001:0:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:93.184.216.34", "::ffff:0:127.0.0.1",
    "::ffff:0:169.254.169.254", "::127.0.0.1", "::169.254.169.254", "100::1", "100:0:0:1::1", "2001:2::1",
    "2001:10::1", "2001:db8::1", "3fff::1", "3ffe::1", "5f00::1", "4000::1", "ff02::1", "ff0e::1",
)  # fmt: skip
# Addresses that are also tried in every spelling.
_DISGUISED = ("127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "168.63.129.16")


@dataclass(frozen=True, slots=True)
class Case:
    """One URL; `expected` holds the codes it may end with, `ok` for a download, separated by blanks."""

    kind: str
    url: str
    expected: str


def literals() -> Iterator[Case]:
    """Forbidden addresses in the URL itself."""
    for text in FORBIDDEN:
        host = f"[{text}]" if ":" in text else text
        for scheme in ("http", "https"):
            yield Case("an address", f"{scheme}://{host}/", "blocked")
    for text in _DISGUISED:
        for host in _spellings(text):
            yield Case("an address in disguise", f"http://{host}/", "blocked")
        # Libraries read these differently; none of the readings may get in.
        for host in _odd_spellings(text):
            yield Case("an address in disguise", f"http://{host}/", "blocked dns_not_found invalid_url")
    for host in (
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[0::1]",
    ):
        yield Case("an address in disguise", f"http://{host}/", "blocked")


def _spellings(text: str) -> Iterator[str]:
    """Other ways to write an IPv4 address, as inet_aton reads them or UTS 46 maps them."""
    a, b, c, d = IPv4Address(text).packed
    number = int(IPv4Address(text))
    yield from (f"{number}", f"0x{number:x}", f"0X{number:08X}", f"0{number:o}")
    yield from (f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}", f"0x{a:x}.{number & 0xFFFFFF}")
    yield from (f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"0x{a:x}.0{b:o}.{c}.{d}")
    yield f"000000{a:o}.{b}.{c}.{d}"
    yield text.translate({ord("0") + n: 0xFF10 + n for n in range(10)})  # fullwidth digits
    yield text.translate({ord("1") + n: 0x2460 + n for n in range(9)})  # circled digits
    yield text.translate({ord("0") + n: 0x1D7CE + n for n in range(10)})  # mathematical digits
    yield from (text.replace(".", dot) for dot in "\u3002\uff0e\uff61")  # dots of other scripts
    yield text.replace(".", "\u00ad.")  # soft hyphens, which vanish


def _odd_spellings(text: str) -> Iterator[str]:
    a, b, c, d = IPv4Address(text).packed
    number = int(IPv4Address(text))
    yield from (f"{text}.", f"{number}.", f"{number + 2**32}", f"{a + 256}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d}.0")
    yield from (f"0o{number:o}", f"0b{number:b}", f"{number:x}", f"{text}.nip.example", f"0x{number:x}.")
    yield from (f"%{ord(text[0]):x}{text[1:]}", f"{text.replace('.', '%2e')}", f"+{text}", f"-{text}", f"{text}-")
    yield text.translate({ord("0") + n: 0x0660 + n for n in range(10)})  # Arabic digits are no digits to UTS 46
    yield text.translate({ord("0") + n: 0x0966 + n for n in range(10)})


# URLs whose host parsers disagree about. The second column is the only correct code.
_PARSER_TRICKS = (
    ("http://images.example@127.0.0.1/", "invalid_url"),
    ("http://images.example:80@127.0.0.1/", "invalid_url"),
    ("http://127.0.0.1@images.example/", "invalid_url"),
    ("http://user:password@127.0.0.1:80/", "invalid_url"),
    ("http://@127.0.0.1/", "invalid_url"),
    ("http://images.example%40127.0.0.1/", "invalid_url"),
    ("http://images.example\\@127.0.0.1/", "invalid_url"),
    ("http://127.0.0.1\\@images.example/", "invalid_url"),
    ("http:\\\\127.0.0.1\\", "invalid_url"),
    ("http://127.0.0.1\\.images.example/", "invalid_url"),
    ("http://images.example#@127.0.0.1/", "ok"),  # the host ends at the #
    ("http://images.example?@127.0.0.1/", "ok"),
    ("http://images.example/@127.0.0.1/", "ok"),
    ("http://127.0.0.1#@images.example/", "blocked"),
    ("http://127.0.0.1?@images.example/", "blocked"),
    ("http://127.0.0.1/@images.example/", "blocked"),
    ("http://127.0.0.1;images.example/", "invalid_url"),
    ("http://127.0.0.1,images.example/", "invalid_url"),
    ("http://127.0.0.1&images.example/", "invalid_url"),
    ("http://127.0.0.1 images.example/", "invalid_url"),
    ("http://127.0.0.1\timages.example/", "invalid_url"),
    ("http://127.0.0.1\x00images.example/", "invalid_url"),
    ("http://127.0.0.1%00.images.example/", "invalid_url"),
    ("http://127.0.0.1%0d%0a.images.example/", "invalid_url"),
    ("http://127.0.0.1\r\nHost: images.example/", "invalid_url"),
    ("http://images.example/\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1", "invalid_url"),
    ("http://images.example:80\r\n@127.0.0.1/", "invalid_url"),
    ("h\nttp://127.0.0.1/", "invalid_url"),
    ("\thttp://127.0.0.1/", "invalid_url"),
    (" http://127.0.0.1/", "invalid_url"),
    ("http://127.0.0.1/ ", "invalid_url"),
    ("http:/127.0.0.1/", "invalid_url"),
    ("http:127.0.0.1/", "invalid_url"),
    ("http:///127.0.0.1/", "invalid_url"),
    ("http:////127.0.0.1/", "invalid_url"),
    ("//127.0.0.1/", "invalid_url"),
    ("127.0.0.1", "invalid_url"),
    ("http://[127.0.0.1]/", "invalid_url"),
    ("http://[::1]images.example/", "invalid_url"),
    ("http://images.example[::1]/", "invalid_url"),
    ("http://[::1", "invalid_url"),
    ("http://::1/", "invalid_url"),
    ("http://[::1]]/", "invalid_url"),
    ("http://[[::1]]/", "invalid_url"),
    ("http://[::1%25lo]/", "invalid_url"),
    ("http://[fe80::1%lo]/", "invalid_url"),
    ("http://[fe80::1%251]/", "invalid_url"),
    ("http://[::1%]/", "invalid_url"),
    ("http://[v1.::1]/", "invalid_url"),
    ("http://[vF.127.0.0.1]/", "invalid_url"),
    ("http://[::1\u2025]/", "invalid_url"),
    ("http://images.example\u2044@127.0.0.1/", "invalid_url"),
    ("http://images.example\uff20127.0.0.1/", "invalid_url"),  # becomes @
    ("http://127.0.0.1\uff03.images.example/", "invalid_url"),  # becomes #
    ("http://127.0.0.1\uff0f.images.example/", "invalid_url"),  # becomes /
    ("http://127.0.0.1\uff1a80/", "invalid_url"),  # becomes :
    ("http://images.example\u2100/", "invalid_url"),  # becomes a/c
    ("http://images.example:80:80/", "invalid_url"),
    ("http://images.example:8\u0660/", "invalid_url"),
    ("http://images.example:\uff18\uff10/", "invalid_url"),
    ("http://images.example:-80/", "invalid_url"),
    ("http://images.example:+80/", "invalid_url"),
    ("http://images.example:8_0/", "invalid_url"),
    ("http://images.example:65616/", "invalid_url"),  # 80 + 2 ** 16
    ("http://images.example:99999999999999999999/", "invalid_url"),
    ("http://localhost/", "blocked"),
    ("http://LOCALHOST/", "blocked"),
    ("http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/", "blocked"),
    ("http://localhost./", "blocked dns_not_found"),
    ("http://ip6-localhost/", "blocked dns_not_found"),
    ("http://0/", "blocked"),
    ("http://0.0/", "blocked"),
    ("http://127.1/", "blocked"),
    ("http://127.0.1/", "blocked"),
    ("http://10.1/", "blocked"),
    ("http://0x/", "blocked dns_not_found"),
    ("http://./", "invalid_url"),
    ("http://../", "invalid_url"),
    ("http://*/", "invalid_url"),
    (f"http://{'a' * 300}.example/", "invalid_url"),
    (f"http://127.0.0.1/{'a' * 2048}", "invalid_url"),
)  # fmt: skip
_SCHEMES = (
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1/", "ftps://127.0.0.1/", "gopher://127.0.0.1/_x",
    "dict://127.0.0.1:11211/stats", "ldap://127.0.0.1/", "tftp://127.0.0.1/x", "sftp://127.0.0.1/", "ssh://127.0.0.1/",
    "redis://127.0.0.1/", "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "jar:http://127.0.0.1!/",
    "data:image/png;base64,AAAA", "javascript:alert(1)", "ws://127.0.0.1/", "netdoc:///etc/passwd", "view-source:http://127.0.0.1/",
    "blob:http://127.0.0.1/", "about:blank", "hxxp://127.0.0.1/", "localhost:80",
)  # fmt: skip


def tricks() -> Iterator[Case]:
    """URLs that parsers understand differently, other schemes, and ports other than the web's."""
    for url, expected in _PARSER_TRICKS:
        yield Case("a trick on the parser", url, expected)
    for url in _SCHEMES:
        yield Case("another scheme", url, "blocked")
    yield Case("another scheme", "url:http://127.0.0.1/", "blocked")
    yield Case("another scheme", "\u017fttp://127.0.0.1/", "invalid_url")  # lower case of nothing
    for port in (*PORTS[2:], 0, 1, 79, 444, 65535):
        for host in (GOOD_HOST, GOOD_4, f"[{GOOD_6}]"):
            yield Case("another port", f"http://{host}:{port}/", "blocked")


# The name of each forbidden address in the proof's DNS.
_HOSTS = {address: f"a{number}.hostile.example" for number, address in enumerate(FORBIDDEN)}
_MIXED = ("127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", "168.63.129.16")
REBINDING = {
    "to-loopback.rebinding.example": "127.0.0.1",
    "to-metadata.rebinding.example": "169.254.169.254",
    "to-private.rebinding.example": "10.0.0.1",
    "to-azure.rebinding.example": "168.63.129.16",
    "to-ipv6.rebinding.example": "::1",
    "to-mapped.rebinding.example": "::ffff:169.254.169.254",
}
HUNG = "hung.example"
DEAD_FIRST = "dead-first.example"
KEPT = "kept.example"


def zone(look_ups: int = 1000) -> dict[str, Name]:
    """Every name of this proof; the answer of a rebinding name changes at each of its first `look_ups` look-ups."""
    names = {host: Name.at(address) for address, host in _HOSTS.items()}
    names |= {
        GOOD_HOST: Name.at(GOOD_4, GOOD_6),
        "four.images.example": Name.at(GOOD_4),
        "six.images.example": Name.at(GOOD_6),
        KEPT: Name.at(GOOD_4),
        "alias.images.example": Name.at(GOOD_4, aliases=("one.alias.example", "two.alias.example")),
        "other.example": Name.at(GOOD_4),
        DEAD_FIRST: Name.at(SILENT_4, GOOD_4),
        "own-four.example": Name.at(OWN_4),
        "own-six.example": Name.at(OWN_6),
        "half-own.example": Name.at(GOOD_4, OWN_4),
        "metadata.google.internal": Name.at("169.254.169.254"),
        "instance-data.ec2.internal": Name.at("169.254.169.254"),
        "www.localhost": Name.at("127.0.0.1"),
        # Only reached through the search domain.
        "metadata.search.example": Name.at("169.254.169.254"),
        "chain.hostile.example": Name.at("127.0.0.1", aliases=("images.example",)),
        "long-chain.hostile.example": Name.at(
            "169.254.169.254", aliases=tuple(f"c{n}.hostile.example" for n in range(8))
        ),
        "many.hostile.example": Name.at(*(f"93.184.217.{n}" for n in range(20)), "10.0.0.1"),
        "empty.example": Name(),
        "alias-to-nothing.example": Name(aliases=("nothing.example",)),
        "failing.example": Name(rcode="SERVFAIL"),
        "refused.example": Name(rcode="REFUSED"),
        "garbage.example": Name(garbage=True),
        HUNG: Name(silent=True),
    }
    for number, address in enumerate(_MIXED):
        names[f"good-first-{number}.mixed.example"] = Name.at(GOOD_4, address)
        names[f"bad-first-{number}.mixed.example"] = Name.at(address, GOOD_4)
        names[f"good-six-{number}.mixed.example"] = Name.at(GOOD_6, address)
    for host, address in REBINDING.items():
        names[host] = Name(((GOOD_4,), (address,)) * (look_ups // 2))
    return names


def by_name() -> Iterator[Case]:
    """Host names that lead to forbidden addresses, or nowhere."""
    for host in _HOSTS.values():
        yield Case("a name of an address", f"http://{host}/", "blocked")
        yield Case("a name of an address", f"https://{host}/", "blocked")
    for number in range(len(_MIXED)):
        for order in ("good-first", "bad-first", "good-six"):
            yield Case("a name with mixed answers", f"http://{order}-{number}.mixed.example/", "blocked")
    yield Case("a name with mixed answers", "http://many.hostile.example/", "blocked")
    for host in ("chain", "long-chain"):
        yield Case("a chain of aliases", f"http://{host}.hostile.example/", "blocked")
    for host in ("metadata.google.internal", "instance-data.ec2.internal", "www.localhost", "metadata", "METADATA."):
        expected = "dns_not_found" if host.endswith(".") else "blocked"
        yield Case("a name that clouds know", f"http://{host}/", expected)
    for host in ("nothing.example", "empty.example", "alias-to-nothing.example", "no_such_tld"):
        yield Case("a name of nothing", f"http://{host}/", "dns_not_found")
    for host in ("failing.example", "refused.example", "garbage.example", HUNG):
        yield Case("a name server out of order", f"http://{host}/", "dns_timeout dns_not_found")


def by_rebinding(flips: int) -> list[Case]:
    """`flips` URLs whose names point to the good server and to a forbidden address in turn, at each look-up."""
    hosts = list(REBINDING)
    return [Case("rebinding", f"http://{hosts[n % len(hosts)]}/close", "ok blocked") for n in range(flips)]


def own_addresses() -> Iterator[Case]:
    """Public-looking addresses that belong to this machine."""
    for host in (OWN_4, f"[{OWN_6}]", "own-four.example", "own-six.example", "half-own.example"):
        yield Case("this machine's own", f"http://{host}/", "blocked")
        yield Case("this machine's own", f"https://{host}/", "blocked")


def controls() -> Iterator[Case]:
    """URLs that must succeed; otherwise the refusals prove nothing."""
    number = int(IPv4Address(GOOD_4))
    hosts = [GOOD_HOST, "four.images.example", "six.images.example", "alias.images.example", "IMAGES.example."]
    for host in (*hosts, GOOD_4, f"[{GOOD_6}]", f"[{IPv6Address(GOOD_6).exploded}]", str(number), f"0x{number:x}"):
        yield Case("control", f"http://{host}/image", "ok")
    yield Case("control", f"http://{GOOD_HOST}:80/image#part", "ok")
    yield Case("control: TLS", f"https://{GOOD_HOST}/image", "ok")
    yield Case("control: TLS", "https://four.images.example/image", "ok")
    for location in (f"http://{GOOD_4}/image", f"http://[{GOOD_6}]/image", "/image", "//images.example/image"):
        yield Case("control: redirect", f"http://{GOOD_HOST}{redirecting_to(location)}", "ok")
    yield Case("control: redirect", f"http://{GOOD_HOST}{redirecting_to(f'https://{GOOD_HOST}/image')}", "ok")
    for location in (
        "/image ",
        "\t/an image?of a store",
        f"http://{GOOD_4}/i\r\nLocation: http://{GOOD_4}/i",
        "\\image",
    ):
        yield Case("control: odd redirect", f"http://{GOOD_HOST}{redirecting_to(location)}", "ok")
    yield Case("control: odd redirect", f"http://{GOOD_HOST}{redirecting_to('/image', padding=5000)}", "ok")


def tls() -> Iterator[Case]:
    """Names with the certificate of another, and redirects from https to http."""
    yield Case("TLS for another name", "https://other.example/", "tls")
    yield Case("TLS for another name", f"https://{GOOD_4}/", "tls")
    yield Case("TLS to plain", f"https://{GOOD_HOST}{redirecting_to('http://images.example/')}", "bad_redirect")
    for address in ("127.0.0.1", "169.254.169.254", "[::1]"):
        location = redirecting_to(f"https://{address}/")
        yield Case("TLS to a forbidden address", f"https://{GOOD_HOST}{location}", "blocked")
