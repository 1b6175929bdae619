"""Is a transaction seen that holds an old snapshot, by whom it matters to?"""

import psycopg
import pytest
from django.db import connection
from django.test import Client

from jobs.reporting import snapshots
from jobs.reporting.overview import overview
from jobs.reporting.snapshots import old_snapshot, oldest_snapshot_seconds
from tests.factories import make_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other():
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    with psycopg.connect(**parameters) as other:
        yield other


def test_without_a_transaction_there_is_none(other):
    assert oldest_snapshot_seconds() == 0
    assert old_snapshot() is None


@pytest.mark.parametrize(
    "begin",
    [
        ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM jobs_job"],
        ["DELETE FROM jobs_job WHERE id = -1", "SELECT pg_current_xact_id()"],
    ],
    ids=["a reader", "a writer"],
)
def test_the_age_of_a_transaction_is_seen(other, begin):
    for statement in begin:
        other.execute(statement)
    other.execute("SELECT pg_sleep(0.2)")
    assert 0.2 <= oldest_snapshot_seconds() < 20
    other.rollback()
    assert oldest_snapshot_seconds() == 0


def test_what_waits_without_a_snapshot_holds_nothing(other):
    other.execute("SELECT 1")
    assert oldest_snapshot_seconds() == 0


def test_a_role_of_its_own_sees_no_more_than_it_may(other):
    other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    other.execute("SELECT count(*) FROM jobs_job")
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE onlooker")
        cursor.execute("SET ROLE onlooker")
        try:
            assert oldest_snapshot_seconds() == 0
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP ROLE onlooker")


def test_an_old_one_is_told_to_those_who_run_the_service(other, monkeypatch, client):
    monkeypatch.setattr(snapshots, "OLD_SECONDS", 0.001)
    monkeypatch.setattr("jobs.reporting.overview.OLD_SECONDS", 0.001)
    client.force_login(make_staff("view_job", "view_pausedhost"))
    assert not overview().has_old_snapshot
    assert "snapshot" not in client.get("/operations/").content.decode()
    assert Client().get("/readyz").json() == {"status": "ready"}
    other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    other.execute("SELECT count(*) FROM jobs_job")
    assert overview().has_old_snapshot
    assert "has held a snapshot" in client.get("/operations/").content.decode()
    (notice,) = Client().get("/readyz").json()["notices"]
    assert "snapshot" in notice


def test_a_notice_that_cannot_be_had_does_not_make_the_process_unready(monkeypatch):
    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr("retail_pulse.health.notices", [fail, lambda: "said"])
    assert Client().get("/readyz").json() == {"status": "ready", "notices": ["said"]}
