"""Every misbehaving server ends in its own code, and leaves the slot as good as before."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from proofs.fault_cases import FINAL, Case, Until, cases, urls
from proofs.fault_findings import LONGEST_MESSAGE, Finding
from proofs.fault_slots import pipeline, process, try_good
from proofs.faults import LEAST_CASES
from proofs.world.fault_world import FaultWorld
from tests.waiting import wait_for

CASES = {case.title: case for case in cases()}
# Short where a case is to run into a limit, and long where it must not, however busy the machine is.
LIMITS: dict[Until, dict[str, float]] = {
    "answer": {"deadline": 30, "silence": 10},
    "silence": {"deadline": 30, "silence": 0.4},
    "deadline": {"deadline": 0.8, "silence": 10},
}
TRIES = 5
SLOTS = 16


@pytest.fixture(scope="module")
def findings(tmp_path_factory) -> dict[str, Finding]:
    """All cases, side by side."""
    with FaultWorld(tmp_path_factory.mktemp("faults")) as world:
        where = urls(world)
        return {finding.title: finding for until in LIMITS for finding in play(world, where, until)}


def play(world: FaultWorld, where: dict[str, str], until: Until) -> list[Finding]:
    tries = 1 if until == "answer" else TRIES
    titles = [case.title for case in CASES.values() if case.until == until]
    with pipeline(world.authority.file, **LIMITS[until]) as slots, ThreadPoolExecutor(SLOTS) as pool:
        return list(pool.map(lambda title: process(slots, title, where[title], where["good"], tries), titles))


@pytest.mark.parametrize("title", CASES)
def test_a_misbehaving_server_ends_as_it_should(findings, title):
    assert findings[title].surprises(CASES[title]) == []


def test_what_goes_on_for_ever_is_cut_at_the_deadline_and_not_before(findings):
    for case in CASES.values():
        if case.until == "deadline":
            assert 0.75 < findings[case.title].seconds < 30


def test_there_are_enough_cases_and_every_row_has_some():
    assert len(CASES) >= LEAST_CASES
    assert {case.row for case in CASES.values()} == {f"C{row}" for row in range(1, 20)}


def test_nothing_is_left_behind(tmp_path):
    before = set(threading.enumerate())
    with FaultWorld(tmp_path) as world, pipeline(world.authority.file, deadline=5, silence=0.1) as slots:
        assert try_good(slots, world.good_url) is None
        assert process(slots, "", world.at(b"", "silent.example"), world.good_url).code == "dns_timeout"
        assert set(threading.enumerate()) - before
    # Threads of earlier tests may end meanwhile.
    wait_for(lambda: not set(threading.enumerate()) - before)


GOOD = Finding("", code=None, attempts=1, retry_after=None, message="", seconds=0.1, after=None)


@pytest.mark.parametrize(
    "other",
    [
        {"code": "internal"},
        {"attempts": 2},
        {"retry_after": 7.0},
        {"message": "x" * (LONGEST_MESSAGE + 1)},
        {"message": "line\nbreak"},
        {"after": "protocol"},
    ],
)
def test_whatever_is_not_as_expected_is_told(other):
    case = Case("C1", "", lambda world: "", None, FINAL)
    assert GOOD.surprises(case) == []
    assert len(replace(GOOD, **other).surprises(case)) == 1
