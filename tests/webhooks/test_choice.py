"""Can endpoints that do not answer hold up one that does?"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from webhooks import choice
from webhooks.choice import (
    LONG_SECONDS,
    MOST_AT_ONCE,
    MOST_THREADS,
    SLOW_MILLISECONDS,
    Due,
    Trust,
    UnderWay,
    most_at_once,
    trust,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
THREADS = 16


def due(endpoint_id, of=Trust.ANSWERED, number=MOST_AT_ONCE, minutes=0, at_once=None, owner_id=None):
    """By default, each has an owner of its own, and as many at once as it may have when it was tried."""
    at_once = at_once or (1 if of == Trust.FAILED else MOST_AT_ONCE)
    return Due(endpoint_id, owner_id or endpoint_id, of, NOON - timedelta(minutes=minutes), number, at_once)


def begun(endpoint_id, of=Trust.ANSWERED, seconds_ago=0.0, owner_id=None):
    return UnderWay(endpoint_id, owner_id or endpoint_id, of, -seconds_ago)


def later(under_way):
    """All that has begun by then goes on for long."""
    return [each._replace(since=-60.0) for each in under_way]


def choose(waiting, under_way, threads=THREADS):
    return choice.choose(waiting, under_way, threads, now=0.0)


def fill(waiting, under_way, seconds_ago=0.0, threads=THREADS):
    """Begin all that is chosen; returns how many are under way then."""
    of = {each.endpoint_id: each for each in waiting}
    while chosen := choose(waiting, under_way, threads):
        for endpoint_id, number in chosen.items():
            each = of[endpoint_id]
            under_way += [begun(endpoint_id, each.trust, seconds_ago, each.owner_id)] * number
    return len(under_way)


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


@pytest.mark.parametrize(
    ("failures", "last_ms", "expected"), [(0, None, 1), (1, 3, 1), (0, 3, MOST_AT_ONCE), (0, 5_000, MOST_AT_ONCE)]
)
def test_an_endpoint_gets_several_requests_at_once_when_it_has_answered(failures, last_ms, expected):
    assert most_at_once(failures, last_ms) == expected
    assert choose([due(1, at_once=expected)], []) == {1: expected}


@pytest.mark.parametrize(("of", "share"), [(Trust.FAILED, 8), (Trust.UNKNOWN, 12), (Trust.ANSWERED, 16)])
def test_a_hundred_endpoints_have_a_share_of_the_threads(of, share):
    assert sum(choose([due(number, of) for number in range(100)], []).values()) == share


@pytest.mark.parametrize(("of", "share"), [(Trust.FAILED, 8), (Trust.UNKNOWN, 12), (Trust.ANSWERED, 16)])
def test_long_attempts_leave_their_places_to_others_up_to_a_limit(of, share):
    waiting = [due(number, of, at_once=1) for number in range(200)]
    under_way: list[UnderWay] = []
    for turn in range(1, MOST_THREADS + 1):
        assert fill(waiting, under_way) == turn * share
        under_way = later(under_way)
    assert fill(waiting, under_way) == MOST_THREADS * share


@pytest.mark.parametrize(("seconds", "number"), [(LONG_SECONDS, 0), (LONG_SECONDS + 0.001, 12)])
def test_an_attempt_is_long_when_it_has_gone_on_for_longer_than_that(seconds, number):
    under_way = [begun(each, Trust.UNKNOWN, seconds) for each in range(12)]
    assert len(choose([due(each, Trust.UNKNOWN, at_once=1) for each in range(12, 100)], under_way)) == number


def test_of_endpoints_that_are_all_new_one_that_answers_is_reached_though_the_others_hang():
    """Each round, whatever hangs has become long; the one that answers has waited least."""
    waiting = [due(number, Trust.UNKNOWN, minutes=1, at_once=1) for number in range(40)] + [due(99, Trust.UNKNOWN)]
    under_way: list[UnderWay] = []
    reached = []
    for _ in range(4):
        under_way = later(under_way)
        fill(waiting, under_way)
        reached.append(any(each.endpoint_id == 99 for each in under_way))
    assert reached == [False, False, False, True]


def test_no_number_of_attempts_however_long_takes_the_last_threads_of_those_that_answered():
    dead = [due(number, Trust.FAILED, minutes=60) for number in range(200)]
    new = [due(number, Trust.UNKNOWN, minutes=60, at_once=1) for number in range(200, 400)]
    under_way: list[UnderWay] = []
    for _ in range(2 * MOST_THREADS):
        fill([*dead, *new], under_way)
        under_way = later(under_way)
    assert len(under_way) == MOST_THREADS * 12
    assert choose([due(500)], under_way) == {500: MOST_AT_ONCE}


def test_a_healthy_one_finds_a_thread_beside_a_hundred_that_hang():
    dead = [due(number, Trust.FAILED, minutes=60) for number in range(50)]
    new = [due(number, Trust.UNKNOWN, minutes=60) for number in range(50, 100)]
    under_way: list[UnderWay] = []
    assert fill([*dead, *new], under_way) == 12
    assert choose([*dead, *new, due(200)], under_way) == {200: MOST_AT_ONCE}


def test_those_that_never_failed_come_before_those_that_did():
    chosen = choose([due(1, Trust.FAILED, minutes=60), due(2, Trust.UNKNOWN)], [], 1)
    assert chosen == {2: 1}


def test_one_that_failed_gets_a_single_request_at_once():
    assert choose([due(1, Trust.FAILED)], []) == {1: 1}
    assert choose([due(1, Trust.FAILED)], [begun(1, Trust.FAILED)]) == {}
    assert choose([due(1, Trust.FAILED)], [begun(1, Trust.FAILED, 60)]) == {}


def test_one_endpoint_has_four_at_once_whatever_waits_for_it():
    assert choose([due(1)], [begun(1)] * 3) == {1: 1}
    assert choose([due(1)], [begun(1)] * 4) == {}
    assert choose([due(1)], [begun(1, seconds_ago=60)] * 4) == {}


def test_everyone_gets_one_before_anyone_gets_a_second():
    chosen = choose([due(number, minutes=number) for number in range(10)], [])
    assert Counter(chosen.values()) == {2: 6, 1: 4}
    # The first six that have waited longest.
    assert {number for number, got in chosen.items() if got == 2} == set(range(4, 10))


def test_a_single_thread_serves_all():
    for of in Trust:
        assert choose([due(1, of)], [], 1) == {1: 1}


@pytest.mark.parametrize(("of", "share"), [(Trust.FAILED, 6), (Trust.UNKNOWN, 9), (Trust.ANSWERED, 12)])
def test_one_owner_never_has_all_threads_however_long_its_attempts_go_on(of, share):
    of_one = [due(number, of, minutes=60, at_once=1, owner_id=1) for number in range(10, 210)]
    under_way: list[UnderWay] = []
    for turn in range(1, 2 * MOST_THREADS):
        assert fill(of_one, under_way) == min(turn, MOST_THREADS) * share
        assert choose([*of_one, due(2, of, at_once=1)], under_way) == {2: 1}
        under_way = later(under_way)


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("of", Trust)
def test_however_few_threads_there_are_what_hangs_of_one_owner_leaves_room_for_others(of, threads):
    of_one = [due(number, of, minutes=60, at_once=1, owner_id=1) for number in range(10, 400)]
    under_way: list[UnderWay] = []
    for _ in range(2 * MOST_THREADS):
        fill(of_one, under_way, threads=threads)
        under_way = later(under_way)
    assert len(under_way) < MOST_THREADS * threads
    assert choose([*of_one, due(2, of, at_once=1)], under_way, threads) == {2: 1}
    if of < Trust.ANSWERED:
        # And for what answers, of the same owner.
        assert choose([*of_one, due(3, owner_id=1, number=1)], under_way, threads) == {3: 1}


def test_a_hundred_that_hang_of_one_owner_do_not_keep_a_new_one_of_theirs_waiting_until_they_end():
    waiting = [due(each, Trust.UNKNOWN, minutes=60, at_once=1, owner_id=1) for each in range(10, 110)]
    under_way: list[UnderWay] = []
    for _ in range(MOST_THREADS):
        fill([*waiting, due(2, Trust.UNKNOWN, at_once=1, owner_id=1)], under_way)
        under_way = later(under_way)
    assert any(each.endpoint_id == 2 for each in under_way)


def test_what_can_take_nothing_more_costs_its_owner_no_place():
    saturated = [due(each, at_once=1, minutes=60, owner_id=1) for each in (10, 11, 12)]
    under_way = [begun(each, owner_id=1) for each in (10, 11, 12)]
    chosen = choose([*saturated, due(13, minutes=5, owner_id=1), *(due(each) for each in range(20, 40))], under_way, 7)
    assert 13 not in chosen
    chosen = choose([*saturated, due(13, minutes=5, owner_id=1), *(due(each) for each in range(20, 23))], under_way, 7)
    assert chosen.keys() == {13, 20, 21, 22}


def test_owners_take_turns_whoever_has_waited_longer():
    of_one = [due(number, Trust.UNKNOWN, minutes=number, at_once=1, owner_id=1) for number in range(10, 100)]
    of_another = [due(number, Trust.UNKNOWN, at_once=1, owner_id=2) for number in range(200, 204)]
    chosen = choose([*of_one, *of_another], [])
    # The one that has waited longest is always that of the first owner.
    assert chosen.keys() == {*range(92, 100), *range(200, 204)}


def test_an_owner_with_attempts_under_way_comes_behind_one_that_has_none():
    under_way = [begun(number, Trust.UNKNOWN, owner_id=1) for number in range(10, 18)]
    waiting = [due(20, Trust.UNKNOWN, minutes=60, owner_id=1), *(due(each, Trust.UNKNOWN) for each in range(30, 40))]
    assert choose(waiting, under_way) == dict.fromkeys(range(30, 34), 1)


def test_nobodys_endpoints_are_those_of_one_owner():
    waiting = [due(number)._replace(owner_id=None) for number in range(10, 100)]
    assert sum(choose(waiting, []).values()) == 12
