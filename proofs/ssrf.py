"""A client's URL reaches only public hosts: hostile URLs against canaries, random addresses against two oracles.

The URLs are fetched by the service's own Fetcher, under its default settings, in a network namespace where every
address answers (proofs/ssrf_world.py): by their text, by redirect, by DNS, with names whose answers change. Then all of
them are given to the service as webhooks, and it sends to each. A single TCP connection anywhere but to the good
server's web ports breaks the promise. Needs Linux, and root or unprivileged user namespaces; without them only the
addresses are checked, and the exit code is 3.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console

from jobs.imaging.resolver import DNS_SECONDS
from proofs.report import CannotProve, Report
from proofs.ssrf_addresses import STRICTER, compare

ROOT = Path(__file__).resolve().parent.parent
# Longer than the longest run: two minutes of look-ups that hang, and some more.
WORLD_SECONDS = 300
MIN_URLS = 150
MIN_FLIPS = 60
# How many entries of a list that should be empty are shown.
SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--addresses", type=int, default=1_000_000, help="random addresses (default: 1,000,000)")
    parser.add_argument("--flips", type=int, default=120, help="downloads from rebinding names (default: 120)")
    parser.add_argument("--every", type=int, default=1, help="fetch only every n-th hostile URL (default: all)")
    parser.add_argument("--dns-seconds", type=float, help="timeout of name servers (default: the service's own)")
    parser.add_argument("--seed", type=int, default=20260101, help="draws the addresses (default: 20260101)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    if options.addresses:
        judge_addresses(report, options.addresses, options.seed)
    try:
        found = run_world(options.flips, options.every, options.dns_seconds)
    except CannotProve:
        if report.missed:
            return report
        report.show(Console())
        raise
    show_endings(report, found["endings"])
    show_endings(report, found["told"], "Webhooks")
    judge_webhooks(report, found["told"])
    judge_world(report, found, options.dns_seconds or DNS_SECONDS)
    return report


def judge_addresses(report: Report, count: int, seed: int) -> None:
    """Compare `count` addresses with the oracles: a row per kind and per exception, and the bars."""
    found = compare(count, seed)
    kinds = report.table("Addresses checked", "kind", "count")
    for kind, checked in found.checked.items():
        kinds.add(kind, f"{checked:,}", ok=True)
    table = report.table("Stricter than an oracle, and why", "network", "ipaddress", "ssrfguard", "reason")
    for network, reason in STRICTER.items():
        counts = [f"{found.stricter[network, oracle]:,}" for oracle in ("ipaddress", "ssrfguard")]
        table.add(network, *counts, reason, ok=True)
    unlisted = report.table("Unlisted disagreements", "address", "oracle", "guard")
    for address, oracle in found.unexplained[:SHOWN]:
        unlisted.add(address, oracle, "stricter", ok=False)
    for address, oracle in found.laxer[:SHOWN]:
        unlisted.add(address, oracle, "laxer", ok=False)
    report.bar("addresses open to the guard", f"{found.opened:,}", "some", ok=found.opened > 0)
    report.bar("open to the guard, closed to an oracle", len(found.laxer), 0, ok=not found.laxer)
    report.bar("closed to the guard alone, unlisted", len(found.unexplained), 0, ok=not found.unexplained)


def run_world(flips: int, every: int, dns_seconds: float | None) -> dict[str, Any]:
    """The findings from the separate network. Raises CannotProve."""
    options = [] if dns_seconds is None else ["--dns-seconds", str(dns_seconds)]
    with tempfile.TemporaryDirectory(prefix="proof-ssrf-") as home:
        # The service's defaults, whatever the operator has set.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FETCH_", "WEBHOOK_"))}
        environment = kept | {
            "RETAIL_PULSE_HOME": home,
            "DATABASE_URL": "",
            "FETCH_ALLOW_CIDRS": "",
            "FETCH_ALLOW_PORTS": "80,443",
            "WEBHOOK_ALLOW_CIDRS": "",
            "WEBHOOK_ALLOW_PORTS": "80,443",
            "DJANGO_SETTINGS_MODULE": "retail_pulse.settings",
        }
        world = subprocess.run(
            [sys.executable, "-m", "proofs.ssrf_world", "--flips", str(flips), "--every", str(every), *options],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=WORLD_SECONDS,
            check=False,
        )
    if world.returncode:
        raise RuntimeError(f"The world of the SSRF proof failed:\n{world.stderr}")
    found: dict[str, Any] = json.loads(world.stdout)
    if "cannot prove" in found:
        raise CannotProve(found["cannot prove"])
    return found


def show_endings(report: Report, endings: list[dict[str, Any]], what: str = "URLs") -> None:
    """A row per kind of URL, and one per URL that did not end as expected."""
    codes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for ending in endings:
        codes[ending["kind"]][ending["found"]] += 1
    strays = [ending for ending in endings if ending["found"] not in ending["expected"].split()]
    table = report.table(what, "kind", "count", "ended as")
    for kind, ended in codes.items():
        ended_as = ", ".join(f"{code} {count}" for code, count in sorted(ended.items()))
        table.add(kind, sum(ended.values()), ended_as, ok=all(stray["kind"] != kind for stray in strays))
    others = report.table(f"{what} that ended otherwise", "kind", "URL", "expected", "ended as")
    for stray in strays[:SHOWN]:
        others.add(stray["kind"], ascii(stray["url"])[1:-1], stray["expected"], stray["found"], ok=False)


def judge_webhooks(report: Report, told: list[dict[str, Any]]) -> None:
    """The bars about the same URLs as webhooks; their connections count with all others."""
    strays = [ending for ending in told if ending["found"] not in ending["expected"].split()]
    controls = [ending for ending in told if ending["kind"] == "control"]
    addresses = [ending for ending in told if ending["kind"] == "an address"]
    admitted = sum(ending["admitted"] for ending in addresses)
    said = {ending["says"] for ending in told} - {""}
    tells = sum(ending["tells"] for ending in told)
    good = sum(ending["admitted"] and ending["found"] == "ok" for ending in controls)
    distinct = len({ending["url"] for ending in told} - {ending["url"] for ending in controls})
    report.bar("webhooks: hostile URLs", f"{distinct:,}", f"≥ {MIN_URLS}", ok=distinct >= MIN_URLS)
    report.bar("webhooks: ended with another code than expected", len(strays), 0, ok=not strays)
    report.bar(f"webhooks: of {len(addresses)} forbidden addresses, admitted", admitted, 0, ok=not admitted)
    report.bar("webhooks: sentences that name an inner address", tells, 0, ok=not tells)
    report.bar("webhooks: sentences about names, whatever they lead to", len(said), 1, ok=len(said) == 1)
    report.bar("webhooks: controls told", f"{good} of {len(controls)}", "all", ok=0 < good == len(controls))


def judge_world(report: Report, found: dict[str, Any], dns_seconds: float) -> None:
    """The bars about connections, DNS and rebinding."""
    endings, figures = found["endings"], found["figures"]
    hostile = [ending for ending in endings if not ending["kind"].startswith("control")]
    controls = [ending["found"] for ending in endings if ending["kind"].startswith("control")]
    flips = [ending["found"] for ending in hostile if ending["kind"] == "rebinding"]
    strays = [ending for ending in endings if ending["found"] not in ending["expected"].split()]
    calls = found["calls"]
    report.bar("TCP connections on a canary", len(found["accepts"]), 0, ok=not found["accepts"])
    report.bar("requests on a canary", len(calls), 0, ok=not calls)
    deaf = ", ".join(found["unseen"])
    report.bar("canaries that miss a plain connection", deaf or 0, 0, ok=not deaf)
    distinct = len({ending["url"] for ending in hostile})
    report.bar("hostile URLs", f"{distinct:,}", f"≥ {MIN_URLS}", ok=distinct >= MIN_URLS)
    report.bar("ended with another code than expected", len(strays), 0, ok=not strays)
    tells = sum(ending["tells"] for ending in endings)
    report.bar("refusals that name an inner address", tells, 0, ok=not tells)
    good = controls.count("ok")
    report.bar("controls that succeed", f"{good} of {len(controls)}", "all", ok=0 < good == len(controls))
    both = f"{flips.count('ok')} fetched, {flips.count('blocked')} blocked"
    bar = f"≥ {MIN_FLIPS}, both"
    report.bar("rebinding flips", both, bar, ok=len(flips) >= MIN_FLIPS and {*flips} == {"ok", "blocked"})
    known = figures["own addresses known"]
    report.bar("this machine's own addresses known", known, True, ok=known)
    look_ups, connections = figures["look-ups per kept connection"]
    kept = f"{look_ups} look-up, {connections} connection"
    report.bar("20 downloads over a kept connection", kept, "1 and 1", ok=look_ups == connections == 1)
    report.bar("first address dead, second alive", figures["failover"], "ok", ok=figures["failover"] == "ok")
    hung = figures["hung look-ups"]
    # One timeout for a free place, one for the answer.
    limit = 2 * dns_seconds + 1
    report.bar(
        "20 look-ups that nobody answers",
        f"{', '.join(hung['codes'])} in {hung['seconds']:.1f} s",
        f"dns_timeout < {limit:.1f} s",
        ok=hung["codes"] == ["dns_timeout"] and hung["seconds"] < limit,
    )
    report.bar("a look-up after that", hung["after"], "ok", ok=hung["after"] == "ok")
