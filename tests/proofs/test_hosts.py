"""A small run of the hosts proof on a real service, and the bars that are set to what it measures."""

import argparse

import pytest
import requests

from proofs import hosts
from proofs.hosts_servers import Behaviour, Servers
from proofs.report import Report
from tests.databases import dumped_template
from tests.proofs import copied_hosts_world


def test_beside_a_silent_host_and_after_an_outage_every_image_is_done(
    django_db_setup, django_db_blocker, monkeypatch, tmp_path
):
    monkeypatch.setattr(hosts, "WORLD", copied_hosts_world.__name__)
    monkeypatch.setenv(copied_hosts_world.DUMP, str(tmp_path / "dump"))
    with django_db_blocker.unblock():
        (tmp_path / "dump").write_bytes(dumped_template())
    options = argparse.Namespace(scenes=["silent", "closed"], quick=True, seed=1)

    report = hosts.prove(options)

    # How soon is a question for a quiet machine.
    assert [row.cells for row in report.missed if not row.cells[0].startswith("healthy")] == []
    assert [row.cells[1][:8] for row in report.bars.rows if row.cells[0].startswith("healthy")] == ["24 of 24"]


def missed(scene, found, by_itself=2.0) -> list[str]:
    """What the missed bars found."""
    report = Report()
    hosts.CHECKS[scene](report, found, by_itself)
    return [row.cells[1] for row in report.missed]


def ended(seconds=1.0, completed=100, failed=0, begun=0.1, images=100) -> dict:
    return {"images": images, "completed": completed, "failed": failed, "begun": begun, "seconds": seconds}


@pytest.mark.parametrize(
    ("scene", "healthy", "bars"),
    [
        ("silent", ended(6.0), []),
        ("silent", ended(6.1), ["100 of 100 in 6.1 s"]),
        ("silent", ended(1.0, completed=99, failed=1), ["99 of 100 in 1.0 s, 1 failed"]),
        ("silent", ended(None, completed=7), ["7 of 100 given up"]),
        ("many-names", ended(10.0), []),
        ("many-names", ended(10.1), ["100 of 100 in 10.1 s"]),
    ],
)
def test_healthy_images_take_twice_their_time_and_little_more_beside_bad_ones(scene, healthy, bars):
    seen = {"answers": {}, "open": 0, "most_open": 0}
    job = {"number": 400, "healthy": [{"after": 1.0} | healthy], "bad": ended(None, 0, images=400), "seen": seen}

    assert missed(scene, {"jobs": [job]}) == bars


@pytest.mark.parametrize(("seconds", "bars"), [(13.5, []), (13.6, ["100 of 100 in 13.6 s"])])
def test_a_host_with_a_limit_is_used_nearly_as_well_as_it_can_be(seconds, bars):
    tries = [{"name": "429", "own": 9.0, "answers": {"200": 100, "429": 5}} | ended(seconds)]

    assert missed("bucket", {"tries": tries}) == bars


@pytest.mark.parametrize(
    ("found", "bars"),
    [
        (ended(50.0), []),
        (ended(1.0, completed=99, failed=1), ["99 of 100 in 1.0 s, 1 failed"]),
        (ended(None, completed=60), ["60 of 100 given up"]),
    ],
)
def test_no_image_of_a_host_that_recovers_may_fail(found, bars):
    assert missed("ailing", {"bad_for": 30.0, "hosts": [found]}) == bars


@pytest.mark.parametrize(
    ("found", "bars"),
    [
        ({}, []),
        ({"held": 15}, ["15"]),
        ({"healthy": [ended(15.9, begun=10.1), ended()]}, ["10.1 s"]),
        ({"healthy": [ended(None, completed=0, begun=None), ended()]}, ["never", "0 of 100 given up"]),
        ({"healthy": [ended(16.1), ended()]}, ["100 of 100 in 16.1 s"]),
        ({"healthy": [ended(), ended(6.1)]}, ["100 of 100 in 6.1 s"]),
    ],
)
def test_a_host_that_falls_silent_holds_its_seats_no_longer_than_a_read_may_take(found, bars):
    fallen = {"slots": 16, "held": 16, "bad": ended(None, 20), "seen": {"most_open": 16}}

    assert missed("fallen", {"healthy": [ended(16.0, begun=10.0), ended(6.0)]} | fallen | found) == bars


@pytest.mark.parametrize(("rate", "bars"), [(54.0, []), (53.0, ["0.88"])])
def test_two_good_hosts_lose_little_to_a_slow_one(rate, bars):
    runs = [
        {"slow": slow, "images": 1200, "completed": 1200, "rate": each, "slow_done": 0}
        for slow, each in ((None, 60.0), (3.0, rate))
    ]

    assert missed("three", {"runs": runs}) == bars


@pytest.mark.parametrize(
    ("number", "seconds", "bars"),
    [
        (1, 15.0, []),
        (1, 15.1, ["1 of 1 failed in 15.1 s"]),
        (3, 210.0, []),
        (3, 210.1, ["3 of 3 failed in 210.1 s"]),
        (3, None, ["3 of 3 failed given up"]),
    ],
)
def test_a_broken_image_of_a_good_host_fails_in_the_end(number, seconds, bars):
    bad = ended(seconds, completed=0, failed=number, images=number)
    bound = 6.0 if number == 1 else 10.0
    job = {"number": number, "alone": 2.0, "good": ended(bound), "bad": bad, "answers": {"503": 9}}

    assert missed("broken", {"jobs": [job]}) == bars
    late = f"100 of 100 in {bound + 0.1:.1f} s"
    assert missed("broken", {"jobs": [job | {"good": ended(bound + 0.1)}]}) == [late, *bars]


@pytest.mark.parametrize(("waiting", "bars"), [([0.001, 0.02, 0.9], []), ([0.0, 0.021, 0.021], ["2.10x"])])
def test_a_claim_costs_at_most_twice_as_much_where_many_images_wait(waiting, bars):
    front = {"first": 0.1, "number": 9, "seconds": 0.9, "slowest": 0.1, "after": [0.01]}
    claims = {"without": [0.01, 0.01, 0.5], "waiting": waiting}

    assert missed("claims", {"waiting": 2000, "claims": claims, "rounds": [0.01], "in_front": front}) == bars


def test_a_broken_promise_is_a_missed_bar_wherever_the_audit_was_asked():
    alone = {"images": 100, "runs": [2.0], "seconds": 2.0, "audit": ""}
    report = Report()
    hosts.check(report, {"alone": alone, "ailing": {"bad_for": 1.0, "hosts": [ended()], "audit": "broken  status"}})

    assert [row.cells for row in report.missed] == [
        ("broken  status",),
        ("promises that manage.py audit found broken", "1", "0"),
    ]


def test_a_scene_that_needs_a_network_of_its_own_is_passed_over_without_one():
    alone = {"images": 100, "runs": [2.0], "seconds": 2.0, "audit": ""}
    report = Report()
    hosts.check(report, {"alone": alone, "few-names": {"cannot": "no namespace"}})

    assert report.missed == []


def test_a_host_with_a_limit_refuses_what_is_beyond_it(fetch_status):
    with Servers() as servers:
        port = servers.open(Behaviour("bucket", status=429, rate=0.001, capacity=2))
        statuses = [fetch_status(port) for _ in range(3)]
        servers.change(port, Behaviour())

        assert [*statuses, fetch_status(port)] == [200, 200, 429, 200]
        assert servers.report(port)["answers"] == {"200": 3, "429": 1}


@pytest.fixture
def fetch_status():
    """The status of an answer from a port of 127.0.0.1."""
    with requests.Session() as session:
        session.trust_env = False
        yield lambda port: session.get(f"http://127.0.0.1:{port}/ok/1.jpg", timeout=5).status_code
