"""How long is a body waited for, and whose is given up first?"""

import time
from types import SimpleNamespace

import pytest

from retail_pulse.web.bodies import ArrivingBodies, Body, length_to_wait_for


@pytest.fixture(autouse=True)
def limits(settings):
    settings.WEB_BODY_SECONDS, settings.WEB_BODY_BYTES_PER_SECOND, settings.WEB_REQUEST_SECONDS = 10, 1_000, 60


@pytest.fixture
def clock(monkeypatch):
    """What the monotonic clock says; a test sets `now`."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


class Connection:
    def __init__(self, address: str) -> None:
        self.address = address


def arriving(bodies, address, received=0):
    connection, body = Connection(address), Body(10**9)
    body.add(b"x" * received)
    bodies.add(connection, body)
    return connection, body


@pytest.mark.parametrize(("received", "seconds"), [(0, 10), (1_000, 11), (49_000, 59), (51_000, 60), (10**6, 60)])
def test_a_body_is_waited_for_so_long_and_longer_the_more_has_come(clock, received, seconds):
    bodies = ArrivingBodies()
    connection, _ = arriving(bodies, "a", received)
    clock.now += seconds - 0.001
    assert bodies.behind() == []
    clock.now += 0.002
    assert bodies.behind() == [connection]


def test_what_comes_meanwhile_counts(clock):
    bodies = ArrivingBodies()
    connection, body = arriving(bodies, "a")
    other, _ = arriving(bodies, "b")
    clock.now += 9
    body.add(b"x" * 2_000)
    clock.now += 1
    assert bodies.behind() == [other]
    assert bodies.next_end == 112
    clock.now += 2
    assert bodies.behind() == [connection]


def test_one_that_has_ended_is_looked_at_no_more_even_where_another_follows_it(clock):
    bodies = ArrivingBodies()
    connection, _ = arriving(bodies, "a")
    bodies.remove(connection)
    clock.now += 5
    bodies.add(connection, Body(9))
    clock.now += 5
    assert bodies.behind() == []
    clock.now += 5
    assert bodies.behind() == [connection]


def test_a_server_that_stops_waits_for_none_beyond_its_moment(clock):
    bodies = ArrivingBodies()
    connection, _ = arriving(bodies, "a")
    assert bodies.too_late() == []
    bodies.end_by(102)
    assert (bodies.next_end, bodies.too_late()) == (102, [])
    clock.now = 102
    assert bodies.too_late() == [connection]


def test_the_oldest_of_the_client_that_has_sent_most_is_given_up_first():
    bodies = ArrivingBodies()
    assert bodies.of_the_heaviest_client() is None
    arriving(bodies, "a", 50)
    oldest, _ = arriving(bodies, "b", 10)
    arriving(bodies, "b", 45)
    assert bodies.of_the_heaviest_client() is oldest


@pytest.mark.parametrize(
    ("header", "length"),
    [(b"X: y", 9), (b"Expect: 100-continue", 9), (b"expect:100-Continue ", 9), (b"Expect: a miracle", 0),
     (b"Expect:", 0), (b"Expect: 100-continued", 0), (b"Expect: 100-continue, x", 0),
     (b"Transfer-Encoding: chunked", 0), (b"Content-Length: 9", 0)],
)  # fmt: skip
def test_nobody_waits_for_a_body_that_is_refused_unread(header, length):
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + header + b"\r\nContent-Length: 9\r\n\r\n"
    assert length_to_wait_for(head) == length
