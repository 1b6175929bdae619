"""Whatever a client sends, the service neither crashes nor stalls: a corpus and its mutations, at every endpoint.

Over real sockets against a real server process: no answer 5xx, none later than a second, every answer of the API in
JSON of the promised form, constant memory, and afterwards a healthy server and a clean audit. Nothing is fetched: the
engine is off. Sign-ins are throttled as usual, requests are not.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from proofs import hostile_behaviour, hostile_requests
from proofs.hostile_client import Answer, Connection, NoAnswer, complaint, is_web_servers_own, send_stream
from proofs.hostile_corpus import CREDENTIALS
from proofs.hostile_requests import Request
from proofs.report import Report
from proofs.samples import percentile
from proofs.world.processes import CommandFailed, Server
from proofs.world.service import World

BAR_SECONDS = 1.0
BAR_GROWTH_MB = 50.0
WEB_THREADS = 8
# How long the proof's server lets one request take; the default is longer.
REQUEST_SECONDS = 3
START_SECONDS = 60.0
# One of this many mutations is a stream of bytes over its own connection.
STREAM_EVERY = 20
SHOWN = 20


@dataclass(slots=True)
class Tally:
    """What one client thread saw."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By endpoint."""
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    slow: list[Request] = field(default_factory=list)
    complaints: list[tuple[Request | bytes, str]] = field(default_factory=list)
    refused_by_web_server: int = 0

    def add(self, request: Request, answer: Answer) -> None:
        self.statuses[request.endpoint, answer.status] += 1
        self.kinds[request.kind] += 1
        self.seconds.append(answer.seconds)
        self.refused_by_web_server += is_web_servers_own(answer)
        if answer.seconds > BAR_SECONDS:
            self.slow.append(request)
        if wrong := complaint(request, answer):
            self.complaints.append((request, wrong))

    def add_all(self, other: "Tally") -> None:
        self.statuses.update(other.statuses)
        self.kinds.update(other.kinds)
        self.seconds += other.seconds
        self.slow += other.slow
        self.complaints += other.complaints
        self.refused_by_web_server += other.refused_by_web_server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=100_000, help="including the corpus (default: 100,000)")
    parser.add_argument("--clients", type=int, default=4, help="concurrent clients (default: 4)")
    parser.add_argument("--seed", type=int, default=20260101, help="draws the mutations (default: 20260101)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    with tempfile.TemporaryDirectory(prefix="proof-hostile-") as folder:
        settings = {
            "ENGINE_AUTOSTART": "off",
            "API_RATE_PER_MINUTE": "0",
            # The throttle answers nearly every sign-in: hashing a password takes half a second on purpose.
            "LOGIN_WINDOW_SECONDS": "86400",
            "WEB_THREADS": str(WEB_THREADS),
            "WEB_REQUEST_SECONDS": str(REQUEST_SECONDS),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
        }
        with World(Path(folder), **settings) as world:
            server = world.server("web")
            _start(server)
            _storm(report, server, options.requests, options.clients, options.seed)
            _scenes(report, server)
            _afterwards(report, world, server)
    return report


def _start(server: Server) -> None:
    server.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready():
        if server.has_ended() or time.monotonic() > deadline:
            raise RuntimeError(f"The server did not start:\n{server.output()}")
        time.sleep(0.05)


def _storm(report: Report, server: Server, requests: int, clients: int, seed: int) -> None:
    """The corpus, then mutations up to `requests` in all, from `clients` at once."""
    sign_ins = Tally()
    _ask_all(server.port, _sign_ins(), sign_ins)
    corpus = list(hostile_requests.whole_corpus())[: requests // 2]
    streams = list(hostile_requests.framings())
    warm = Tally()
    _ask_all(server.port, iter(corpus[:: max(1, clients)]), warm)
    before = _memory(server)
    begun = time.monotonic()
    shares = [
        _Share(corpus[number::clients], streams[number::clients], (requests - len(corpus)) // clients, seed + number)
        for number in range(clients)
    ]
    total = Tally()
    with ThreadPoolExecutor(clients) as pool:
        for tally in pool.map(lambda share: share.send(server.port), shares):
            total.add_all(tally)
    seconds = time.monotonic() - begun
    growth = _memory(server) - before
    alone = Tally()
    _ask_all(server.port, iter(total.slow), alone)
    total.complaints += sign_ins.complaints + warm.complaints
    _show_storm(report, total, requests / seconds)
    _judge_storm(report, total, alone, growth, requests)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one client sends: its part of the corpus and of the byte streams, and `mutations` mutations."""

    corpus: list[Request]
    streams: list[tuple[str, bytes]]
    mutations: int
    seed: int

    def send(self, port: int) -> Tally:
        tally = Tally()
        _ask_all(port, iter(self.corpus), tally)
        for kind, data in self.streams:
            _stream(port, kind, data, tally)
        streams = hostile_requests.mutated_streams(self.seed)
        mutations = hostile_requests.mutations(self.seed)
        count = self.mutations // STREAM_EVERY
        for kind, data in islice(streams, count):
            _stream(port, kind, data, tally)
        _ask_all(port, islice(mutations, self.mutations - count), tally)
        return tally


def _ask_all(port: int, requests: Iterator[Request], tally: Tally) -> None:
    with Connection(port) as connection:
        for request in requests:
            if not request.is_sound:
                _stream(port, request.kind, request.encode("localhost"), tally)
                continue
            try:
                tally.add(request, connection.ask(request))
            except NoAnswer as error:
                tally.complaints.append((request, f"no answer: {error}"))


def _stream(port: int, kind: str, data: bytes, tally: Tally) -> None:
    try:
        statuses, is_gunicorns, seconds = send_stream(port, data)
    except NoAnswer as error:
        tally.complaints.append((data, f"no end: {error}"))
        return
    if is_gunicorns:
        tally.complaints.append((data, "a page of gunicorn's"))
    tally.kinds[kind] += 1
    tally.seconds.append(seconds)
    for status in statuses or [0]:
        tally.statuses["bytes", status] += 1
        # 501 is what RFC 9112, section 6.1, asks for where a transfer coding is unknown.
        if status >= 500 and status != 501:
            tally.complaints.append((data, f"status {status}"))


def _sign_ins() -> Iterator[Request]:
    """More attempts than the throttle allows, so that those of the storm are refused without hashing."""
    headers = {"Content-Type": hostile_requests.JSON}
    bodies = list(CREDENTIALS.values())
    for number in range(60):
        yield Request("sign-in", "POST", "/api/token/", headers=headers, body=bodies[number % len(bodies)])
        body = b'{"username": "u%d", "password": "x"}' % number
        yield Request("sign-in", "POST", "/api/token/", headers=headers, body=body)


def _memory(server: Server) -> float:
    """MiB of the server's largest process."""
    return max(_resident(pid) for pid in server.members())


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _show_storm(report: Report, total: Tally, rate: float) -> None:
    codes = sorted({status for _, status in total.statuses})
    table = report.table("Answers by endpoint (0: closed without one)", "endpoint", *map(str, codes))
    for endpoint in sorted({endpoint for endpoint, _ in total.statuses}):
        counts = [total.statuses[endpoint, code] for code in codes]
        bad = any(count for code, count in zip(codes, counts, strict=True) if code >= 500 and code != 501)
        table.add(endpoint, *(f"{count:,}" if count else "" for count in counts), ok=not bad)
    kinds = report.table("Requests by kind", "kind", "count")
    for kind, count in sorted(total.kinds.items()):
        kinds.add(kind, f"{count:,}", ok=True)
    figures = report.table("Figures", "what", "value")
    figures.add("requests a second", f"{rate:,.0f}", ok=True)
    for share in (0.5, 0.99, 0.999):
        figures.add(f"p{share * 100:g}", f"{percentile(total.seconds, share) * 1000:.1f} ms", ok=True)
    figures.add("refused by the web server itself", f"{total.refused_by_web_server:,}", ok=True)
    figures.add("load average of the machine", " ".join(f"{load:.1f}" for load in os.getloadavg()), ok=True)
    wrong = report.table("Wrong answers", "kind", "request", "what is wrong")
    for request, complained in total.complaints[:SHOWN]:
        kind, text = ("bytes", request) if isinstance(request, bytes) else (request.kind, request.encode("localhost"))
        wrong.add(kind, ascii(text.decode("latin-1"))[1:400], complained, ok=False)


def _judge_storm(report: Report, total: Tally, alone: Tally, growth: float, requests: int) -> None:
    server_errors = sum(count for (_, status), count in total.statuses.items() if status >= 500 and status != 501)
    sent = sum(total.kinds.values())
    report.bar("requests", f"{sent:,}", f"≥ {requests * 0.99:,.0f}", ok=sent >= requests * 0.99)
    report.bar("answers 5xx", server_errors, 0, ok=server_errors == 0)
    report.bar("wrong or missing answers", len(total.complaints), 0, ok=not total.complaints)
    slowest = max(total.seconds)
    # On a busy machine anything can be late once; an expensive request is late again.
    again = max(alone.seconds, default=0.0)
    found = f"{slowest:.2f} s" + (f", again alone {again:.2f} s" if alone.seconds else "")
    report.bar("slowest answer", found, f"≤ {BAR_SECONDS:g} s", ok=min(slowest, again or slowest) <= BAR_SECONDS)
    report.bar("growth of the server", f"{growth:+.1f} MB", f"< {BAR_GROWTH_MB:g} MB", ok=growth < BAR_GROWTH_MB)


def _scenes(report: Report, server: Server) -> None:
    table = report.table("Misbehaving clients", "what", "found", "expected")
    for scene in hostile_behaviour.play_all(server.port, WEB_THREADS):
        table.add(scene.what, scene.found, scene.expected, ok=scene.ok)


def _afterwards(report: Report, world: World, server: Server) -> None:
    good = next(request for request in hostile_requests.GOOD if request.path == "/api/submit/")
    with Connection(server.port) as connection:
        found = [connection.ask(Request("good", "GET", path)).status for path in ("/livez", "/readyz", "/api/visits")]
        found.append(connection.ask(good).status)
    expected = [200, 200, 200, 201]
    report.bar("afterwards: livez, readyz, visits, submit", found, expected, ok=found == expected)
    try:
        audit, is_clean = world.manage("audit"), True
    except CommandFailed as error:
        audit, is_clean = str(error), False
    report.bar("audit", audit.strip().splitlines()[0] if is_clean else audit, "clean", ok=is_clean)
