"""Which addresses may be connected to."""

import ipaddress
import random

import pytest

from jobs import errors
from jobs.imaging.guard import Guard, is_own, is_public


def nobodys(_):
    return False


def allowed(address: str, *cidrs: str) -> bool:
    guard = Guard([ipaddress.ip_network(cidr) for cidr in cidrs], is_own=nobodys)
    try:
        guard.check("images.example", address)
    except errors.Blocked:
        return False
    return True


PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "168.63.129.15", "168.63.129.17", "2606:4700:4700::1111", "2a00:1450:4001::1", "2400:cb00::1",
    "2001:4860:4860::8888",
]  # fmt: skip
NOT_PUBLIC = [
    # this machine and its network
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "10.0.0.1", "10.255.255.255", "172.16.0.1",
    "172.31.255.255", "192.168.0.1", "169.254.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1",
    "100.127.255.255", "100.100.100.200", "::", "::1", "fc00::1", "fdff::1", "fd00:ec2::254", "fe80::1", "febf::1",
    "fec0::1", "feff::1",
    # reserved for tests, documents and protocols
    "192.0.0.1", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1", "240.0.0.1", "255.255.255.255", "224.0.0.1",
    "239.255.255.255", "100::1", "2001:db8::1", "3fff::1", "3ffe::1", "5f00::1", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:4:112::1", "2620:4f:8000::1", "ff02::1", "ff0e::1", "4000::1", "1::1", "e000::1",
    # an IPv4 address inside
    "::7f00:1", "::5db8:d822", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "::ffff:0:127.0.0.1",
    "::ffff:0:5db8:d822", "64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::a00:1", "2002:7f00:1::",
    "2002:5db8:d822::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    # looks public, and answers with credentials
    "168.63.129.16",
    # names an interface
    "fe80::1%eth0", "2606:4700:4700::1111%eth0",
    # is none
    "", "images.example", "127.1", "0x7f000001",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_open(address):
    assert allowed(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_address_is_closed(address):
    assert not allowed(address)


@pytest.mark.parametrize("standard", [True, False])
def test_our_table_and_the_standard_librarys_are_each_enough_to_close_an_address(monkeypatch, standard):
    # Python releases differ in what they call global: neither table may rely on the other.
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        monkeypatch.setattr(kind, "is_global", standard)
    is_public.cache_clear()
    for address in NOT_PUBLIC[: NOT_PUBLIC.index("fe80::1%eth0")]:
        assert not is_public(ipaddress.ip_address(address)), address
    for address in PUBLIC:
        assert is_public(ipaddress.ip_address(address)) is standard
    is_public.cache_clear()


def test_a_network_that_the_operator_allows_is_open_and_its_neighbours_are_not():
    assert allowed("10.1.2.0", "10.1.2.0/24")
    assert allowed("10.1.2.255", "10.1.2.0/24")
    assert not allowed("10.1.3.0", "10.1.2.0/24")
    assert allowed("fd00::1", "fd00::/8")
    assert allowed("127.0.0.1", "127.0.0.1/32")
    assert not allowed("127.0.0.2", "127.0.0.1/32")
    assert allowed("::1", "::1/128")
    assert allowed("::1", "10.0.0.0/8", "::1/128")


METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",
    "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
]  # fmt: skip


@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_address_is_opened_only_by_its_exact_entry(address):
    version = ipaddress.ip_address(address).version
    exact, bits = ("/32", 32) if version == 4 else ("/128", 128)
    broader = ipaddress.ip_network(f"{address}/{bits - 1}", strict=False)
    assert not allowed(address, str(broader))
    assert not allowed(address, "0.0.0.0/0", "::/0")
    assert allowed(address, address + exact)


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001:0:1::1",
        "::a00:1",
        "::ffff:0:a00:1",
    ],
)
def test_an_address_inside_an_address_stays_closed_whatever_is_allowed(address):
    assert not allowed(address, "::/0", "0.0.0.0/0", f"{address}/128")


def test_an_interface_of_this_machine_is_closed_unless_allowed():
    guard = Guard(is_own=lambda address: str(address) == "93.184.216.34")
    guard.check("images.example", "93.184.216.35")
    with pytest.raises(errors.Blocked):
        guard.check("images.example", "93.184.216.34")
    network = ipaddress.ip_network("93.184.216.34/32")
    Guard([network], is_own=lambda _: True).check("images.example", "93.184.216.34")


def test_this_machine_knows_its_own_addresses():
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert is_own(ipaddress.ip_address("127.99.1.2"))
    assert not is_own(ipaddress.ip_address("93.184.216.34"))
    assert not is_own(ipaddress.ip_address("2606:4700:4700::1111"))


def test_where_anything_can_be_bound_nothing_is_taken_for_own(monkeypatch):
    monkeypatch.setattr("jobs.imaging.guard._can_bind", lambda *_: True)
    assert not is_own(ipaddress.ip_address("93.184.216.34"))


def test_the_refusal_names_the_host_and_not_the_address():
    with pytest.raises(errors.Blocked) as caught:
        Guard().check("intranet.example", "10.20.30.40")
    assert "intranet.example" in str(caught.value)
    assert "10.20" not in str(caught.value)


def test_the_allowed_networks_are_a_setting(settings):
    settings.FETCH_ALLOW_CIDRS = [ipaddress.ip_network("10.1.2.0/24")]
    guard = Guard.from_settings()
    guard.check("images.example", "10.1.2.3")
    with pytest.raises(errors.Blocked):
        guard.check("images.example", "127.0.0.1")


# Public according to the standard library, but closed here, with the reason.
STRICTER = [
    ipaddress.ip_network(text)
    for text in (
        "192.31.196.0/24", "192.175.48.0/24", "2620:4f:8000::/48",  # AS112
        "192.52.193.0/24", "192.88.99.0/24", "2002::/16",  # AMT, 6to4
        "168.63.129.16/32",  # Azure's metadata
        "224.0.0.0/4", "ff00::/8",  # multicast
        "2001::/23", "3ffe::/16", "3fff::/20",  # protocols, 6bone, documents
        "::/3", "4000::/2", "8000::/1",  # not opened by IANA
    )
]  # fmt: skip


@pytest.mark.parametrize("bits", [32, 128])
def test_a_random_address_is_classified_as_by_the_standard_library_or_is_listed_here(bits):
    draw = random.Random(20260101)
    kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
    for _ in range(20_000):
        address = kind(draw.getrandbits(bits) if bits == 32 else (1 << 125) | draw.getrandbits(125))
        if is_public(address):
            assert address.is_global, address
        elif address.is_global:
            assert any(address in network for network in STRICTER), address


def test_the_edges_of_every_special_network_are_not_public():
    for network in STRICTER:
        for address in (network.network_address, network.broadcast_address):
            assert not is_public(address)
