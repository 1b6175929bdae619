"""Does one engine of the fleet refresh the summaries, beside its work and through every disturbance?"""

import signal
import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from insights import refresh, refresher
from insights.models import DaySum, HostHour, Kind, Refreshed, VisitSummary
from insights.refresher import Refresher
from insights.scope import day_of
from jobs import failpoints
from jobs.engine import companion
from jobs.engine.companion import companions
from jobs.models import Visit, Worker
from stores.models import Store
from tests.factories import make_worker, submit_job
from tests.forks import in_a_child
from tests.insights.conftest import finish_visits, spread_ends, sums, wrong
from tests.jobs.conftest import other  # noqa: F401
from tests.jobs.engine.conftest import start_engine  # noqa: F401
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = "jobs.engine.threads.ThreadEngine"


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(refresher, "REFRESH_SECONDS", 0.02)


@pytest.fixture
def start():
    started = []

    def start(worker_id):
        started.append(Refresher(worker_id))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.leave()
        each.join(5)


@pytest.fixture
def who(monkeypatch):
    """The names of the threads that have refreshed."""
    seen, slices = [], refresh.slices

    def watched():
        seen.append(threading.current_thread().name)
        return slices()

    monkeypatch.setattr(refresh, "slices", watched)
    return seen


@pytest.mark.parametrize("lease_only", [False, True])
def test_an_engine_refreshes_beside_its_work(soon, start_engine, images, settings, lease_only):  # noqa: F811
    settings.LEASE_ONLY = lease_only
    start_engine(THREADS)
    url = f"{images.url}/{images.names[0]}"
    job = finished(submit_job([f"{url}?{number}" for number in range(20)]))
    wait_for(lambda: sums() == [(20, 20, 0, 0)])
    summary = VisitSummary.objects.get()
    assert (summary.job_id, summary.host, summary.turnaround > 0) == (job.pk, "127.0.0.1", True)
    assert wrong() == []


def test_a_refresher_sums_the_days_that_are_not_kept():
    finish_visits(("T-1", 2), ("T-1", 3))
    yesterday = timezone.now() - timedelta(days=1)
    Visit.objects.update(visited_at=yesterday)
    Refresher(1).look()
    Refresher(1).look()
    assert DaySum.objects.filter(kind=Kind.HOUR).values_list("day", "visits", "images").get() == (
        day_of(yesterday),
        2,
        5,
    )
    assert wrong() == []


def test_of_two_engines_one_refreshes_and_when_it_has_gone_the_other(soon, start_engine, who):  # noqa: F811
    first, second = start_engine(THREADS), start_engine(THREADS)
    wait_for(lambda: Worker.objects.count() == 2)
    wait_for(lambda: len(who) > 5)
    wait_for(lambda: len(set(who[-5:])) == 1)
    low, high = (f"refresher-{pk}" for pk in Worker.objects.order_by("pk").values_list("pk", flat=True))
    assert who[-1] == low
    (first if first._epoch.worker_id == int(low.rpartition("-")[2]) else second).stop()
    wait_for(lambda: who[-1] == high)


def test_nothing_is_asked_before_the_first_minute_is_over(start_engine, who, images):  # noqa: F811
    assert Refresher in companions
    assert refresher.REFRESH_SECONDS == 60
    engine = start_engine(THREADS)
    finished(submit_job([f"{images.url}/{images.names[0]}"]))
    engine.stop()
    assert who == []
    assert not Refreshed.objects.exists()


def test_an_engine_ends_in_the_midst_of_a_refresh(soon, start_engine, monkeypatch):  # noqa: F811
    """As does one whose slice takes longer than an engine waits for it."""
    at_it = threading.Event()

    def endless():
        while True:
            at_it.set()
            time.sleep(0.001)
            yield refresh.Done()

    monkeypatch.setattr(refresh, "slices", endless)
    engine = start_engine(THREADS)
    assert at_it.wait(10)
    begun = time.monotonic()
    engine.stop()
    assert time.monotonic() - begun < 3
    assert not engine.is_running


def test_it_rests_longer_than_it_works(soon, start, monkeypatch):
    begun = []

    def slow():
        for _ in range(3):
            begun.append(time.monotonic())
            time.sleep(0.05)
            yield refresh.Done()

    monkeypatch.setattr(refresh, "slices", slow)
    start(make_worker())
    wait_for(lambda: len(begun) >= 3)
    assert begun[1] - begun[0] >= 0.05 * (1 + companion.REST)


def test_an_error_of_the_database_is_logged_and_tried_again(soon, start, monkeypatch, caplog):
    slices, errors = refresh.slices, [OperationalError("the disk is full")]

    def broken():
        if errors:
            raise errors.pop()
        return slices()

    monkeypatch.setattr(refresh, "slices", broken)
    start(make_worker())
    wait_for(Refreshed.objects.exists)
    assert [record.error for record in caplog.records if record.message == "refreshing again"] == ["the disk is full"]


def test_it_outlives_its_connections(soon, start, caplog):
    start(make_worker())
    wait_for(Refreshed.objects.exists)
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
    finish_visits(("T-1", 2))
    # The worker of these images has the higher number.
    wait_for(lambda: sums() == [(2, 2, 0, 0)])


# --- several at once, and killed


def ended_one_after_the_other(number):
    finish_visits(*[("T-1", 2)] * number)
    spread_ends()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("point", ["refresh.before_commit", "refresh.after_commit"])
def test_killed_between_slices_it_leaves_nothing_that_the_next_does_not_finish(monkeypatch, point):
    monkeypatch.setattr(refresh, "MOST_IMAGES", 7)
    monkeypatch.setattr(refresh, "OVERLAP_SECONDS", 0.0)
    ended_one_after_the_other(30)

    def die():
        slices = refresh.slices()
        next(slices)
        with failpoints.armed(f"{point}:kill"):
            next(slices)

    for _ in range(3):
        assert in_a_child(die) == signal.SIGKILL
    summed = len(sums())
    assert summed < 30
    assert Refreshed.objects.exists()
    refresh.refresh()
    assert sums() == [(2, 2, 0, 0)] * 30
    assert sum(row.codes[""] for row in HostHour.objects.all()) == 60
    assert wrong() == []
    assert refresh.refresh() == refresh.Done(0, 0)


def test_two_at_once_take_turns_and_count_nothing_twice(monkeypatch):
    monkeypatch.setattr(refresh, "MOST_IMAGES", 2)
    ended_one_after_the_other(40)
    found = []

    def act():
        try:
            found.append(refresh.refresh())
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert sum(each.images for each in found) == 80
    assert all(each.images for each in found)
    assert sums() == [(2, 2, 0, 0)] * 40
    assert sum(row.codes[""] for row in HostHour.objects.all()) == 80


def test_the_mark_stays_behind_what_is_not_committed_yet(other):  # noqa: F811
    other.execute("BEGIN")
    begun = other.execute("SELECT now()").fetchone()[0]
    finish_visits(("T-1", 1))
    refresh.refresh()
    assert Refreshed.objects.get().mark <= begun
    assert sums() == []
    other.execute("COMMIT")
    refresh.refresh()
    assert sums() == [(1, 1, 0, 0)]


def test_a_transaction_that_is_open_for_too_long_is_not_waited_for(other, monkeypatch):  # noqa: F811
    monkeypatch.setattr(refresh, "OPEN_SECONDS", 0.0)
    other.execute("BEGIN")
    other.execute("SELECT 1")
    finish_visits(("T-1", 1))
    refresh.refresh()
    assert sums() == [(1, 1, 0, 0)]


def test_it_goes_on_with_the_categories_of_stores(soon, start):
    Store.objects.create(store_id="X1", name="ROY BAKERY", area_code="A")
    start(make_worker())
    wait_for(lambda: Store.objects.filter(category__name="Bakery").exists())
