"""How long an image waits: random, growing, capped, and not shorter than a server asked for."""

import statistics
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.queue.backoff import full_jitter

SECONDS = st.floats(0, 86_400)


@pytest.mark.parametrize(("attempts", "ceiling"), [(1, 2), (2, 4), (3, 8), (4, 10), (5, 10), (10_000, 10)])
def test_the_longest_wait_doubles_with_each_attempt_up_to_the_cap(attempts, ceiling):
    with mock.patch("random.uniform", side_effect=lambda low, high: (low, high)):
        assert full_jitter(attempts, 2, 10) == (0, ceiling)


def test_waits_are_spread_over_the_whole_range():
    waits = [full_jitter(3, 1, 60) for _ in range(2000)]
    assert 0 <= min(waits) < 0.1
    assert 3.9 < max(waits) <= 4
    assert statistics.mean(waits) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    ("retry_after", "least"), [(0, 0), (30, 30), (60, 60), (61, 60), (86_400, 60), (float("inf"), 60)]
)
def test_a_servers_wish_is_a_floor_up_to_the_cap(retry_after, least):
    for _ in range(100):
        wait = full_jitter(1, 1, 60, retry_after)
        assert least <= wait <= max(least, 1)


@pytest.mark.parametrize("retry_after", [-5, float("nan")])
def test_a_senseless_wish_changes_nothing(retry_after):
    assert 0 <= full_jitter(1, 1, 60, retry_after) <= 1


def test_without_a_base_the_next_attempt_may_come_at_once():
    assert full_jitter(3, 0, 60) == 0


@given(attempts=st.integers(1, 10**9), base=SECONDS, cap=SECONDS, retry_after=st.none() | st.floats())
def test_no_wait_is_negative_or_above_the_cap(attempts, base, cap, retry_after):
    assert 0 <= full_jitter(attempts, base, cap, retry_after) <= cap
