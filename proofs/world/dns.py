"""A name server with scripted answers: other addresses at every look-up, aliases, or nothing."""

import socket
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, A, DNSRecord


@dataclass(frozen=True, slots=True)
class Name:
    """The answers for one host name.

    `look_ups` holds the addresses of successive look-ups; the last ones are repeated. `aliases` are the names of a
    CNAME chain before them. `rcode` is the answer's code; `silent` sends nothing at all, `garbage` sends no valid DNS.
    """

    look_ups: tuple[tuple[str, ...], ...] = ((),)
    aliases: tuple[str, ...] = ()
    rcode: str = "NOERROR"
    silent: bool = False
    garbage: bool = False

    @classmethod
    def at(cls, *addresses: str, aliases: tuple[str, ...] = ()) -> Self:
        """A name that always has these addresses."""
        return cls((addresses,), aliases)


class NameServer:
    """Answers for `names` over UDP until the block is left; `asked` counts the questions by name and type."""

    def __init__(self, names: Mapping[str, Name], address: str = "127.0.0.1", port: int = 53) -> None:
        self._names = names
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self.asked: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, name="dns-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes the thread, which closing the socket would not.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self._socket.getsockname())

    def _serve(self) -> None:
        with self._socket:
            while True:
                question, client = self._socket.recvfrom(4096)
                if not question:
                    return
                if answer := self._answer(question):
                    self._socket.sendto(answer, client)

    def _answer(self, data: bytes) -> bytes:
        question = DNSRecord.parse(data)
        host, kind = str(question.q.qname).rstrip(".").lower(), QTYPE[question.q.qtype]
        name = self._names.get(host, Name(rcode="NXDOMAIN"))
        turn = min(self.asked[host, kind], len(name.look_ups) - 1)
        self.asked[host, kind] += 1
        if name.silent:
            return b""
        if name.garbage:
            return data[:2] + b"\x81\x80" + b"\xff" * 40
        reply = question.reply()
        reply.header.ra = 1
        reply.header.rcode = getattr(RCODE, name.rcode)
        owner = host
        for alias in name.aliases:
            reply.add_answer(RR(owner, QTYPE.CNAME, rdata=CNAME(alias), ttl=0))
            owner = alias
        for address in name.look_ups[turn]:
            if kind == ("AAAA" if ":" in address else "A"):
                packed = tuple(ip_address(address).packed)  # as text, dnslib cannot read a dotted IPv4 tail
                rdata = AAAA(packed) if kind == "AAAA" else A(packed)
                reply.add_answer(RR(owner, question.q.qtype, rdata=rdata, ttl=0))
        return bytes(reply.pack())
