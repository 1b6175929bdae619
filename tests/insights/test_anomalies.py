"""Which days and weeks are unusual, and how often is that wrong?"""

from datetime import date, timedelta
from random import Random

import pytest

from insights.root_scale import HISTORY_DAYS, Usual, root, unroot, usual_day, usual_week
from insights.unusual import (
    DAILY_VISITS,
    READ_DAYS,
    WEEKLY_VISITS,
    episodes,
    is_unusual,
    is_watched,
    unusual_days_of_failures,
    unusual_days_of_visits,
)
from proofs.figure_scenes.anomalies import FLAT, trial

MONDAY = date(2026, 3, 2)
WEEK = [60, 55, 50, 45, 70, 20, 5]


def quiet(weeks=13, week=WEEK):
    """Counts that vary a little, always in the same way."""
    random = Random(3)
    return [max(0, count + random.randint(-4, 4)) for _ in range(weeks) for count in week]


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_the_root_scale_leads_back_to_the_count(count):
    assert unroot(root(count)) == pytest.approx(count)


def test_a_poisson_count_has_a_spread_of_one_on_the_root_scale():
    random = Random(1)
    roots = [root(sum(random.random() < 0.05 for _ in range(1000))) for _ in range(2000)]
    centre = sum(roots) / len(roots)
    spread = (sum((value - centre) ** 2 for value in roots) / len(roots)) ** 0.5
    assert 0.95 < spread < 1.05


def test_what_is_usual_of_a_day_is_what_was_usual_of_its_own_weekday():
    assert usual_day(WEEK * 8).count == pytest.approx(60)
    assert usual_day((WEEK * 9)[6:-1]).count == pytest.approx(5)


def test_two_unusual_weeks_of_eight_do_not_count():
    assert usual_day(WEEK * 6 + [0] * 14).count == pytest.approx(60)
    assert usual_day([1000] * 7 + WEEK * 6 + [0] * 7).count == pytest.approx(60)
    assert usual_day(WEEK * 5 + [0] * 21).count < 50


def test_strong_days_have_a_wider_spread_where_counts_vary_by_a_share_of_themselves():
    shares = [0.7, 1.3, 0.8, 1.2, 0.7, 1.3, 0.8, 1.2]
    strong, weak = [400 * share for share in shares], [40 * share for share in shares]
    days = [count for both in zip(strong, weak, strict=True) for count in (both[0], *[both[1]] * 6)]
    assert usual_day(days).spread > 2 * usual_day([*days[1:], days[0]]).spread


def test_a_fifth_of_the_days_may_be_unusual_without_widening_the_spread():
    days = [500] * HISTORY_DAYS
    days[::6] = [0] * 10
    assert usual_day(days).spread == 1
    days[::4] = [0] * 14
    assert usual_day(days).spread > 10


def test_the_spread_is_at_least_a_poisson_counts():
    assert usual_day([50] * HISTORY_DAYS).spread == 1
    assert usual_week([350] * 8, [50] * HISTORY_DAYS).spread == 1


@pytest.mark.parametrize(("count", "unusual"), [(50, True), (51, False), (200, True), (199, False)])
def test_unusual_is_at_most_half_and_at_least_double(count, unusual):
    assert is_unusual(count, Usual(root(100), 1)) is unusual


@pytest.mark.parametrize(("spreads", "unusual"), [(3.99, False), (4.01, True)])
def test_unusual_is_more_than_four_spreads_away(spreads, unusual):
    assert is_unusual(10, Usual(root(50), (root(50) - root(10)) / spreads)) is unusual


@pytest.mark.parametrize(("least", "watched"), [(305, True), (306, False)])
def test_a_history_is_judged_from_so_many_in_a_usual_week_on(least, watched):
    assert sum(WEEK) == 305
    assert is_watched(WEEK * 8, least) is watched


@pytest.mark.parametrize(("weeks", "watched"), [(6, True), (5, False)])
def test_a_history_without_visits_in_most_weeks_is_not_judged(weeks, watched):
    assert is_watched([0] * 7 * (8 - weeks) + WEEK * weeks, WEEKLY_VISITS) is watched


def test_a_day_with_a_fifth_of_its_visits_is_found_and_nothing_else():
    days = quiet()
    days[60] = 11
    (anomaly,) = unusual_days_of_visits(days, MONDAY)
    assert (anomaly.since, anomaly.until, anomaly.seen, anomaly.direction) == (MONDAY + timedelta(days=60),) * 2 + (
        11,
        -1,
    )
    assert 60 < anomaly.expected < 75


def test_two_weeks_of_half_the_visits_of_a_small_area_are_one_episode():
    days = [count // 4 for count in quiet()]
    assert WEEKLY_VISITS <= sum(days[:7]) < DAILY_VISITS
    days[70:84] = [count * 2 // 5 for count in days[70:84]]
    ((first, second),) = episodes(unusual_days_of_visits(days, MONDAY))
    assert (first.since, second.until) == (MONDAY + timedelta(days=70), MONDAY + timedelta(days=83))


def test_the_running_week_of_a_small_area_is_never_judged():
    days = [count // 4 for count in quiet(12)]
    assert not list(unusual_days_of_visits([*days, 0, 0, 0, 0, 0, 0], MONDAY))
    assert list(unusual_days_of_visits([*days, 0, 0, 0, 0, 0, 0, 0], MONDAY))


@pytest.mark.parametrize("apart", [7, 8])
def test_unusual_days_further_apart_than_a_week_are_two_episodes(apart):
    days = quiet()
    days[60], days[60 + apart] = 5, 5
    assert len(list(episodes(unusual_days_of_visits(days, MONDAY)))) == (1 if apart == 7 else 2)


def test_more_and_fewer_are_never_the_same_episode():
    days = quiet()
    days[60], days[61] = 5, 300
    assert {each[0].direction for each in episodes(unusual_days_of_visits(days, MONDAY))} == {-1, 1}


def test_a_host_failing_for_nine_days_is_one_episode_from_its_first_day_to_its_last():
    images, failed = [20] * READ_DAYS, [1, 0, 0, 0, 0, 0, 0] * 13
    failed[70:79] = [15] * 9
    (episode,) = episodes(unusual_days_of_failures(images, failed, MONDAY))
    assert (episode[0].since, episode[-1].until) == (MONDAY + timedelta(days=70), MONDAY + timedelta(days=78))
    assert episode[0].expected == pytest.approx(20 / 140)


def test_a_host_with_twice_the_images_may_fail_twice_as_often_and_one_that_fails_less_is_fine():
    images, failed = [100] * READ_DAYS, [20] * READ_DAYS
    images[80], failed[80] = 300, 60
    failed[85] = 0
    assert not list(unusual_days_of_failures(images, failed, MONDAY))


def test_a_small_host_is_judged_by_the_week():
    images, failed = [3] * READ_DAYS, [0] * READ_DAYS
    failed[70:77] = [3] * 7
    (anomaly,) = unusual_days_of_failures(images, failed, MONDAY)
    assert (anomaly.until - anomaly.since).days == 6


def test_at_most_five_days_in_a_thousand_are_false_alarms_and_days_with_a_fifth_are_found():
    """The scene of `./run proof figures`, small."""
    held = []
    for found in trial(seed=15, areas=8):
        assert 1000 * found.false <= 5 * found.days
        if found.is_held:
            held.append(found)
    assert sum(found.hits for found in held) >= 0.95 * sum(found.planted for found in held)
    assert held[0].weekdays == FLAT
    assert held[0].hits >= 0.95 * held[0].planted
