"""Are the rates of stores that are kept those of a count from scratch, as of when they say, and of whose jobs?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from access.models import Team
from access.rights import reading_own_jobs_alone
from insights import kept, rate_windows
from insights.audience import EVERYBODY
from insights.back_tests import back_test
from insights.default_period import PERIODS
from insights.models import KeptRate, RateWindow, Refreshed, VisitSummary
from insights.periods import first_day
from insights.problems import problems, store_problem
from insights.risk import risks
from insights.scope import Scope, today
from insights.store_rates import rates_as_of, rates_of, riskiest, suspects
from stores.models import Store
from tests.insights.drawn_visits import HOST, others, regular, store_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def users():
    return {name: User.objects.create_user(name, is_superuser=name == "root") for name in ("alice", "bob", "root")}


@pytest.fixture
def visits(users):
    """A store that is bad by alice's jobs alone, at a host that is bad by bob's."""
    Store.objects.create(store_id="bad", name="Sun", area_code="A")
    store_visits([*others(), *regular("bad", HOST, 30)], owner_id=users["alice"].pk)
    store_visits(others(failed=40), owner_id=users["bob"].pk)
    Refreshed.objects.create(pk=1, mark=timezone.now())


def count():
    kept.forget()
    return len(list(rate_windows.slices()))


def usual(user, weeks=13, **narrowed):
    return Scope(user, first_day(weeks), today(), **narrowed)


def everything(scope):
    kept.forget()
    rates = [suspects(scope, 2.0), riskiest(scope, 50.0), rates_of(scope, ["bad", f"{HOST}-1", "nobody"])]
    return rates, back_test(scope), risks(scope), problems(scope).described(0, 99), store_problem(scope, "bad")


@pytest.mark.parametrize("who", ["alice", "bob", "root"])
@pytest.mark.parametrize("weeks", PERIODS)
def test_what_is_kept_is_a_count_from_scratch_of_the_jobs_that_one_may_see(visits, users, who, weeks):
    scope = usual(users[who], weeks)
    expected = everything(scope)
    assert count() == 3 * sum(1 for _ in rate_windows.scopes(EVERYBODY))
    # No visit is read any more, but for a store's host and code.
    assert everything(scope) == expected
    KeptRate.objects.all().delete()
    assert not everything(scope)[0][0].stores
    assert not everything(scope)[0][0].fitted


def test_another_period_or_time_zone_is_counted_when_it_is_asked_for(visits, users, settings):
    count()
    KeptRate.objects.all().delete()
    whole = usual(users["root"])
    assert not rates_of(whole, ["bad"]).stores
    assert rates_of(Scope(users["root"], whole.since, today() - timedelta(days=1)), ["bad"]).stores
    settings.INSIGHTS_TIME_ZONE = "Etc/GMT+1"
    assert rates_of(usual(users["root"]), ["bad"]).stores


def test_area_selects_among_what_is_kept(visits, users):
    count()
    assert set(rates_of(usual(users["alice"], area="A"), ["bad", f"{HOST}-1"]).stores) == {"bad"}
    assert set(rates_of(usual(users["alice"], group=7), ["bad"]).stores) == set()


def test_it_is_as_of_when_it_was_counted_and_counted_anew_after_a_quarter_of_an_hour(visits, users):
    assert rates_as_of(usual(users["root"])) == Refreshed.objects.get().mark
    windows = count()
    counted_at = Refreshed.objects.get().mark
    Refreshed.objects.update(mark=Now() + timedelta(minutes=5))
    assert count() == 0
    assert rates_as_of(usual(users["root"])) == counted_at
    RateWindow.objects.update(as_of=timezone.now() - rate_windows.EVERY)
    VisitSummary.objects.filter(store_id="bad").delete()
    assert count() == windows
    assert rates_as_of(usual(users["root"])) == Refreshed.objects.get().mark
    assert "bad" not in rates_of(usual(users["root"]), ["bad"]).stores


def test_what_nobody_asks_for_any_more_is_forgotten(visits, users):
    count()
    old = RateWindow.objects.get(of_all=True, since=first_day(), until=today())
    RateWindow.objects.filter(pk=old.pk).update(as_of=timezone.now() - timedelta(days=1))
    assert count() == 1
    assert not KeptRate.objects.filter(window_id=old.pk).exists()
    assert KeptRate.objects.exists()


def test_before_the_first_refresh_nothing_is_counted(users):
    assert count() == 0
    assert not RateWindow.objects.exists()


def test_of_a_team_nothing_is_kept_and_a_members_own_does_not_stand_for_it(visits, users):
    Team.objects.create(name="north").change_members(add=[users["alice"], users["bob"]])
    scope = usual(users["alice"])
    expected = everything(scope)
    assert expected != everything(usual(reading_own_jobs_alone(User.objects.get(username="alice"))))
    assert count()
    assert everything(scope) == expected
    # What is kept was counted for one member alone: it may be shown when they have left.
    Team.objects.all().delete()
    left = usual(User.objects.get(username="alice"))
    shown = everything(left)
    RateWindow.objects.all().delete()
    assert everything(left) == shown != expected
