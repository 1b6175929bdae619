"""An import's life: a dry run, then stored once, then deleted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from stores import imports
from stores.importer import import_stores
from stores.models import Store, StoreImport
from tables.errors import UnreadableFileError
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return User.objects.create_user("anna")


def dry_run(*rows, user=None, **options):
    return imports.dry_run(store_file(*rows), "stores.csv", user, **options)


def stored():
    return list(Store.objects.order_by("store_id").values_list("store_id", "name"))


def test_a_dry_run_says_what_would_be_done_and_stores_nothing(anna):
    made = dry_run("A,ONE,X1", user=anna)
    assert stored() == []
    row = StoreImport.objects.get()
    assert row == made
    assert (row.name, row.state, row.stored_at, row.uploaded_by, row.uploaded_by_name) == (
        "stores.csv", "rehearsed", None, anna, "anna",
    )  # fmt: skip
    assert row.report["new_stores"] == [{"line": 2, "store_id": "X1", "name": "ONE", "area_code": "A"}]
    assert row.report["summary"].endswith("dry run, nothing stored")
    assert row.kept_bytes == len(store_file("A,ONE,X1").getvalue())


def test_an_applied_import_is_stored_and_keeps_nothing_but_its_report(anna):
    row = imports.apply(dry_run("A,ONE,X1"), anna)
    assert stored() == [("X1", "ONE")]
    assert (row.state, row.stored_by, row.stored_by_name, row.kept_bytes) == ("stored", anna, "anna", 0)
    assert row.stored_at >= row.uploaded_at
    assert row.report["stored"]
    assert row.report["summary"] == "1 row: 1 new, 0 changed, 0 unchanged, 0 rejected, 0 names repaired"


def test_what_changed_in_between_is_compared_anew():
    made = dry_run("A,ONE,X1", "A,TWO,X2")
    import_stores(store_file("A,OTHER,X1", "A,THREE,X3"))
    report = imports.apply(made, None).report
    assert (report["new"], report["changed"], report["missing"]) == (1, 1, 1)
    assert stored() == [("X1", "ONE"), ("X2", "TWO"), ("X3", "THREE")]


def test_nothing_is_stored_twice():
    made = dry_run("A,ONE,X1")
    imports.apply(made, None)
    Store.objects.all().delete()
    with pytest.raises(imports.AlreadyStored, match=r"stores\.csv is stored already") as caught:
        imports.apply(made, None)
    assert caught.value.code == "already_stored"
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_of_many_clicks_at_once_one_stores():
    made = dry_run(*[f"A,SHOP,X{number}" for number in range(500)])

    def click(_):
        try:
            return imports.apply(made, None).report["new"]
        except imports.AlreadyStored:
            return "already stored"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(click, range(8), timeout=40))
    assert sorted(answers, key=str) == [500] + ["already stored"] * 7


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        (["A,,X1", "A,TWO,X2"], {}, "Rows are rejected"),
        (["A,ONE,X1", "A,TWO,X1"], {"skip_rejected": True}, "is in several lines"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_a_sentence_and_stays_a_dry_run(rows, options, sentence):
    made = dry_run(*rows, **options)
    assert sentence in imports.why_not(made)
    with pytest.raises(imports.NotStorable, match=sentence):
        imports.apply(made, None)
    assert stored() == []
    assert StoreImport.objects.get().state == "rehearsed"


def test_a_dry_run_of_an_older_release_is_checked_again():
    made = dry_run("A,,X1")
    StoreImport.objects.update(report={**made.report, "rejected_rows": 0})
    with pytest.raises(imports.NotStorable):
        imports.apply(made, None)
    assert StoreImport.objects.get().report["rejected_rows"] == 0  # as before


def test_the_options_hold_when_it_is_stored():
    import_stores(store_file("A,OLD,X9"))
    skipped = imports.apply(dry_run("A,,X1", "A,TWO,X2", skip_rejected=True), None)
    assert stored() == [("X2", "TWO"), ("X9", "OLD")]
    assert skipped.has_rejects_file
    assert b"StoreName: is blank" in b"".join(imports.rejects(skipped))
    pruned = imports.apply(dry_run("A,TWO,X2", prune=True), None)
    assert pruned.report["pruned"] == 1
    assert stored() == [("X2", "TWO")]


def test_the_encoding_holds_too():
    file = store_file("A,CAFÉ,X1", encoding="utf-16")
    imports.apply(imports.dry_run(file, "stores.csv", None, encoding="utf-16"), None)
    assert stored() == [("X1", "CAFÉ")]


def test_of_a_file_that_is_no_store_master_no_row_is_kept():
    with pytest.raises(UnreadableFileError) as caught:
        imports.dry_run(store_file(header="\0\1\2"), "photo.jpg", None)
    assert caught.value.code == "unreadable_file"
    assert not StoreImport.objects.exists()


def test_options_that_exclude_each_other_are_refused_here_and_by_the_database():
    with pytest.raises(imports.ContradictingOptions):
        dry_run("A,ONE,X1", prune=True, skip_rejected=True)
    with pytest.raises(IntegrityError, match="prunes_or_skips"), transaction.atomic():
        StoreImport.objects.create(name="x", prune=True, skip_rejected=True)


@pytest.mark.parametrize(("name", "kept"), [("a\0b\ud83d\n.csv", "ab.csv"), ("", "unnamed"), ("x" * 256, "x" * 255)])
def test_any_name_of_a_file_can_be_kept(name, kept):
    assert imports.dry_run(store_file("A,ONE,X1"), name, AnonymousUser()).name == kept


def test_rejects_are_there_to_download_until_the_file_is_forgotten():
    made = dry_run("A,,X1")
    assert made.has_rejects_file
    assert b"StoreName: is blank" in b"".join(imports.rejects(made))
    StoreImport.objects.update(content=b"")
    with pytest.raises(imports.FileForgotten, match="upload it again"):
        imports.rejects(made)
    with pytest.raises(imports.FileForgotten):
        imports.apply(made, None)
    assert not StoreImport.objects.get().has_rejects_file
    StoreImport.objects.all().delete()
    with pytest.raises(imports.FileForgotten):
        imports.apply(made, None)


@pytest.mark.parametrize(("minutes", "kept"), [(-1, True), (1, False)])
def test_a_dry_run_that_nobody_applied_is_deleted_after_a_day(minutes, kept):
    made = dry_run("A,ONE,X1")
    done = imports.apply(dry_run("A,ONE,X1"), None)
    StoreImport.objects.update(uploaded_at=Now() - timedelta(days=1, minutes=minutes))
    dry_run("A,ONE,X1")
    assert StoreImport.objects.filter(pk=made.pk).exists() == kept
    assert StoreImport.objects.filter(pk=done.pk).exists()


def test_only_the_newest_imports_have_a_file(monkeypatch):
    monkeypatch.setattr(imports, "KEEP_FILES", 2)
    first, second = (dry_run("A,,X1", "A,ONE,X2", skip_rejected=True) for _ in range(2))
    imports.apply(first, None)
    third = dry_run("A,ONE,X1")
    assert set(StoreImport.objects.with_file()) == {second, third}
    assert StoreImport.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_is_being_applied_is_not_forgotten_meanwhile():
    made = dry_run("A,ONE,X1")
    StoreImport.objects.update(uploaded_at=Now() - timedelta(days=2))

    def forget():
        imports.forget()
        connection.close()

    with ThreadPoolExecutor(1) as executor, transaction.atomic():
        imports.apply(made, None)
        executor.submit(forget).result(timeout=20)
    assert StoreImport.objects.get().state == "stored"


def test_a_list_of_imports_reads_neither_files_nor_reports(django_assert_num_queries):
    dry_run("A,ONE,X1")
    with django_assert_num_queries(1):
        (row,) = StoreImport.objects.with_summary()
        assert row.summary.startswith("1 row: 1 new")
        assert {"content", "report"} <= row.get_deferred_fields()


def test_history_outlives_the_people(anna):
    imports.apply(dry_run("A,ONE,X1", user=anna), anna)
    anna.delete()
    row = StoreImport.objects.get()
    assert (row.uploaded_by, row.uploaded_by_name, row.stored_by, row.stored_by_name) == (None, "anna", None, "anna")


def test_the_sets_are_named():
    one, two = dry_run("A,ONE,X1"), dry_run("A,ONE,X1")
    imports.apply(one, None)
    assert list(StoreImport.objects.stored()) == [one]
    assert list(StoreImport.objects.dry_runs()) == [two]
    assert str(two) == "stores.csv (dry run)"
