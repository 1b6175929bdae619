"""Does each thing that is unusual raise one alert, to those who may know, for as long as it goes on?"""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.db import IntegrityError

from insights import alerts, periods
from insights.audience import EVERYBODY, Audience, audiences
from insights.models import Alert, HostHour, Refreshed, RuleCheck
from insights.periods import first_day
from insights.problem_alerts import problem_stores
from insights.problems import store_problem
from insights.scope import Scope
from stores.models import Store
from tests.factories import make_staff
from tests.insights.alert_visits import FIRST, NOW, TODAY, at, host, make_areas, raised, usual_visits, visit, weekly
from tests.insights.drawn_visits import regular, store_visits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def refreshed(db):
    Refreshed.objects.create(pk=1, mark=NOW)


def test_without_visits_there_is_nothing_to_alert_of():
    assert alerts.evaluate(NOW) == 0
    assert not Alert.objects.exists()


def test_before_the_first_refresh_no_rule_is_tried():
    Refreshed.objects.all().delete()
    usual_visits("A", few=range(1, 15))
    assert alerts.evaluate(NOW) == 0
    assert not RuleCheck.objects.exists()


def test_a_day_that_the_refresh_has_not_passed_is_not_judged():
    make_areas("A")
    usual_visits("A", 60, few=[1], fewer=0)
    Refreshed.objects.update(mark=at(TODAY - timedelta(days=1), 23))
    assert alerts.evaluate(NOW) == 0
    Refreshed.objects.update(mark=NOW)
    assert alerts.evaluate(NOW) == 1


def test_two_weeks_of_few_visits_are_one_alert_and_trying_again_changes_nothing():
    make_areas("HILL", "LAKE")
    usual_visits("HILL", few=range(1, 15))
    usual_visits("LAKE")
    expected = [("area_visits", "HILL", "2026-05-18", "2026-05-31", "open")]
    assert alerts.evaluate(NOW) == 1
    assert raised() == expected
    alert = Alert.objects.get()
    assert (round(alert.expected), alert.seen, alert.direction) == (70, 28, -1)
    assert alert.says == "28 visits in the week from 2026-05-18, where 70 were usual."
    assert alerts.evaluate(NOW + timedelta(hours=2)) == 1
    assert raised() == expected
    assert Alert.objects.get().first_seen == NOW


def test_the_alert_goes_on_with_the_second_week_and_keeps_its_beginning():
    make_areas("HILL")
    usual_visits("HILL", few=range(1, 8))
    alerts.evaluate(NOW)
    visit({TODAY + timedelta(days=day): [f"HILL-{n}" for n in range(4)] for day in range(7)})
    later = NOW + timedelta(days=7)
    Refreshed.objects.update(mark=later)
    alerts.evaluate(later)
    assert raised(rule="area_visits") == [("area_visits", "HILL", "2026-05-25", "2026-06-07", "open")]


def test_a_host_that_fails_for_nine_days_is_one_alert_and_its_area_none():
    make_areas("HILL")
    usual_visits("HILL")
    host("photos.test", failing=range(1, 10))
    host("other.test")
    alerts.evaluate(NOW)
    assert raised() == [("host_failures", "photos.test", "2026-05-23", "2026-05-31", "open")]
    assert Alert.objects.get().says == "15 images failed on 2026-05-23, where 0.0 were usual."


def test_images_that_were_never_asked_for_tell_nothing_of_their_host():
    host("photos.test")
    HostHour.objects.filter(hour__gte=at(TODAY - timedelta(days=5))).update(
        codes={"": 20, "unknown_store": 30, "canceled": 30, "skipped": 30}
    )
    assert alerts.evaluate(NOW) == 0


def test_a_dismissed_alert_stays_dismissed_while_the_same_goes_on():
    make_areas("HILL")
    usual_visits("HILL", few=range(1, 8))
    alerts.evaluate(NOW)
    chief = make_staff()
    alerts.dismiss(Alert.objects.get().pk, chief, "Festival", NOW)
    alerts.evaluate(NOW + timedelta(hours=2))
    alert = Alert.objects.get()
    assert (alert.state, alert.reason, alert.dismissed_by, alert.dismissed_by_name) == (
        "dismissed", "Festival", chief, "chief",
    )  # fmt: skip
    assert alerts.reopen(alert.pk, chief, NOW).state == "open"
    assert [(each["what"], each["by"], each["reason"]) for each in Alert.objects.get().history] == [
        ("dismissed", "chief", "Festival"), ("reopened", "chief", ""),
    ]  # fmt: skip


def test_only_an_open_alert_can_be_dismissed_and_only_a_dismissed_one_reopened():
    usual = {"of_all": True, "rule": "r", "kind": "area", "since": TODAY, "until": TODAY, "seen": 1}
    alert = Alert.objects.create(**usual, first_seen=NOW, last_seen=NOW, state="over")
    for change in (lambda: alerts.dismiss(alert.pk, None, "why", NOW), lambda: alerts.reopen(alert.pk, None, NOW)):
        with pytest.raises(alerts.NotChanged, match="is over"):
            change()
    with pytest.raises(IntegrityError):
        Alert.objects.filter(pk=alert.pk).update(state="dismissed", dismissed_at=NOW)


def test_late_visits_end_the_alert():
    make_areas("HILL")
    usual_visits("HILL", few=range(1, 8))
    alerts.evaluate(NOW)
    visit({TODAY - timedelta(days=day): [f"HILL-{n}" for n in range(10)] for day in range(1, 8)})
    assert alerts.evaluate(NOW) == 0
    assert [state for *_, state in raised()] == ["over"]


def test_an_episode_is_over_a_week_after_its_last_day():
    make_areas("A")
    usual_visits("A", 60, few=[8], fewer=10)
    alerts.evaluate(NOW)
    assert [state for *_, state in raised()] == ["over"]
    Alert.objects.all().delete()
    Refreshed.objects.update(mark=NOW - timedelta(days=1))
    alerts.evaluate(NOW)
    assert [state for *_, state in raised()] == ["open"]


def test_too_many_at_once_are_one_alert(monkeypatch):
    monkeypatch.setattr(alerts, "MOST_SUBJECTS", 3)
    make_areas("A")
    for number in range(4):
        visit(weekly(f"A-{number}", TODAY - timedelta(days=40)))
    assert alerts.evaluate(NOW) == 1
    assert raised() == [("overdue_store", "", "2026-04-22", "2026-06-01", "open")]
    assert Alert.objects.get().says == "More than 3 stores at once, which is one thing: none is listed by itself."
    monkeypatch.setattr(alerts, "MOST_SUBJECTS", 4)
    assert alerts.evaluate(NOW) == 4


def test_old_alerts_that_are_not_open_are_deleted():
    usual = {"of_all": True, "rule": "r", "kind": "area", "until": TODAY, "seen": 1, "first_seen": NOW}
    for number, state in enumerate(("open", "over")):
        for days in (182, 184):
            since = TODAY - timedelta(days=number)
            last = NOW - timedelta(days=days)
            Alert.objects.create(**usual, subject=str(days), since=since, state=state, last_seen=last)
    alerts.evaluate(NOW)
    left = set(Alert.objects.values_list("state", "subject"))
    assert left == {("open", "182"), ("open", "184"), ("over", "182")}


def test_owners_are_told_of_their_own_jobs_alone_and_staff_of_all():
    anna, bert, chief = User.objects.create_user("anna"), User.objects.create_user("bert"), make_staff("view_job")
    make_areas("A", "B")
    usual_visits("A", few=range(1, 8), owner=anna.pk)
    usual_visits("B", owner=bert.pk)
    usual_visits("B", few=range(1, 8), fewer=0, owner=anna.pk)
    host("photos.test", failing=[1], owner=bert.pk)
    alerts.evaluate(NOW)
    told = {
        user: sorted(alerts.visible_to(user).values_list("rule", "subject"))
        for user in (anna, bert, chief, AnonymousUser())
    }
    assert told == {
        anna: [("area_visits", "A"), ("area_visits", "B")],
        bert: [("host_failures", "photos.test")],
        # To all together, B's visits have halved.
        chief: [("area_visits", "A"), ("area_visits", "B"), ("host_failures", "photos.test")],
        AnonymousUser(): [],
    }


def test_nobodys_jobs_have_alerts_only_where_the_api_is_open(settings):
    visit({TODAY - timedelta(days=1): ["A-1"]})
    settings.API_OPEN = False
    assert list(audiences(NOW - timedelta(days=91))) == [EVERYBODY]
    settings.API_OPEN = True
    assert list(audiences(NOW - timedelta(days=91))) == [EVERYBODY, Audience(of_all=False)]


def test_rules_are_tried_once_an_hour_and_when_a_day_has_ended():
    assert alerts.evaluate_if_due(NOW)
    assert not alerts.evaluate_if_due(NOW + timedelta(minutes=59))
    assert alerts.evaluate_if_due(NOW + timedelta(minutes=60))
    late = NOW.replace(hour=23, minute=50)
    assert alerts.evaluate_if_due(late)
    assert alerts.evaluate_if_due(late + timedelta(minutes=11))


def test_the_command_says_how_many_are_open():
    make_areas("HILL")
    days = {day: [f"HILL-{n}" for n in range(10)] for day in (FIRST + timedelta(days=n) for n in range(91))}
    visit(days)
    out = StringIO()
    call_command("check_alerts", stdout=out)
    assert out.getvalue() == f"{Alert.objects.open().count():,} open alerts.\n"


def test_a_store_that_fails_at_a_healthy_host_is_one_alert():
    make_areas("A")
    store_visits(
        [each for number in range(20) for each in regular(f"A-{number}", "photos.test", 1)]
        + regular("bad", "photos.test", 30),
        until=TODAY - timedelta(days=1),
    )
    for now in (NOW, NOW + timedelta(hours=2)):
        assert alerts.evaluate(now) == 1
    assert raised() == [("problem_store", "bad", "2026-06-01", "2026-06-01", "open")]
    assert Alert.objects.get().says == (
        "27 of 60 images failed in 13 weeks, where others at the same hosts would have lost 0.0."
    )


@pytest.mark.parametrize("later", [0, 2, 6])
def test_the_alert_of_a_store_is_of_the_weeks_that_its_page_shows(later, monkeypatch):
    today = TODAY + timedelta(days=later)
    monkeypatch.setattr(periods, "today", lambda: today)
    make_areas("A")
    store_visits(
        [each for number in range(20) for each in regular(f"A-{number}", "photos.test", 1)]
        + regular("bad", "photos.test", 30),
        until=today,
    )
    (found,) = problem_stores(EVERYBODY, today)
    shown = store_problem(Scope(EVERYBODY.reader(), first_day(), today), "bad")
    assert shown.is_problem
    assert f" of {shown.rate.n:,.0f} images failed" in found.says
    assert found.seen == pytest.approx(shown.rate.value * shown.rate.n)


def test_two_stores_of_one_name_in_one_area_are_one_alert_for_those_who_may_read_all():
    anna = User.objects.create_user("anna")
    visit({TODAY - timedelta(days=1): ["A-1"]}, owner=anna.pk)
    for store_id, area, words in (
        ("S-1", "A", ["sun"]),
        ("S-2", "A", ["sun"]),
        ("S-3", "B", ["sun"]),
        ("S-4", "A", []),
    ):
        Store.objects.create(store_id=store_id, name="Sun", area_code=area, words=words)
    for now in (NOW, NOW + timedelta(hours=2)):
        assert alerts.evaluate(now) == 1
    assert raised() == [("duplicate_stores", "S-1", "2026-06-01", "2026-06-01", "open")]
    assert Alert.objects.get().says == "2 stores of area A have the same words in their names: also S-2."
    Store.objects.get(store_id="S-2").delete()
    assert alerts.evaluate(NOW + timedelta(hours=3)) == 0
