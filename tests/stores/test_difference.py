"""Which stores a report names as new, changed and missing."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from stores import importer
from stores.import_report import ChangedStore, Labels, MissingStore, NewStore
from stores.importer import import_stores
from stores.models import Store
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def three_stores():
    import_stores(store_file("A,ONE,X1", "A,TWO,X2", "A,THREE,X3"))


@pytest.mark.parametrize("dry_run", [True, False])
def test_each_kind_of_change_is_named_with_what_was_and_what_will_be(three_stores, dry_run):
    report = import_stores(store_file("A,FOUR,X4", "B,NEW NAME,X2", "A,ONE,X1"), dry_run=dry_run)
    assert report.new_stores == [NewStore(2, "X4", "FOUR", "A")]
    assert report.changed_stores == [ChangedStore(3, "X2", Labels("TWO", "A"), Labels("NEW NAME", "B"))]
    assert report.missing_stores == [MissingStore("X3", "THREE", "A")]


def test_pruned_stores_are_named_as_missing(three_stores):
    report = import_stores(store_file("A,ONE,X1"), prune=True)
    assert [store.store_id for store in report.missing_stores] == ["X2", "X3"]


def test_an_import_that_changes_nothing_lists_no_store_and_runs_no_further_query(three_stores):
    with CaptureQueriesContext(connection) as captured:
        report = import_stores(store_file("A,ONE,X1", "A,TWO,X2", "A,THREE,X3"))
    assert (report.new_stores, report.changed_stores, report.missing_stores) == ([], [], [])
    assert not [query for query in captured if "LIMIT 200" in query["sql"]]


def test_a_rejected_row_is_no_change_and_its_store_is_missing(three_stores):
    report = import_stores(store_file("A,ONE,X1", "A,TWO,X2", "A,,X3"))
    assert report.changed_stores == []
    assert [store.store_id for store in report.missing_stores] == ["X3"]


@pytest.mark.parametrize("number", [3, 4])
def test_only_the_first_are_named_and_all_are_counted(monkeypatch, number):
    monkeypatch.setattr(importer, "MAX_DIFF", 3)
    ids = [f"X{n}" for n in range(number, 0, -1)]
    report = import_stores(store_file(*[f"A,SHOP,{store_id}" for store_id in ids]))
    assert report.new == number
    assert [store.store_id for store in report.new_stores] == ids[:3]  # in the file's order

    report = import_stores(store_file(*[f"A,OTHER,{store_id}" for store_id in ids]), dry_run=True)
    assert report.changed == number
    assert [store.line for store in report.changed_stores] == [2, 3, 4]

    report = import_stores(store_file("A,ELSE,Y1"), dry_run=True)
    assert report.missing == number
    assert [store.store_id for store in report.missing_stores] == sorted(ids)[:3]


def test_as_json_a_report_is_what_a_json_column_takes(three_stores):
    file = store_file("A,NEW,X1,7", header="AreaCode,StoreName,StoreID,Ra+2D0-nk", encoding="utf-7")
    file = type(file)(file.getvalue().replace(b"+-2D0-", b"+2D0-"))
    report = import_stores(file, encoding="utf-7", dry_run=True)
    assert report.ignored_columns == ["Ra\ud83dnk"]  # half of a surrogate pair
    as_json = report.as_json()
    assert as_json["ignored_columns"] == ["Ra?nk"]
    assert as_json["changed_stores"][0] == {
        "line": 2,
        "store_id": "X1",
        "before": {"name": "ONE", "area_code": "A"},
        "after": {"name": "NEW", "area_code": "A"},
    }
    assert as_json["summary"] == report.summary()
    assert json.loads(json.dumps(as_json)) == as_json


def test_the_first_areas_come_in_order_whatever_the_number_of_stores():
    Store.objects.bulk_create(Store(store_id=f"X{n}", name="SHOP", area_code=f"A{n % 4}") for n in range(40))
    assert Store.objects.first_areas(3) == ["A0", "A1", "A2"]
    assert Store.objects.first_areas(5) == ["A0", "A1", "A2", "A3"]
    Store.objects.all().delete()
    assert Store.objects.first_areas(3) == []
