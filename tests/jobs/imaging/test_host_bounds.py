"""What is remembered of hosts is bounded, and no slot is ever lost, whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import errors
from jobs.imaging.host import LONGEST_PAUSE_SECONDS
from jobs.imaging.host_limits import Admission
from jobs.imaging.host_pauses import MOST_HOSTS
from tests.jobs.imaging.host_world import HOST, REFUSED, World


@pytest.fixture
def world():
    return World()


def test_hosts_are_remembered_up_to_a_bound_and_those_in_use_first(world):
    world.pause("paused.example:80")
    image = world.begin("busy.example:80")
    for n in range(3 * MOST_HOSTS):
        world.now += 1
        world.limits.finished(
            f"s{n}.example:80", world.begin(f"s{n}.example:80"), None, fetch_seconds=0, model_seconds=0
        )
    assert len(world.limits._hosts) <= MOST_HOSTS
    assert {"paused.example:80", "busy.example:80"} <= world.limits._hosts.keys()
    assert image in world.limits._hosts["busy.example:80"].flights


def test_refusals_are_remembered_up_to_a_bound():
    world = World(patience=0)
    for _ in range(3_000):
        world.now += 0.001
        assert world.limits.begin(HOST, world.images, 1) in Admission
        world.images += 1
        world.refuse(HOST, world.images - 1)
    (entry,) = world.limits._hosts.values()
    assert len(entry._last_refusals) <= 1_000
    assert len(entry.refused_in_a_row) <= 3


OUTCOMES = {
    "answered": None,
    "refused": REFUSED,
    "asked to wait": errors.HTTPStatus(429, retry_after=3.0),
    "not found": errors.HTTPStatus(404),
    "no such name": errors.DNSNotFound(),
}
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "leftover", "probe", "share", "released", *OUTCOMES]),
        st.integers(0, 7),
        st.sampled_from([0.0, 0.01, 0.3, 5.0, 40.0]),
    ),
    max_size=120,
)


@given(EVENTS)
def test_whatever_happens_no_slot_is_lost_and_no_bound_is_passed(events):
    world = World()
    limits = world.limits
    hosts = [f"h{n}.example:80" for n in range(8)]
    flights: list[tuple[str, int]] = []
    for what, number, seconds in events:
        world.now += seconds
        if what in ("begin", "leftover"):
            before = limits.room(hosts[number], leftover=what == "leftover")
            image = world.begin(hosts[number], job=number % 3, leftover=what == "leftover")
            assert image is None or before > 0
            flights += [(hosts[number], image)] if image is not None else []
        elif what == "probe":
            for host in limits.due(number):
                world.images += 1
                limits.begin_probe(host, world.images, 1)
                flights.append((host, world.images))
        elif what == "share":
            changed = limits.changed_pauses()
            limits.shared(changed)
            limits.learn_pauses({name: pause for name, pause in changed.items() if pause is not None})
        elif flights:
            host, image = flights.pop(number % len(flights))
            if what == "released":
                limits.released(host, image)
            else:
                if what == "answered":
                    limits.fetched(host, image)
                limits.finished(host, image, OUTCOMES[what], fetch_seconds=seconds, model_seconds=0.2)
        entries = limits._hosts
        assert sorted((entry.name, image) for entry in entries.values() for image in entry.flights) == sorted(flights)
        assert limits._busy.keys() == {host for host, _ in flights}
        assert limits._strangers._by_job.total() == len(limits._strangers) <= 12 + len(hosts)
        for entry in entries.values():
            assert 1 <= entry.window <= 24
            assert entry.unanswered.keys() <= entry.flights.keys()
            assert entry.probe is None or entry.probe in entry.flights
            assert entry.pause is None or entry.pause.until <= world.now + LONGEST_PAUSE_SECONDS
            assert entry.pause is None or limits.begin(entry.name, -1, 1) is Admission.HOST_BUSY
    for host, image in flights:
        limits.released(host, image)
    assert not limits._strangers
    assert not limits._busy
