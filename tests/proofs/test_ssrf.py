"""Does a client's URL reach anything that is not public? The proof's own URLs and addresses, in small numbers."""

import argparse
import ipaddress

import pytest

from jobs.imaging.fetch import Fetcher
from jobs.imaging.guard import Guard
from proofs import ssrf, ssrf_addresses, ssrf_redirects, ssrf_urls
from proofs.report import CannotProve, Report
from proofs.ssrf_world import fetch
from proofs.world.everywhere import location_of
from proofs.world.fault_server import FaultServer, response

# Not 127.0.0.1, at which most of the hostile URLs aim.
OUR_HOST = "127.0.0.77"


def without_dns(cases):
    """Those of `cases` that end before any name server is asked."""
    for case in cases:
        if not {"ok", "dns_not_found"} & set(case.expected.split()) and "example:" not in case.url:
            yield case


@pytest.fixture
def fetch_code():
    """How a download from a URL ends, where only OUR_HOST is open besides the public Internet."""
    fetchers = []

    def code(url, ports=(80, 443)):
        if not fetchers:
            guard = Guard([ipaddress.ip_network(OUR_HOST)], [range(port, port + 1) for port in ports])
            limits = {"deadline_seconds": 10, "max_bytes": 1000, "max_redirects": 3}
            fetchers.append(Fetcher(guard, **limits))
        return fetch(fetchers[0], url)[0]

    yield code
    for fetcher in fetchers:
        fetcher.close()


HOSTILE = list(without_dns([*ssrf_urls.literals(), *ssrf_urls.tricks()]))


def test_no_hostile_url_is_fetched(fetch_code):
    assert len(HOSTILE) > 300
    ended = {case.url: (fetch_code(case.url), case.expected) for case in HOSTILE}

    assert {url: codes for url, codes in ended.items() if codes[0] not in codes[1].split()} == {}


def test_no_redirect_to_a_hostile_url_is_followed(fetch_code):
    with FaultServer(host=OUR_HOST) as server:
        ended = {}
        for number, case in enumerate([*ssrf_redirects.by_redirect(HOSTILE, ""), *ssrf_redirects.by_location("")]):
            if "ok" in case.expected:
                continue
            location = location_of(case.url)
            path = f"/{number}"
            server.at(path, response(b"", "302 Found", f"Location: {location}"))
            code = fetch_code(f"http://{OUR_HOST}:{server.port}{path}", (80, 443, server.port))
            ended[location] = code, case.expected

    assert len(ended) > 300
    assert {url: codes for url, codes in ended.items() if codes[0] not in codes[1].split()} == {}


@pytest.fixture(scope="module")
def compared():
    return ssrf_addresses.compare(20_000, seed=20260101)


def test_random_addresses_are_decided_as_two_oracles_do_or_are_on_the_list(compared):
    assert compared.laxer == []
    assert compared.unexplained == []
    assert compared.opened > 6000


def test_every_exception_on_the_list_is_one(compared):
    assert {network for network, _ in compared.stricter} == {*ssrf_addresses.STRICTER}


def test_a_disagreement_that_is_not_listed_is_seen(monkeypatch):
    monkeypatch.setattr(ssrf_addresses.Guard, "check", lambda *_: None)
    report = Report()
    ssrf.judge_addresses(report, 700, seed=1)

    assert any("laxer" in row.cells for row in report.missed)

    monkeypatch.setattr(ssrf_addresses, "_is_open", lambda *_: False)
    report = Report()
    ssrf.judge_addresses(report, 700, seed=1)

    assert any("stricter" in row.cells for row in report.missed)


def test_in_a_network_of_its_own_nothing_reaches_a_canary():
    options = argparse.Namespace(addresses=0, flips=60, every=4, dns_seconds=0.3, seed=1)
    try:
        report = ssrf.prove(options)
    except CannotProve as reason:
        pytest.skip(str(reason))

    assert [row.cells for row in report.missed] == []
