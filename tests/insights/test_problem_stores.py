"""Which stores are problems: by their own fault, and not by that of the host that their photos lie on?"""

import pytest
from django.contrib.auth.models import User

from insights.figures import NO_OTHERS
from insights.models import VisitSummary
from insights.most_frequent import Frequent
from insights.problems import SURE, problems, store_problem
from insights.store_rates import rates_of, suspects
from proofs.figure_scenes.stores import Visit, World, draw, rates
from stores.models import Category, Store
from tests.insights.drawn_visits import HOST, others, regular, store_visits, whole_period

pytestmark = pytest.mark.django_db


def found(scope=None):
    listed = problems(scope or whole_period())
    return [problem.store_id for problem in listed.described(0, 100)]


def test_a_store_that_fails_far_more_often_than_the_others_at_its_host_is_a_problem():
    store_visits([*others(), *regular("bad", HOST, 30)])
    (problem,) = problems(whole_period()).described(0, 10)
    assert (problem.store_id, problem.frequent) == ("bad", Frequent(65, 30, HOST, 1, "not_an_image", 1))
    assert problem.posterior > SURE
    assert problem.is_problem
    assert (problem.rate.value, problem.rate.n) == (30 / 65, 65)
    assert problem.rate.low < 30 / 65 < problem.rate.high
    # Its own images are not among the host's.
    assert problem.host_rate.value == pytest.approx((20 + 0.5) / (1300 + 1))
    assert problem.host_rate.n == 1300
    assert problem.excess.value == pytest.approx(30 - 65 * 20.5 / 1301)
    assert problem.excess.low < problem.excess.value < problem.excess.high


def test_a_store_whose_host_fails_as_often_is_none():
    store_visits([*others(failed=28), *regular("not worse", HOST, 30), *others("good.example")])
    assert found() == []
    problem = store_problem(whole_period(), "not worse")
    assert not problem.is_problem
    assert problem.host_rate.value > 0.4


def test_a_whole_visit_lost_weighs_as_one_and_not_as_many_images():
    """Where visits fail whole, two of them are not as telling as ten images of ten visits."""
    whole = [visit for number in range(20) for visit in regular(f"w{number}", "whole.example")]
    whole = [Visit(v.store_id, v.host, v.day, 5, 5 * (at % 37 == 0)) for at, v in enumerate(whole)]
    one = [visit for number in range(20) for visit in regular(f"o{number}", "one.example", 1 + number % 2)]
    store_visits([
        *whole, *(Visit("two whole", "whole.example", 7 * week, 5, 5 * (week in (3, 8))) for week in range(13)),
        *one, *regular("ten", "one.example", 10),
    ])  # fmt: skip
    assert "two whole" not in found()
    assert store_problem(whole_period(), "ten").posterior > store_problem(whole_period(), "two whole").posterior


@pytest.mark.parametrize(("visits", "is_judged"), [(5, False), (6, True)])
def test_below_thirty_images_nothing_is_said_of_a_store(visits, is_judged):
    store_visits([*others(), *regular("new", HOST, 5 * visits, visits=visits)])
    problem = store_problem(whole_period(), "new")
    assert problem.rate.n == 5 * visits
    assert (problem.rate.value is not None) is problem.is_problem is is_judged
    assert (problem.rate.why == "too_few") is not is_judged
    assert found() == (["new"] if is_judged else [])


def test_a_store_that_shares_its_host_with_no_other_cannot_be_judged():
    store_visits([*others(), *regular("alone", "own.example", 40)])
    assert found() == []
    problem = store_problem(whole_period(), "alone")
    assert problem.rate.value == 40 / 65
    assert (problem.host_rate.why, problem.excess.why, problem.posterior) == (NO_OTHERS, NO_OTHERS, None)
    assert (problem.frequent.host, problem.frequent.hosts) == ("own.example", 1)
    assert store_problem(whole_period(), "nobody") is None


def test_each_of_a_stores_hosts_counts_by_its_images():
    store_visits([*others(), *others("bad.example", failed=50)])
    store_visits([*regular("two", HOST, 2), *regular("two", "bad.example", 50)])
    problem = store_problem(whole_period(), "two")
    assert problem.frequent.hosts == 2
    assert problem.host_rate.value == pytest.approx((20.5 / 1301 + 1000.5 / 1301) / 2)
    assert not problem.is_problem


def test_images_that_were_never_tried_count_for_nothing():
    store_visits([*others(), *regular("bad", HOST, 30)])
    VisitSummary.objects.filter(store_id="bad").update(unprocessed=100, images=200)
    VisitSummary.objects.filter(store_id=f"{HOST}-1").update(completed=0, failed=0, unprocessed=5)
    (problem,) = problems(whole_period()).described(0, 10)
    assert (problem.rate.n, problem.host_rate.n) == (65, 1235)


def test_who_is_not_staff_is_shown_stores_and_hosts_by_their_own_jobs():
    alice, bob = User.objects.create_user("alice"), User.objects.create_user("bob")
    store_visits([*others(), *regular("bad", HOST, 30)], owner_id=alice.pk)
    store_visits(others(failed=40), owner_id=bob.pk)
    assert found(whole_period(alice)) == ["bad"]
    assert found(whole_period(bob)) == []
    assert store_problem(whole_period(bob), "bad") is None
    assert store_problem(whole_period(alice), "bad").host_rate.value < 0.02
    boss = User.objects.create_superuser("boss")
    assert store_problem(whole_period(boss), "bad").host_rate.value > 0.2


def test_area_and_category_select_stores_and_change_no_verdict():
    bakery = Category.objects.create(name="Bakery")
    Store.objects.create(store_id="bad", name="Sun", area_code="A", category=bakery)
    Store.objects.create(store_id="worse", name="Moon", area_code="B")
    store_visits([*others(), *regular("bad", HOST, 30), *regular("worse", HOST, 40), *regular("gone", HOST, 50)])
    assert found() == ["gone", "worse", "bad"]
    assert found(whole_period(area="A")) == ["bad"]
    assert found(whole_period(category="")) == ["worse"]
    assert found(whole_period(category="Bakery")) == ["bad"]
    assert found(whole_period(group=7)) == []
    all_of_them = {problem.store_id: problem for problem in problems(whole_period()).described(0, 9)}
    assert problems(whole_period(area="A")).described(0, 9) == [all_of_them["bad"]]


def test_what_the_database_sums_is_what_is_summed_one_by_one():
    drawn = draw(World("small", hosts=3, stores_of_host=20, outages=1), seed=3)
    store_visits(drawn.visits)
    expected = {rate.store_id: rate for rate in rates(drawn.visits)}
    assert len(expected) > 50
    for read in (suspects(whole_period(), 0), rates_of(whole_period(), list(expected))):
        assert {rate.store_id for rate in read.fitted} == set(expected)
        for store in read.fitted:
            assert numbers(store) == pytest.approx(numbers(expected[store.store_id]))


def numbers(rate):
    return [getattr(rate, name) for name in rate.__slots__ if name != "store_id"]
