"""Are figures the same whether days are kept or not, after whatever has happened to visits and stores?"""

import random
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from insights import day_sums, failures, kept, refresh, reports, rhythm, turnarounds
from insights.area_sums import By, sums
from insights.days import MOST_PERIODS, kept_days
from insights.hours import hour_of_week
from insights.models import DaySum, Dimension, KeptDay, Kind, Measure, Report, VisitSummary
from insights.periods import blocks, known, weeks
from insights.scope import Scope, today
from jobs import actions, deletion
from jobs.models import Job, Visit
from stores.models import Category, Store
from tests.factories import make_stores
from tests.forks import kill_at
from tests.insights.conftest import finish_visits, forge, wrong
from tests.insights.summaries import noon, visits
from tests.insights.visits import make_areas, make_visits
from tests.jobs.deletion.conftest import no_grace  # noqa: F401

pytestmark = pytest.mark.django_db


def keep(most=None):
    for _ in day_sums.slices(most):
        """Each is committed."""


def whole(user=None, **narrowed):
    return Scope.of_weeks(user, **narrowed)


def figures(scope, weeks_since=None):
    """All that is read of days."""
    kept.forget()
    period = known(scope)
    if period is None:
        return None
    parts, by_week = blocks(period, None), weeks(period, None)
    numbers: list[float] = []
    found = {
        "known": (period.since, period.until),
        "hours": hour_of_week(scope),
        "rhythm": rhythm.frequency(scope),
        "repeats": rhythm.repeats(scope, looked_at=100),
    }
    for by in By:
        found[by] = sums(period, by_week, by)
        found[by, "quantiles"] = turnarounds.quantiles(period, parts, by)
        found[by, "medians"] = turnarounds.by_part(period, by_week, by, None)
    for by in failures.By:
        found["failures", by] = failures.failures(scope, by, 100)
    for dimension in Dimension:
        report = Report(
            dimension=dimension, columns=Measure.values, period="weeks", weeks=13, area=scope.area,
            category=scope.category,
        )  # fmt: skip
        read = reports.rows(report, scope.user)
        rows = [*read.rows, *filter(None, [read.total])]
        found["report", dimension] = [row.key for row in rows]
        for value in (value for row in rows for value in row.values.values()):
            figure = (value,) if isinstance(value, int) else (value.value, value.low, value.high, value.n)
            numbers += [-1 if each is None else each for each in figure]
    return found, numbers


def assert_same(found, expected):
    """Turnarounds of a report are added as floats, or as whole microseconds."""
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found[0] == expected[0]
        assert found[1] == pytest.approx(expected[1], rel=1e-7)


def of_nothing_kept(scope):
    before = list(KeptDay.objects.values())
    KeptDay.objects.all().delete()
    found = figures(scope)
    KeptDay.objects.bulk_create(KeptDay(**values) for values in before)
    return found


@pytest.fixture
def staff():
    return User.objects.create_superuser("root")


@pytest.fixture
def history(staff):
    """Two owners' visits at two areas, some of them of a store that nobody knows, on days and hours of all kinds."""
    anna, berta = User.objects.create_user("anna"), User.objects.create_user("berta")
    make_areas("A", "B", stores=3)
    for area, owner in (("A", anna), ("B", anna), ("A", berta), ("B", None)):
        make_visits(area, stores=3, a_week=3, owner=owner and owner.pk, failing=0.3)
    VisitSummary.objects.filter(failed__gt=0).update(code="http_404")
    visits("nobody knows", [1.4, 20, 40], owner_id=anna.pk, code="not_an_image", host="")
    visits("A/0", [0.1, 30], owner_id=berta.pk, turnaround=None, images=0, failed=0)
    return {"staff": staff, "anna": anna, "berta": berta, "nobody": None}


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


NARROWED = [{}, {"area": "A"}, {"category": ""}, {"category": "Bakery"}, {"store": "A/1"}]


def test_every_figure_is_the_same_whether_days_are_kept_or_not(history, settings, subtests):
    settings.API_OPEN = True
    asked = [(who, narrowed) for who in history for narrowed in NARROWED]
    expected = [figures(whole(history[who], **narrowed)) for who, narrowed in asked]
    keep()
    assert KeptDay.objects.count() == day_sums.DAYS_KEPT
    for (who, narrowed), figures_of_none in zip(asked, expected, strict=True):
        with subtests.test(who=who, **narrowed):
            assert_same(figures(whole(history[who], **narrowed)), figures_of_none)
    # And with every third of them.
    thirds = [today() - timedelta(days=number) for number in range(0, 120, 3)]
    KeptDay.objects.filter(day__in=thirds).delete()
    for (who, narrowed), figures_of_none in zip(asked, expected, strict=True):
        with subtests.test("every third", who=who, **narrowed):
            assert_same(figures(whole(history[who], **narrowed)), figures_of_none)


def test_days_are_those_of_the_time_zone_and_summed_anew_where_it_changes(history, settings, subtests):
    keep()
    for zone in ("Asia/Kolkata", "America/St_Johns"):
        settings.INSIGHTS_TIME_ZONE = zone
        with subtests.test(zone), undone():
            scope = whole(history["staff"])
            assert not kept_days(scope, Kind.AREA).kept
            expected = figures(scope)
            keep()
            assert set(KeptDay.objects.values_list("zone", flat=True)) == {zone}
            # A scope asks once what is kept.
            scope = whole(history["staff"])
            assert kept_days(scope, Kind.AREA).kept
            assert_same(figures(scope), expected)
            assert wrong() == []


CHANGES = {
    "another area": lambda: Store.objects.filter(store_id="A/0").update(area_code="C"),
    "no category": lambda: Store.objects.filter(store_id="A/0").update(category=None),
    "no store": lambda: Store.objects.filter(store_id="A/0").delete(),
    "a new store": lambda: Store.objects.create(store_id="nobody knows", name="New", area_code="B"),
    "another name": lambda: Category.objects.filter(name="Bakery").update(name="Baker"),
}


def test_where_the_store_master_has_changed_days_are_summed_anew(history, subtests):
    Store.objects.filter(store_id="A/0").update(category=Category.objects.get(name="Bakery"))
    keep()
    for what, change in CHANGES.items():
        with subtests.test(what), undone():
            change()
            keep()
            scope = whole(history["staff"])
            assert_same(figures(scope), of_nothing_kept(scope))
            assert wrong() == []


def test_a_name_of_a_store_changes_no_sum(history):
    keep()
    before = set(DaySum.objects.values_list("pk", flat=True))
    Store.objects.update(name="Other")
    keep()
    assert set(DaySum.objects.values_list("pk", flat=True)) == before


def test_some_days_at_a_time_the_latest_first():
    keep(10)
    assert set(KeptDay.objects.values_list("day", flat=True)) == {today() - timedelta(days=ago) for ago in range(1, 11)}
    keep(10)
    assert KeptDay.objects.count() == 20


def test_days_far_apart_are_summed_by_themselves():
    keep()
    ago = [1, 2, 4, 300]
    KeptDay.objects.filter(day__in=[today() - timedelta(days=each) for each in ago]).delete()
    # One more drops what does not hold.
    assert sum(1 for _ in day_sums.slices()) == 1 + 3


def test_neither_today_nor_what_is_long_ago_is_kept():
    keep()
    days = set(KeptDay.objects.values_list("day", flat=True))
    assert (min(days), max(days)) == (today() - timedelta(days=day_sums.DAYS_KEPT), today() - timedelta(days=1))
    KeptDay.objects.create(day=today(), zone="UTC", stores=KeptDay.objects.first().stores)
    KeptDay.objects.create(day=min(days) - timedelta(days=1), zone="UTC", stores=KeptDay.objects.first().stores)
    keep()
    assert set(KeptDay.objects.values_list("day", flat=True)) == days


def test_days_that_are_not_kept_are_read_in_few_periods(staff):
    keep()
    first = today() - timedelta(days=90)
    for number in range(0, 80, 2):
        KeptDay.objects.filter(day=today() - timedelta(days=number)).delete()
    days = kept_days(Scope(staff, first, today()), Kind.HOUR)
    assert len(days.periods) == MOST_PERIODS
    read = {begin + timedelta(days=each) for begin, end in days.periods for each in range((end - begin).days + 1)}
    assert read.isdisjoint(days.kept)
    assert read | set(days.kept) == {first + timedelta(days=each) for each in range(91)}


# --- What happens to visits


def visit_at(days_ago, number=1):
    """Visits of images that have ended, so many days ago."""
    job = finish_visits(*[("T-1", 2)] * number, bad=1)
    Visit.objects.filter(job=job).update(visited_at=noon(today()) - timedelta(days=days_ago))
    return job


def kept_of(days_ago):
    return KeptDay.objects.filter(day=today() - timedelta(days=days_ago)).exists()


def test_a_visit_that_is_summed_drops_its_day_and_no_other():
    keep()
    visit_at(3)
    refresh.refresh()
    assert (kept_of(2), kept_of(3), kept_of(4)) == (True, False, True)
    keep()
    assert kept_of(3)
    # What is as it was drops nothing.
    list(refresh.slices())
    assert kept_of(3)


def test_a_retry_of_an_old_image_drops_the_day_of_its_visit():
    job = visit_at(40)
    refresh.refresh()
    keep()
    actions.retry(job.pk, None)
    refresh.refresh()
    assert not kept_of(40)
    keep()
    assert wrong() == []


def test_a_rebuild_sums_days_anew_that_were_changed_by_hand():
    visit_at(3)
    refresh.refresh()
    keep()
    DaySum.objects.update(images=7)
    assert {what for _, what in wrong()} == {
        f"the sums of {today() - timedelta(days=3)} by {kind} are not those of its visits"
        for kind in ("area", "category", "host", "hour")
    }
    list(refresh.rebuild())
    keep()
    assert wrong() == []


@pytest.mark.parametrize(
    "change", ["visits = 9", "turnaround_us = 0", "codes = '{http_404}'", "buckets = '{1}'", "label = 'other'"]
)
def test_an_audit_finds_wrong_sums_of_a_day(change):
    make_stores("T-1")
    visit_at(3)
    refresh.refresh()
    keep()
    assert wrong() == []
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE insights_daysum SET {change} WHERE kind = 'area'")
    assert len(wrong()) == 1


def test_an_audit_finds_a_visit_that_is_not_in_its_days_sums_and_no_day_that_is_not_kept():
    visit_at(3, 2)
    refresh.refresh()
    keep()
    forge("images = 5, completed = 4 WHERE visit_id = (SELECT min(visit_id) FROM insights_visitsummary)")
    assert len(wrong()) == 5
    KeptDay.objects.filter(day=today() - timedelta(days=3)).delete()
    assert len(wrong()) == 1


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_the_sums_are_those_of_a_count_from_scratch(no_grace, staff, seed):  # noqa: F811
    chance = random.Random(seed)
    make_stores("T-1", "T-2")

    def submit():
        job = finish_visits(*[(chance.choice(["T-1", "T-2", "?"]), chance.randint(1, 3)) for _ in range(3)], bad=2)
        for each in Visit.objects.filter(job=job):
            each.visited_at = timezone.now() - timedelta(
                days=chance.choice([0, 1, 1, 2, 5, 40, 400]), hours=chance.random() * 24
            )
            each.save()

    def retry():
        jobs = list(Job.objects.filter(failed__gt=0).values_list("pk", flat=True))
        if jobs:
            actions.retry(chance.choice(jobs), None)

    def prune():
        jobs = list(Job.objects.filter(finished_at__isnull=False))
        if jobs:
            actions.delete(chance.choice(jobs).pk, None)
            while deletion.delete_slice(wait=True):
                """Until nothing is left of it."""

    def move():
        Store.objects.filter(store_id="T-1").update(area_code=chance.choice("AB"))

    def step_of_keeping():
        slices = day_sums.slices()
        for _ in range(chance.randint(0, 3)):
            next(slices, None)

    acts = [submit, submit, retry, prune, move, step_of_keeping, refresh.refresh, keep, lambda: list(refresh.rebuild())]
    for _ in range(25):
        chance.choice(acts)()
    refresh.refresh()
    keep()
    assert wrong() == []
    scope = whole(staff)
    assert_same(figures(scope), of_nothing_kept(scope))


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("point", ["refresh.before_commit", "refresh.after_commit", "days.before_commit"])
def test_killed_at_any_moment_nothing_that_is_kept_is_wrong(point):
    visit_at(3)
    refresh.refresh()
    keep()
    visit_at(3)
    kill_at(point, lambda: (refresh.refresh(), keep()))
    assert kept_of(3) == (point == "refresh.before_commit")
    assert not [what for _, what in wrong() if what.startswith("the sums of")]
    refresh.refresh()
    assert not kept_of(3)
    keep()
    assert wrong() == []
    assert DaySum.objects.get(kind=Kind.HOUR).visits == 2
