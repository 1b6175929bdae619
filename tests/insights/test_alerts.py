"""Does each thing that is odd raise one alert, to those who may know, for as long as it goes on?"""

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.db import IntegrityError

from insights import alerts, periods
from insights.audience import EVERYBODY, Audience, audiences
from insights.models import BUCKETS, Alert, HostHour, Refreshed, RuleCheck, VisitSummary
from insights.periods import first_day
from insights.problem_alerts import problem_stores
from insights.problems import store_problem
from insights.scope import Scope
from stores.models import Store
from tests.factories import make_staff, submit_visits
from tests.insights.drawn_visits import regular, store_visits

pytestmark = pytest.mark.django_db

# A Monday; the first day that is not over yet.
TODAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
FIRST = TODAY - timedelta(days=91)


@pytest.fixture(autouse=True)
def refreshed(db):
    Refreshed.objects.create(pk=1, mark=NOW)


def at(day, hour=12):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def make_areas(*areas, stores=10):
    Store.objects.bulk_create(
        Store(store_id=f"{area}-{number}", name="Shop", area_code=area) for area in areas for number in range(stores)
    )


def visit(store_ids_by_day, owner=None):
    """Summaries of visits: the ids of stores visited, by day."""
    start = VisitSummary.objects.count()
    VisitSummary.objects.bulk_create(
        VisitSummary(
            visit_id=start + number, job_id=1, owner_id=owner, store_id=store_id, visited_at=at(day), images=1,
            completed=1, failed=0, unprocessed=0, fetched=1, fetch_ms=10,
        )
        for number, (day, store_id) in enumerate(
            (day, store_id) for day, store_ids in store_ids_by_day.items() for store_id in store_ids
        )
    )  # fmt: skip


def usual_visits(area, per_day=10, *, few=(), fewer=4, owner=None, until=TODAY):
    """`per_day` visits on each day, and `fewer` on those that are that many days before TODAY."""
    days = ((until - FIRST).days, few)
    visit(
        {
            FIRST + timedelta(days=place): [
                f"{area}-{number % 10}" for number in range(fewer if days[0] - place in few else per_day)
            ]
            for place in range(days[0])
        },
        owner,
    )


def host(name, *, images=20, failing=(), failed=15, owner=None):
    HostHour.objects.bulk_create(
        HostHour(
            owner_id=owner, host=name, hour=at(FIRST + timedelta(days=place), 8), fetch=[0] * BUCKETS,
            codes={"": images - failed, "http_503": failed} if 91 - place in failing else {"": images},
        )
        for place in range(91)
    )  # fmt: skip


def raised(**filters):
    found = Alert.objects.filter(of_all=True, **filters).order_by("pk")
    return [(each.rule, each.subject, str(each.since), str(each.until), each.state) for each in found]


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


def weekly(store_id, last, number=13):
    return {last - timedelta(days=7 * back): [store_id] for back in range(number)}


@pytest.mark.parametrize(("days", "is_overdue"), [(21, False), (22, True)])
def test_a_store_is_overdue_after_three_of_its_usual_gaps(days, is_overdue):
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=days)))
    assert alerts.evaluate(NOW) == is_overdue
    if is_overdue:
        assert raised() == [("overdue_store", "A-1", "2026-05-10", "2026-06-01", "open")]


def test_a_store_with_one_longer_gap_is_overdue_only_beyond_that():
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=30), 7) | weekly("A-1", TODAY - timedelta(days=30 + 42 + 35), 7))
    assert alerts.evaluate(NOW) == 0
    later = NOW + timedelta(days=7)
    Refreshed.objects.update(mark=later)
    assert alerts.evaluate(later) == 1


@pytest.mark.parametrize(("visits", "is_overdue"), [(12, False), (13, True)])
def test_a_store_with_fewer_than_twelve_gaps_is_not_judged(visits, is_overdue):
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=60), visits))
    assert alerts.evaluate(NOW) == is_overdue


def test_an_overdue_store_that_is_visited_again_is_over_and_may_become_overdue_anew():
    make_areas("A")
    visit(weekly("A-1", TODAY - timedelta(days=40)))
    alerts.evaluate(NOW)
    visit({TODAY: ["A-1"]})
    later = NOW + timedelta(days=1)
    Refreshed.objects.update(mark=later)
    alerts.evaluate(later)
    assert [state for *_, state in raised()] == ["over"]
    later = NOW + timedelta(days=50)
    Refreshed.objects.update(mark=later)
    alerts.evaluate(later)
    assert [(since, state) for _, _, since, _, state in raised()] == [("2026-04-22", "over"), ("2026-06-01", "open")]


def test_a_store_that_the_store_master_does_not_hold_is_never_overdue():
    visit(weekly("gone", TODAY - timedelta(days=40)))
    assert alerts.evaluate(NOW) == 0


def test_stores_of_an_area_with_far_fewer_visits_are_not_overdue_besides():
    make_areas("HILL")
    usual_visits("HILL", few=range(1, 15), fewer=0)
    visit(weekly("HILL-9", TODAY - timedelta(days=40)))
    VisitSummary.objects.filter(store_id="HILL-9", visited_at__gte=at(TODAY - timedelta(days=39))).delete()
    alerts.evaluate(NOW)
    assert [rule for rule, *_ in raised()] == ["area_visits"]


def person(*stops, name="rep-7", owner=None):
    """Visits of one person: (store id, minutes after ten o'clock on the day before TODAY)."""
    job = submit_visits(*[(store_id, ["http://images.test/1.jpg"]) for store_id, _ in stops], owner=owner)
    begin = at(TODAY - timedelta(days=1), 10)
    for made, (_, minutes) in zip(job.visits.order_by("pk"), stops, strict=True):
        made.visited_by, made.visited_at = name, begin + timedelta(minutes=minutes)
        made.save()


@pytest.fixture
def places():
    """Two stores 60 km apart, one 4 km from the first, and one that nobody has put on the map."""
    for store_id, latitude in (("near", 0.0), ("nearby", 0.036), ("far", 0.5396), ("nowhere", None)):
        longitude = None if latitude is None else -150.0
        Store.objects.create(store_id=store_id, name="S", area_code="A", latitude=latitude, longitude=longitude)


def test_one_person_sixty_kilometres_apart_within_six_minutes_is_one_alert(places):
    person(("near", 0), ("far", 6), ("near", 12))
    assert alerts.evaluate(NOW) == 1
    assert raised() == [("impossible_visits", "rep-7", "2026-05-31", "2026-05-31", "open")]
    alert = Alert.objects.get()
    assert (alert.expected, round(alert.seen)) == (150, 600)
    assert alert.says == "60 km from store near to store far within 6 minutes; 150 km/h would be the most."


@pytest.mark.parametrize(("stops", "found"), [
    ((("near", 0), ("far", 25)), 0),
    ((("near", 0), ("far", 23)), 1),
    ((("near", 0), ("nearby", 0)), 0),
    ((("near", 0), ("far", 0)), 1),
    ((("near", 0), ("near", 1)), 0),
    ((("near", 0), ("nowhere", 1)), 0),
])  # fmt: skip
def test_impossible_is_faster_than_150_km_an_hour_and_at_least_five_km(places, stops, found):
    person(*stops)
    assert alerts.evaluate(NOW) == found


def test_two_people_and_two_owners_of_one_name_may_be_in_two_places(places):
    person(("near", 0), name="rep-1")
    person(("far", 1), name="rep-2")
    person(("far", 1), name="rep-1", owner=User.objects.create_user("other"))
    person(("near", 0), ("far", 1), name="")
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
