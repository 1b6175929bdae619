"""Two imports at the same moment: the second waits and then finds what the first one stored."""

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
