"""Is a store's risk shown only where the last weeks bear it out?"""

import pytest
from django.contrib.auth.models import User

from insights.back_tests import RiskTest, back_test
from insights.figures import Figure
from insights.risk import risks
from insights.shrinkage import MOST_STRENGTH
from proofs.figure_scenes.stores import Visit, draw
from tests.insights.drawn_visits import SIGNAL, regular, store_visits, whole_period

pytestmark = pytest.mark.django_db


def test_stores_with_faults_of_their_own_are_at_the_highest_risk():
    drawn = draw(SIGNAL, seed=1)
    store_visits(drawn.visits)
    found = risks(whole_period())
    assert found.test.is_passed
    assert found.test.log_skill.low > 0
    assert found.test.images == found.test.log_skill.n > 1000
    listed = found.described(0, 10)
    assert {risk.store_id for risk in listed} <= drawn.bad
    values = [risk.risk.value for risk in listed]
    assert values == sorted(values, reverse=True)
    for risk in listed:
        assert risk.risk.low < risk.risk.value < risk.risk.high
        # Drawn towards its host's.
        assert risk.host_rate.value < risk.risk.value < risk.rate.value
        assert risk.risk.n == risk.rate.n


def test_the_last_third_of_the_days_is_predicted_by_those_before_it():
    store_visits(draw(SIGNAL, seed=1).visits)
    scope = whole_period(area="nowhere")
    test = back_test(scope)
    assert (test.earlier.since, test.earlier.days, test.later.days, test.later.until) == (
        scope.since, 61, 30, scope.until,
    )  # fmt: skip
    assert (test.later.since - test.earlier.until).days == 1
    # Whatever is selected, all stores are tested.
    assert test.risk.images == back_test(whole_period()).risk.images > 1000


def test_without_a_store_that_differs_nothing_is_shown():
    store_visits(visit for number in range(60) for visit in regular(f"S{number}", "photos.example", 3))
    found = risks(whole_period())
    assert found.test is not None
    assert not found.test.is_passed
    assert found.stores == ()


@pytest.mark.parametrize(
    ("strength", "low", "is_passed"),
    [(50, 0.001, True), (50, 0.0, False), (50, -0.001, False), (MOST_STRENGTH, 0.001, False)],
)
def test_a_test_is_passed_by_the_whole_interval_and_a_strength_below_its_end(strength, low, is_passed):
    skill = Figure(0.1, low, 0.2, 1000)
    assert RiskTest(100, 1000, strength, skill, skill, 0.01).is_passed is is_passed


@pytest.mark.parametrize("stores", [0, 29])
def test_with_few_stores_there_is_no_test_and_nothing_is_shown(stores):
    store_visits(visit for number in range(stores) for visit in regular(f"S{number}", "photos.example", 3))
    found = risks(whole_period())
    assert (found.test, found.stores) == (None, ())


def test_flagged_stores_are_followed_into_the_later_days():
    visits = [visit for number in range(40) for visit in regular(f"S{number}", "photos.example", 1)]
    visits += regular("stays bad", "photos.example", 30)
    # The later days hold the last five visits of the first, and four of the second.
    visits += [Visit("recovers", "photos.example", 7 * week, 5, 3 if week < 9 else 0) for week in range(13)]
    store_visits(visits)
    test = back_test(whole_period()).problems
    assert (test.flagged, test.again.value, test.again.n) == (2, 0.5, 2)
    assert test.rate.n == 45
    assert test.rate.value > 10 * test.host_rate.value


def test_without_a_flagged_store_there_is_none_to_follow():
    store_visits(visit for number in range(40) for visit in regular(f"S{number}", "photos.example", 1))
    assert back_test(whole_period()).problems is None


def test_who_is_not_staff_has_tests_of_their_own_jobs():
    alice, bob = User.objects.create_user("alice"), User.objects.create_user("bob")
    store_visits(draw(SIGNAL, seed=1).visits, owner_id=alice.pk)
    assert risks(whole_period(alice)).stores
    assert risks(whole_period(bob)) == risks(whole_period())
    assert risks(whole_period(bob)).test is None
