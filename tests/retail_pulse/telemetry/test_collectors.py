"""Do the gauges say what the database and the process say, seldom and within bounds?"""

import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from jobs import errors, queue
from jobs.reporting.gauges import gauges
from jobs.reporting.snapshots import oldest_snapshot_seconds
from retail_pulse.db.dedicated import connect_dedicated
from retail_pulse.telemetry import collectors
from retail_pulse.telemetry.collectors import DATABASE_SECONDS, DatabaseGauges, ProcessGauges
from tests.api import databases
from tests.factories import failure, make_worker, pause_host, submit_job
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def values(collector):
    """Every sample as in "name{label}"."""
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_the_database_says_how_much_there_is_to_do(settings):
    settings.BACKOFF_BASE_SECONDS = 60
    submit_job(6)
    worker = make_worker()
    claims = queue.claim(worker, limit=3)
    queue.record(worker, [failure(claims[0], errors.ReadTimeout())])
    pause_host("a.test:443")
    found = values(DatabaseGauges())

    assert 0 < found.pop("retail_pulse_backlog_oldest_seconds{}") < 60
    assert found.pop("retail_pulse_oldest_snapshot_seconds{}") >= 0
    assert found == {
        "retail_pulse_database_up{}": 1,
        "retail_pulse_backlog_images{ready}": 3,
        "retail_pulse_backlog_images{waiting}": 1,
        "retail_pulse_backlog_images{deferred}": 0,
        "retail_pulse_backlog_images{running}": 2,
        "retail_pulse_workers{}": 1,
        "retail_pulse_hosts_paused{}": 1,
        "retail_pulse_webhook_deliveries{due}": 0,
        "retail_pulse_webhook_deliveries{later}": 0,
        "retail_pulse_webhook_deliveries{failed}": 0,
    }


def test_where_nothing_is_ready_nothing_has_waited():
    assert values(DatabaseGauges())["retail_pulse_backlog_oldest_seconds{}"] == 0


def test_the_database_is_asked_again_after_five_seconds_and_no_sooner(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(collectors, "monotonic", lambda: now[0])
    collector = DatabaseGauges()
    seen = []
    for now[0] in (100.0, 104.9, 105.0):
        seen.append(values(collector)["retail_pulse_workers{}"])
        make_worker()
    assert seen == [0, 0, 2]


def test_a_reading_takes_five_small_queries(django_assert_num_queries):
    with django_assert_num_queries(5):
        gauges()


def test_without_its_database_there_are_no_other_gauges():
    with databases.refusing():
        assert values(DatabaseGauges()) == {"retail_pulse_database_up{}": 0}


def test_a_frozen_database_is_waited_for_no_longer_than_two_seconds():
    with databases.frozen():
        begun = time.monotonic()
        assert values(DatabaseGauges()) == {"retail_pulse_database_up{}": 0}
        assert DATABASE_SECONDS == 2
        # The pool would wait for a connection until long after.
        assert 1.9 < time.monotonic() - begun < 15


def test_the_oldest_snapshot_is_seen_however_idle_its_session():
    with connect_dedicated() as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM jobs_job")
        assert wait_for(lambda: oldest_snapshot_seconds() > 0.2)


class Engine:
    is_running = True
    busy_slots = 3
    model = None


def test_a_process_says_how_many_of_its_slots_are_busy(settings, monkeypatch):
    settings.WORKER_THREADS = 8
    monkeypatch.setattr(collectors, "get_engine", Engine)
    found = values(ProcessGauges())
    assert (found["retail_pulse_slots{busy}"], found["retail_pulse_slots{free}"]) == (3, 5)


def test_a_process_without_an_engine_has_no_slots(monkeypatch):
    monkeypatch.setattr(collectors, "get_engine", type("Off", (Engine,), {"is_running": False}))
    assert [name for name in values(ProcessGauges()) if "slots" in name] == []


def test_nothing_is_asked_before_somebody_wants_to_know():
    collector = DatabaseGauges()
    registry = CollectorRegistry(auto_describe=True)
    registry.register(collector)
    assert collector._found is None
    generate_latest(registry)
    assert collector._found is not None
