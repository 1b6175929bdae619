"""`python -m proofs.ssrf_world`: the part of the SSRF proof that runs inside a separate network.

It fetches every hostile URL with the service's own Fetcher under the service's default settings, and sends a webhook
to it; it prints one JSON object: how each ended, and what the canaries received. Where the machine allows no such
network, the object gives the reason under `cannot prove`.
"""

import argparse
import datetime
import json
import re
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import django
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from jobs import errors
from jobs.imaging.fetch import Fetcher
from jobs.imaging.guard import Guard, is_own
from jobs.imaging.post import Poster
from jobs.imaging.resolver import Resolver
from jobs.imaging.types import Evidence
from proofs import ssrf_redirects as redirects
from proofs import ssrf_urls as urls
from proofs.report import CannotProve
from proofs.ssrf_urls import Case
from proofs.world import namespace
from proofs.world.dns import NameServer
from proofs.world.everywhere import IMAGE, Everywhere
from webhooks.addresses import guard

THREADS = 8
# More than the service looks up at once.
HUNG_LOOK_UPS = 20
KEPT_GETS = 20
# Addresses that a plain socket connects to at the end, to show that the canaries notice.
CANARIES = (
    "127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "100.64.0.1", "240.0.0.1", urls.OWN_4, "::1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "fd00:ec2::254", "fec0::1", "2002:7f00:1::", "::127.0.0.1",
)  # fmt: skip


class World:
    """The network, its servers, and fetchers with the service's settings; `dns_seconds` shortens the DNS timeouts."""

    def __init__(self, folder: Path, dns_seconds: float | None) -> None:
        self._folder = folder
        self._dns_seconds = dns_seconds
        self.endings: list[dict[str, Any]] = []
        self.figures: dict[str, Any] = {}

    def __enter__(self) -> "World":
        namespace.enter()
        resolver_options = "timeout:3 attempts:2" if self._dns_seconds is None else "timeout:1 attempts:1"
        conf = f"nameserver 127.0.0.1\nsearch search.example\noptions {resolver_options}\n"
        namespace.resolve_by(self._folder, conf)
        for address in (urls.OWN_4, urls.OWN_6):
            namespace.add_address(address)
        certificate = _certificate(self._folder, urls.GOOD_HOST, "four.images.example")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        self._ca_file = str(certificate)
        self._stack = ExitStack()
        self.names = self._stack.enter_context(NameServer(urls.zone()))
        self.internet = self._stack.enter_context(Everywhere(urls.PORTS, (urls.GOOD_4, urls.GOOD_6), tls))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fetcher(self, **options: Any) -> Fetcher:
        """A fetcher as `Fetcher.from_settings` makes it, but it trusts the authority of the good server."""
        if self._dns_seconds is not None:
            options.setdefault("resolver", Resolver(seconds=self._dns_seconds))
        fetcher = Fetcher(
            Guard.from_settings(),
            deadline_seconds=settings.FETCH_DEADLINE_SECONDS,
            max_bytes=settings.FETCH_MAX_BYTES,
            max_redirects=settings.FETCH_MAX_REDIRECTS,
            per_host=settings.FETCH_PER_HOST,
            ca_file=self._ca_file,
            **options,
        )
        self._stack.callback(fetcher.close)
        return fetcher

    def poster(self) -> Poster:
        """What sends webhooks, as an engine makes it, but it trusts the same authority."""
        resolver = None if self._dns_seconds is None else Resolver(seconds=self._dns_seconds)
        poster = Poster(guard(), deadline_seconds=settings.WEBHOOK_SECONDS, resolver=resolver, ca_file=self._ca_file)
        self._stack.callback(poster.close)
        return poster

    def run(self, cases: Iterable[Case], fetcher: Fetcher | Poster) -> None:
        """Fetch every case's URL or tell it, several at once, and record how each ended."""
        with ThreadPoolExecutor(THREADS) as pool:
            self.endings += pool.map(lambda case: _ending(case, fetcher), cases)


def _ending(case: Case, fetcher: Fetcher | Poster) -> dict[str, Any]:
    begun = time.monotonic()
    code, sentence = fetch(fetcher, case.url)
    return {
        "kind": case.kind,
        "url": case.url,
        "expected": case.expected,
        "found": code,
        # A client must not learn what a name resolves to inside a network.
        "tells": "name" in case.kind and any(address in sentence for address in urls.FORBIDDEN),
        "seconds": time.monotonic() - begun,
    }


def fetch(fetcher: Fetcher | Poster, url: str) -> tuple[str, str]:
    """How a fetch, or a request that tells, ended: `ok` or the error's code, and its sentence."""
    try:
        if isinstance(fetcher, Poster):
            status = fetcher.post(url, {"Content-Type": "application/json"}, b"{}").status
            return ("ok" if status == HTTPStatus.OK else f"http_{status}"), ""
        with fetcher.fetch(url, Evidence()) as download:
            return ("ok" if download.file.read() == IMAGE else "another body"), ""
    except errors.ImageError as error:
        return error.code, str(error)
    except Exception as error:  # noqa: BLE001 - any error outside the closed list of codes is a finding
        return f"{type(error).__name__}: {error}", ""


def play(world: World, flips: int, every: int) -> None:
    """Fetch every n-th hostile URL and all others; own addresses first, while no others are local."""
    world.figures["own addresses known"] = all(is_own(ip_address(own)) for own in (urls.OWN_4, urls.OWN_6))
    world.run(urls.own_addresses(), world.fetcher())
    namespace.answer_everywhere()
    fetcher = world.fetcher()
    plain = [*urls.literals(), *urls.tricks()][::every]
    named = list(urls.by_name())[::every]
    base = f"http://{urls.GOOD_4}"
    world.run(urls.controls(), fetcher)
    world.run(plain, fetcher)
    world.run(named, world.fetcher())
    world.run(redirects.by_redirect(plain, base), fetcher)
    world.run(redirects.by_redirect(named, base), fetcher)
    world.run(redirects.by_location(base), fetcher)
    world.run(urls.tls(), fetcher)
    world.run(urls.by_rebinding(flips), fetcher)
    _tell(world, [*plain, *named], flips)
    world.figures["look-ups per kept connection"] = _keep_alive(world)
    world.figures["failover"] = _fail_over(world)
    world.run(urls.controls(), fetcher)
    world.figures["hung look-ups"] = _hang(world)


def _tell(world: World, hostile: list[Case], flips: int) -> None:
    """Webhooks to all of these: they end as a fetch does, but for redirects, of which none is followed."""
    base = f"http://{urls.GOOD_4}"
    poster = world.poster()
    plain = [*urls.controls(), *hostile, *urls.tls(), *urls.by_rebinding(flips)]
    redirecting = [*filter(_redirects, plain), *redirects.by_redirect(hostile, base)]
    told = [replace(case, kind=f"{case.kind}, told") for case in plain if not _redirects(case)]
    world.run([*told, *(Case("redirect, told", case.url, "http_302") for case in redirecting)], poster)


def _redirects(case: Case) -> bool:
    """Whether it is one of the good addresses' redirects, see `everywhere.py`."""
    return re.search("[^/]/to-[0-9]", case.url) is not None


def _keep_alive(world: World) -> tuple[int, int]:
    """How many look-ups and connections many downloads from one host needed."""
    fetcher, before = world.fetcher(), len(world.internet.good_accepts)
    for _ in range(KEPT_GETS):
        code, _ = fetch(fetcher, f"http://{urls.KEPT}/image")
        assert code == "ok", code
    return world.names.asked[urls.KEPT, "A"], len(world.internet.good_accepts) - before


def _fail_over(world: World) -> str:
    """How a download from a host whose first address accepts no connection ends."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((urls.SILENT_4, 80))
        listener.listen(0)
        # A full backlog drops further connections silently, as a dead host does.
        for _ in range(3):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((urls.SILENT_4, 80))
        return fetch(world.fetcher(timeouts=(0.5, 5.0)), f"http://{urls.DEAD_FIRST}/image")[0]


def _hang(world: World) -> dict[str, Any]:
    """More look-ups at once than the resolver allows, none of which is ever answered."""
    fetcher = world.fetcher()
    begun = time.monotonic()
    with ThreadPoolExecutor(HUNG_LOOK_UPS) as pool:
        codes = list(pool.map(lambda n: fetch(fetcher, f"http://{urls.HUNG}/{n}")[0], range(HUNG_LOOK_UPS)))
        seconds = time.monotonic() - begun
    # The C library gives up by itself eventually, and frees its places.
    deadline = time.monotonic() + 30
    while (after := fetch(fetcher, f"http://{urls.GOOD_HOST}/image")[0]) != "ok" and time.monotonic() < deadline:
        pass
    return {"codes": sorted(set(codes)), "seconds": seconds, "after": after}


def unseen(world: World) -> list[str]:
    """The canaries that do not notice a plain connection: their silence would prove nothing."""
    return [address for address in CANARIES if not _notices(world, address)]


def _notices(world: World, address: str) -> bool:
    before = len(world.internet.canary_accepts)
    with socket.create_connection((address, 80), timeout=5):
        deadline = time.monotonic() + 5
        while len(world.internet.canary_accepts) == before and time.monotonic() < deadline:
            time.sleep(0.001)
    return len(world.internet.canary_accepts) > before


def _certificate(folder: Path, *hosts: str) -> Path:
    """A file with a key and a certificate for `hosts` that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Proof")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, False, False, False, False, True, False, False, False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return file


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flips", type=int, required=True)
    parser.add_argument("--every", type=int, required=True)
    parser.add_argument("--dns-seconds", type=float)
    options = parser.parse_args(arguments)
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with World(Path(folder), options.dns_seconds) as world:
                play(world, options.flips, options.every)
                found: dict[str, Any] = {
                    "endings": world.endings,
                    "figures": world.figures,
                    "accepts": list(world.internet.canary_accepts),
                    "calls": list(world.internet.canary_calls),
                    "unseen": unseen(world),
                }
        except CannotProve as reason:
            found = {"cannot prove": str(reason)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
