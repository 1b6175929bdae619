"""Can endpoints that do not answer hold up one that does?"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from webhooks.choice import MOST_AT_ONCE, SLOW_MILLISECONDS, Due, Trust, choose, trust

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
THREADS = 16


def due(endpoint_id, of=Trust.ANSWERED, number=MOST_AT_ONCE, minutes=0):
    return Due(endpoint_id, of, NOON - timedelta(minutes=minutes), number)


@pytest.mark.parametrize(
    ("failures", "last_ms", "expected"),
    [
        (0, None, Trust.UNKNOWN),
        (0, SLOW_MILLISECONDS, Trust.ANSWERED),
        (0, SLOW_MILLISECONDS + 1, Trust.UNKNOWN),
        (1, 3, Trust.FAILED),
    ],
)
def test_an_endpoint_is_trusted_by_its_last_attempt(failures, last_ms, expected):
    assert trust(failures, last_ms) == expected


def test_one_that_was_never_tried_is_trusted_no_more_than_its_host():
    assert trust(0, None, Trust.FAILED) == Trust.FAILED
    assert trust(0, None, Trust.ANSWERED) == Trust.UNKNOWN
    assert trust(0, 3, Trust.FAILED) == Trust.ANSWERED


@pytest.mark.parametrize(("of", "share"), [(Trust.FAILED, 8), (Trust.UNKNOWN, 12), (Trust.ANSWERED, 16)])
def test_a_hundred_endpoints_have_a_share_of_the_threads(of, share):
    assert sum(choose([due(number, of) for number in range(100)], [], THREADS).values()) == share


def test_a_healthy_one_finds_a_thread_beside_a_hundred_that_hang():
    dead = [due(number, Trust.FAILED, minutes=60) for number in range(50)]
    new = [due(number, Trust.UNKNOWN, minutes=60) for number in range(50, 100)]
    under_way: list[tuple[int, Trust]] = []
    while chosen := choose([*dead, *new], under_way, THREADS):
        for endpoint_id, number in chosen.items():
            under_way += [(endpoint_id, Trust.FAILED if endpoint_id < 50 else Trust.UNKNOWN)] * number
    assert len(under_way) == 12
    assert choose([*dead, *new, due(200)], under_way, THREADS) == {200: MOST_AT_ONCE}


def test_those_that_never_failed_come_before_those_that_did():
    chosen = choose([due(1, Trust.FAILED, minutes=60), due(2, Trust.UNKNOWN)], [], 1)
    assert chosen == {2: 1}


def test_one_that_failed_gets_a_single_request_at_once():
    assert choose([due(1, Trust.FAILED)], [], THREADS) == {1: 1}
    assert choose([due(1, Trust.FAILED)], [(1, Trust.FAILED)], THREADS) == {}


def test_one_endpoint_has_four_at_once_whatever_waits_for_it():
    assert choose([due(1)], [(1, Trust.ANSWERED)] * 3, THREADS) == {1: 1}
    assert choose([due(1)], [(1, Trust.ANSWERED)] * 4, THREADS) == {}


def test_everyone_gets_one_before_anyone_gets_a_second():
    chosen = choose([due(number, minutes=number) for number in range(10)], [], THREADS)
    assert Counter(chosen.values()) == {2: 6, 1: 4}
    # The first six that have waited longest.
    assert {number for number, got in chosen.items() if got == 2} == set(range(4, 10))


def test_a_single_thread_serves_all():
    for of in Trust:
        assert choose([due(1, of)], [], 1) == {1: 1}
