"""Random addresses, checked by the guard and by two independent oracles.

The oracles are `ipaddress.is_global` and the table of ssrfguard, which other people have transcribed from IANA's
registries. The guard may be stricter where STRICTER says why; it must never be laxer than either.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import cycle, islice

from ssrfguard import DEFAULT_DENIED

from jobs import errors
from jobs.imaging.guard import Guard

type Address = IPv4Address | IPv6Address

# What the guard closes although an oracle leaves it open, and why.
STRICTER: Mapping[str, str] = {
    "168.63.129.16/32": "Azure's metadata service, in public address space",
    "192.0.0.9/32": "Port Control Protocol anycast: the network's own router answers",
    "192.0.0.10/32": "TURN anycast: the network's own relay answers",
    "192.31.196.0/24": "AS112: the nearest server answers, often in one's own network",
    "192.52.193.0/24": "AMT relays: multicast tunnels, no web servers",
    "192.88.99.0/24": "6to4 relays, deprecated",
    "192.175.48.0/24": "AS112",
    "224.0.0.0/4": "multicast",
    "::/96": "IPv4-compatible: a translator reaches the inner address",
    "::ffff:0:0/96": "IPv4-mapped: the kernel connects to the inner address",
    "::ffff:0:0:0/96": "SIIT: a translator reaches the inner address",
    "64:ff9b::/96": "NAT64: a translator reaches the inner address",
    "2001::/23": "IETF protocols: Teredo, ORCHID, AMT, AS112, anycast of the network's own boxes",
    "2002::/16": "6to4: a translator reaches the inner address",
    "2620:4f:8000::/48": "AS112",
    "3ffe::/16": "6bone, given back",
    "3fff::/20": "documentation",
    "fec0::/10": "site-local, deprecated and still routed in places",
    "ff00::/8": "multicast",
    "::/3": "outside 2000::/3, the only block that IANA has opened",
    "4000::/2": "outside 2000::/3",
    "8000::/1": "outside 2000::/3",
}
# The narrowest first, because its reason is the most specific.
_NETWORKS = sorted(((ip_network(text), text) for text in STRICTER), key=lambda entry: -entry[0].prefixlen)

# Where an IPv4 address is embedded in an IPv6 one: the prefix, and by how many bits it is shifted left.
_EMBEDDINGS = (
    ("::", 0),
    ("::ffff:0:0", 0),
    ("::ffff:0:0:0", 0),
    ("64:ff9b::", 0),
    ("64:ff9b:1::", 0),
    ("2002::", 80),
    ("2001::", 64),
)


@dataclass(slots=True)
class Comparison:
    """`checked` addresses by kind; disagreements by the exception that covers them, or one by one."""

    checked: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    stricter: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By network of STRICTER and oracle."""
    unexplained: list[tuple[Address, str]] = field(default_factory=list)
    laxer: list[tuple[Address, str]] = field(default_factory=list)


def compare(count: int, seed: int) -> Comparison:
    """Judge `count` addresses, drawn from `seed`, by the guard and by both oracles."""
    # Whether the address belongs to this machine does not matter here.
    guard = Guard(is_own=lambda _: False)
    found = Comparison()
    for kind, address in islice(draw(seed), count):
        found.checked[kind] += 1
        ours = _is_open(guard, address)
        found.opened += ours
        for oracle, is_public in (
            ("ipaddress", address.is_global),
            ("ssrfguard", not DEFAULT_DENIED.classify(address).blocked),
        ):
            if ours and not is_public:
                found.laxer.append((address, oracle))
            elif is_public and not ours:
                text = next((text for network, text in _NETWORKS if address in network), None)
                if text is None:
                    found.unexplained.append((address, oracle))
                else:
                    found.stricter[text, oracle] += 1
    return found


def _is_open(guard: Guard, address: Address) -> bool:
    try:
        guard.check("images.example", str(address))
    except errors.Blocked:
        return False
    return True


def draw(seed: int) -> Iterator[tuple[str, Address]]:
    """Endless addresses, each with the kind it was drawn as; every kind is equally frequent."""
    chance = random.Random(seed)  # noqa: S311 - the same addresses for the same seed
    special = [*(network for network, _ in _NETWORKS), *(block.network for block in DEFAULT_DENIED.blocks)]

    def inside() -> Address:
        network = chance.choice(special)
        return network[chance.randrange(network.num_addresses)]

    def at_the_edge() -> Address:
        network = chance.choice(special)
        edge = int(chance.choice((network.network_address, network.broadcast_address))) + chance.randint(-2, 2)
        kind = IPv4Address if network.version == 4 else IPv6Address
        return kind(edge % (1 << network.max_prefixlen))

    def embedded() -> Address:
        prefix, left = chance.choice(_EMBEDDINGS)
        inner = chance.choice((any_4, special_4))()
        noise = chance.getrandbits(left)
        return IPv6Address(int(IPv6Address(prefix)) | int(inner) << left | noise)

    def any_4() -> Address:
        return IPv4Address(chance.getrandbits(32))

    def special_4() -> Address:
        while (address := inside()).version != 4:
            pass
        return address

    kinds: dict[str, Callable[[], Address]] = {
        "any IPv4": any_4,
        "any IPv4 again": any_4,
        "2000::/3": lambda: IPv6Address(1 << 125 | chance.getrandbits(125)),
        "any IPv6": lambda: IPv6Address(chance.getrandbits(128)),
        "inside a special network": inside,
        "at a special network's edge": at_the_edge,
        "IPv4 inside IPv6": embedded,
    }
    for kind, pick in cycle(kinds.items()):
        yield kind.removesuffix(" again"), pick()
