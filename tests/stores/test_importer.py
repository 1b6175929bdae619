"""What an import stores, and what its report says."""

import pytest
from django.db import IntegrityError, connection, transaction

from stores.import_report import Duplicate
from stores.importer import MAX_DUPLICATES, import_stores
from stores.models import Store
from tables.errors import UnreadableFileError
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


def stored():
    return list(Store.objects.order_by("store_id").values_list("store_id", "name", "area_code"))


def row_versions():
    """Which transaction wrote each row last, and where it lies: any write changes one of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT store_id, xmin::text, ctid::text, created_at, updated_at FROM stores_store ORDER BY 1")
        return cursor.fetchall()


def temporary_tables():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
        return cursor.fetchall()


def counts(report):
    return report.new, report.changed, report.unchanged, report.rejected_rows


def test_new_stores_are_stored():
    report = import_stores(store_file("A,ONE,X1", "B,TWO,X2"))
    assert stored() == [("X1", "ONE", "A"), ("X2", "TWO", "B")]
    assert counts(report) == (2, 0, 0, 0)
    assert report.stored
    assert report.summary() == "2 rows: 2 new, 0 changed, 0 unchanged, 0 rejected, 0 names repaired"


def test_a_second_import_of_the_same_file_writes_nothing():
    file = store_file("A,ONE,X1", "B,CAFÃ‰,X2")
    import_stores(file)
    before = row_versions()
    report = import_stores(file)
    assert row_versions() == before
    assert counts(report) == (0, 0, 2, 0)


@pytest.mark.parametrize("row", ["A,OTHER NAME,X1", "OTHER,ONE,X1", "OTHER,OTHER NAME,X1"])
def test_a_changed_store_keeps_its_row_and_its_birth(row):
    import_stores(store_file("A,ONE,X1", "B,TWO,X2"))
    Store.objects.update(created_at="2020-01-01T00:00Z", updated_at="2020-01-01T00:00Z")
    before = {store.store_id: store for store in Store.objects.all()}
    report = import_stores(store_file(row, "B,TWO,X2", "C,THREE,X3"))
    after = {store.store_id: store for store in Store.objects.all()}
    assert counts(report) == (1, 1, 1, 0)
    assert f"{after['X1'].area_code},{after['X1'].name},X1" == row
    assert after["X1"].pk == before["X1"].pk
    assert after["X1"].created_at == before["X1"].created_at
    assert after["X1"].updated_at > before["X1"].updated_at
    assert after["X2"].updated_at == before["X2"].updated_at


def test_a_name_is_no_key():
    import_stores(store_file("A,SAME,X1", "A,SAME,X2", "A,SAME,x1"))
    assert len(stored()) == 3


def test_repaired_names_are_stored_repaired_and_reported():
    report = import_stores(store_file("A,CAFÃ‰,X1"))
    assert stored() == [("X1", "CAFÉ", "A")]
    assert report.summary() == "1 row: 1 new, 0 changed, 0 unchanged, 0 rejected, 1 name repaired"


def test_formulas_backslashes_and_the_marks_of_copy_are_stored_as_they_are():
    names = ["=cmd|' /C calc'!A0", r"\N", r"\.", r"back\slash\t", "'; DROP TABLE stores_store; --", "100 %s"]
    import_stores(store_file(*[f"A,{name},X{number}" for number, name in enumerate(names)]))
    assert [name for _, name, _ in stored()] == names


def test_a_file_read_as_cp1252_says_so():
    report = import_stores(store_file("A,CAFÉ,X1", encoding="cp1252"))
    assert report.encoding == "cp1252"
    assert report.summary().endswith("0 names repaired, read as cp1252")


def test_a_rejected_row_keeps_the_whole_file_out():
    report = import_stores(store_file("A,ONE,X1", "A,,X2"))
    assert stored() == []
    assert not report.stored
    assert counts(report) == (1, 0, 0, 1)
    assert report.summary() == "2 rows: 1 new, 0 changed, 0 unchanged, 1 rejected, 0 names repaired; nothing stored"


def test_rejected_rows_can_be_skipped():
    report = import_stores(store_file("A,ONE,X1", "A,,X2"), skip_rejected=True)
    assert stored() == [("X1", "ONE", "A")]
    assert report.stored
    assert report.summary() == "2 rows: 1 new, 0 changed, 0 unchanged, 1 rejected, 0 names repaired"


@pytest.mark.parametrize("skip_rejected", [False, True])
def test_an_id_in_two_lines_keeps_the_whole_file_out(skip_rejected):
    report = import_stores(
        store_file("A,ONE,X1", "A,TWO,X2", "A,OTHER,X1", "A,TWO,X2", "A,AGAIN,X1"), skip_rejected=skip_rejected
    )
    assert stored() == []
    assert report.duplicates == [Duplicate("X1", [2, 4, 6]), Duplicate("X2", [3, 5])]
    assert report.summary().endswith("2 duplicate ids; nothing stored")


def test_ids_that_differ_in_case_are_two_ids():
    assert import_stores(store_file("A,ONE,x1", "A,ONE,X1")).duplicates == []


def test_duplicates_beyond_the_limit_are_only_counted():
    rows = [f"A,SHOP,X{number:03}" for number in range(MAX_DUPLICATES, -1, -1)]
    report = import_stores(store_file(*rows, *rows, *["A,SHOP,X020"] * 30))
    assert report.duplicate_ids == MAX_DUPLICATES + 1
    assert [duplicate.store_id for duplicate in report.duplicates] == [row[-4:] for row in rows[:-1]]
    assert len(report.duplicates[0].lines) == MAX_DUPLICATES


def test_missing_stores_stay_and_are_counted():
    import_stores(store_file("A,ONE,X1", "A,TWO,X2"))
    report = import_stores(store_file("A,ONE,X1"))
    assert len(stored()) == 2
    assert (report.missing, report.pruned) == (1, 0)
    assert report.summary().endswith("0 names repaired, 1 kept though missing from the file")


def test_prune_deletes_missing_stores():
    import_stores(store_file("A,ONE,X1", "A,TWO,X2"))
    report = import_stores(store_file("A,ONE,X1", "A,THREE,X3"), prune=True)
    assert [store_id for store_id, _, _ in stored()] == ["X1", "X3"]
    assert (report.missing, report.pruned) == (1, 1)
    assert report.summary().endswith("0 names repaired, 1 pruned")


@pytest.mark.parametrize("row", ["A,,X1", "A,ONE,X3\nA,ONE,X3"])
def test_prune_deletes_nothing_where_the_file_is_not_stored(row):
    import_stores(store_file("A,ONE,X1", "A,TWO,X2"))
    report = import_stores(store_file(row), prune=True)
    assert len(stored()) == 2
    assert report.pruned == 0


def test_prune_by_a_file_without_stores_is_refused():
    import_stores(store_file("A,ONE,X1"))
    with pytest.raises(UnreadableFileError, match="delete every store"):
        import_stores(store_file(), prune=True)
    assert len(stored()) == 1


def test_prune_and_skip_rejected_exclude_each_other():
    with pytest.raises(ValueError, match="exclude each other"):
        import_stores(store_file("A,ONE,X1"), prune=True, skip_rejected=True)


def test_a_dry_run_tells_all_and_stores_nothing():
    import_stores(store_file("A,ONE,X1", "A,TWO,X2", "A,THREE,X3"))
    before = row_versions()
    report = import_stores(store_file("A,ONE,X1", "A,OTHER,X2", "A,FOUR,X4"), dry_run=True, prune=True)
    assert row_versions() == before
    assert not report.stored
    assert report.summary() == (
        "3 rows: 1 new, 1 changed, 1 unchanged, 0 rejected, 0 names repaired, 1 pruned; dry run, nothing stored"
    )


def test_a_file_that_turns_out_unreadable_leaves_nothing_behind():
    with pytest.raises(UnreadableFileError):
        import_stores(store_file("A,ONE,X1", 'A,"TWO,X2'))
    assert stored() == []
    assert temporary_tables() == []


def test_no_temporary_table_outlives_an_import():
    for dry_run in (False, True):
        import_stores(store_file("A,ONE,X1"), dry_run=dry_run)
        assert temporary_tables() == []


def test_an_import_costs_the_same_few_statements_whatever_the_file(django_assert_max_num_queries):
    import_stores(store_file("A,SHOP,X0"))  # the first one makes the categories
    for rows in (1, 500):
        with django_assert_max_num_queries(23):
            import_stores(store_file(*[f"A,SHOP,X{rows}-{number}" for number in range(rows)]))


def test_progress_is_reported_in_bytes_and_ends_with_storing():
    steps = []
    file = store_file(*[f"A,SHOP,X{number}" for number in range(12_000)])
    import_stores(file, progress=lambda step, position: steps.append((step, position)))
    assert [step for step, _ in steps] == ["reading", "reading", "storing"]
    positions = [position for _, position in steps]
    assert positions == sorted(positions)
    assert positions[-1] == len(file.getvalue())


def test_the_database_itself_refuses_an_id_twice():
    import_stores(store_file("A,ONE,X1"))
    with pytest.raises(IntegrityError, match="store_id_once"), transaction.atomic():
        Store.objects.create(store_id="X1", name="OTHER", area_code="A")
