"""Two imports at the same moment: the second waits and then finds what the first one stored; a dry run only reads."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from stores.importer import import_stores
from stores.models import Store
from tests.stores.files import store_file

ROWS = [f"A,SHOP {number},X{number}" for number in range(300)]


def import_here(rows):
    try:
        return import_stores(store_file(*rows))
    finally:
        connection.close()


def waiting_for_stores():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'stores_store'::regclass")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_the_second_import_waits_for_the_first_ones_commit():
    with ThreadPoolExecutor(1) as second:
        with transaction.atomic():
            first_report = import_stores(store_file(*ROWS))
            second_report = second.submit(import_here, ROWS)
            deadline = time.monotonic() + 20
            while not waiting_for_stores():
                assert time.monotonic() < deadline, "the second import never came to wait"
                assert not second_report.done()
                time.sleep(0.01)
            assert Store.objects.count() == 300  # readers pass
        assert first_report.new == 300
        assert second_report.result(timeout=20).unchanged == 300


@pytest.mark.django_db(transaction=True)
def test_many_imports_at_once_in_any_order_of_rows_all_succeed():
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(import_here, [ROWS, ROWS[::-1]] * 4, timeout=40))
    assert sorted(report.new for report in reports) == [0] * 7 + [300]
    assert sorted(report.unchanged for report in reports) == [0] + [300] * 7


def locks_on_stores():
    """The kinds of locks that this transaction holds on the store master."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mode FROM pg_locks WHERE relation = 'stores_store'::regclass AND pid = pg_backend_pid() AND granted"
        )
        return {mode for (mode,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("prune", [False, True])
def test_while_a_dry_run_goes_on_another_import_is_done_and_neither_waits(prune):
    import_stores(store_file("A,OLD,X0"))
    with ThreadPoolExecutor(1) as executor, transaction.atomic():
        report = import_stores(store_file(*ROWS), dry_run=True, prune=prune)
        assert locks_on_stores() == {"AccessShareLock"}
        assert executor.submit(import_here, ROWS).result(timeout=20).new == 299
    assert (report.new, report.changed, report.missing, report.stored) == (299, 1, 0, False)


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_does_not_wait_for_an_import():
    with ThreadPoolExecutor(1) as executor, transaction.atomic():
        import_stores(store_file(*ROWS))
        dry_run = executor.submit(import_dry, ROWS)
        assert dry_run.result(timeout=20).new == 300, "what is not committed is not there yet"


def import_dry(rows):
    try:
        return import_stores(store_file(*rows), dry_run=True)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_writes_no_row_of_the_store_master():
    import_stores(store_file("A,OLD,X0"))

    def written():
        with connection.cursor() as cursor:
            # Of this transaction, also what is rolled back at its end.
            cursor.execute(
                "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables WHERE relname = 'stores_store'"
            )
            return cursor.fetchone()[0]

    with transaction.atomic():
        before = written()
        import_stores(store_file(*ROWS), dry_run=True, prune=True)
        assert written() == before
        import_stores(store_file(*ROWS))
        assert written() == before + 300
