"""The file of rejected rows: what it holds, and that it can be corrected and imported again."""

import csv
import io
from io import BytesIO

import pytest
from django.db import connection

from stores import rejects
from stores.importer import import_stores
from stores.models import Store
from stores.reader import MAX_LISTED
from stores.rejects import rejects_csv
from tables.errors import UnreadableFileError
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


def rejected(file, encoding=None):
    """The rows of the rejects file, header first."""
    written = b"".join(rejects_csv(file, encoding))
    return list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""), strict=True))


def test_a_rejected_row_is_listed_with_its_own_cells_its_line_and_its_reason():
    file = store_file("A,ONE,X1", "B,,X2", "C,THREE, X3")
    assert rejected(file) == [
        ["AreaCode", "StoreName", "StoreID", "Line", "Reason"],
        ["B", "", "X2", "3", "StoreName: is blank"],
        ["C", "THREE", " X3", "4", "StoreID: begins or ends with white space"],
    ]


def test_the_header_and_other_columns_are_the_files_own():
    file = store_file("7,X1,,B", header="Rank,store_id,Store Name,area_code")
    assert rejected(file) == [
        ["Rank", "store_id", "Store Name", "area_code", "Line", "Reason"],
        ["7", "X1", "", "B", "2", "Store Name: is blank"],
    ]


def test_a_good_file_has_no_rejects_but_a_header():
    assert rejected(store_file("A,ONE,X1")) == [["AreaCode", "StoreName", "StoreID", "Line", "Reason"]]


def test_rows_of_another_width_are_kept_whole_and_short_ones_filled_up():
    file = store_file("A,SHOP,-32,X1", "A,SHOP")
    assert rejected(file)[1:] == [
        [
            "A",
            "SHOP",
            "-32",
            "X1",
            "2",
            "has 4 cells where the header has 3: column D has no title but holds 'X1'; "
            "a text that holds the separator must be quoted",
        ],
        ["A", "SHOP", "", "3", "StoreID: has 2 cells where the header has 3"],
    ]


def test_rows_whose_id_is_doubled_are_among_them_in_the_files_order():
    file = store_file("A,ONE,X1", "A,TWO,X2", "A,,X3", "B,TWO,X2", "A,UNO,X1", "B,ZWEI,X2")
    assert [row[2:] for row in rejected(file)[1:]] == [
        ["X1", "2", "the store id is in lines 2, 6; keep one of them"],
        ["X2", "3", "the store id is in lines 3, 5, 7; keep one of them"],
        ["X3", "4", "StoreName: is blank"],
        ["X2", "5", "the store id is in lines 3, 5, 7; keep one of them"],
        ["X1", "6", "the store id is in lines 2, 6; keep one of them"],
        ["X2", "7", "the store id is in lines 3, 5, 7; keep one of them"],
    ]


@pytest.mark.parametrize(("number", "reason"), [(3, "2, 3, 4"), (5, "2, 3, 4 and 2 more")])
def test_of_an_id_in_every_line_only_the_first_lines_are_named(monkeypatch, number, reason):
    monkeypatch.setattr(rejects, "MAX_LINES", 3)
    rows = rejected(store_file(*["A,ONE,X1"] * number))
    assert {row[4] for row in rows[1:]} == {f"the store id is in lines {reason}; keep one of them"}
    assert len(rows) == number + 1


def test_none_is_left_out_and_none_waits_for_the_others(monkeypatch):
    monkeypatch.setattr(rejects, "BLOCK_BYTES", 100)
    number = MAX_LISTED + 5
    blocks = list(rejects_csv(store_file(*["A,,X1"] * number)))
    assert len(blocks) > 100
    assert b"".join(blocks).count(b"is blank") == number


def test_corrected_and_imported_again_it_stores_what_its_owner_wrote():
    names = ["=cmd|' /C calc'!A0", "-32 SHOP", "@SUM(A1)", '"QUOTED", SHOP', "TWO\r\nLINES", "'APOSTROPHE", "CAFÉ"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    file = store_file(*[f"A,{name},X{number} " for number, name in enumerate(quoted)])
    assert not import_stores(file).stored
    header, *rows = rejected(file)
    corrected = io.StringIO(newline="")
    csv.writer(corrected).writerows(
        [header, *([area, name, store_id.strip(), *rest] for area, name, store_id, *rest in rows)]
    )
    report = import_stores(BytesIO(corrected.getvalue().encode("utf-8-sig")))
    assert report.stored
    assert report.ignored_columns == ["Line", "Reason"]
    assert list(Store.objects.order_by("store_id").values_list("name", flat=True)) == names


def test_uncorrected_it_is_rejected_again_row_for_row():
    again = b"".join(rejects_csv(store_file("A,,X1", "A,SHOP,-32,X2", "A,SHOP", "A,ONE,X3", "A,TWO,X3")))
    report = import_stores(BytesIO(again))
    assert (report.rows, report.rejected_rows, report.duplicate_ids) == (5, 3, 1)


def test_the_rejects_of_rejects_have_their_two_columns_once():
    first = b"".join(rejects_csv(store_file("A,ONE,X1", "A,,X2", "A,SHOP,-32,X3", "A,SHOP")))
    assert rejected(BytesIO(first)) == [
        ["AreaCode", "StoreName", "StoreID", "Line", "Reason"],
        ["A", "", "X2", "2", "StoreName: is blank"],
        [
            "A",
            "SHOP",
            "-32",
            "X3",
            "3",
            "has 6 cells where the header has 5: "
            "column F has no title but holds 'has 4 cells where the header has 3: colu'; "
            "a text that holds the separator must be quoted",
        ],
        ["A", "SHOP", "", "4", "StoreID: is blank"],
    ]


def test_a_row_shortened_by_hand_loses_no_cell():
    file = store_file("A,SHOP,X1,2", header="AreaCode,StoreName,StoreID,Line,Reason")
    assert rejected(file)[1][:4] == ["A", "SHOP", "X1", "2"]


@pytest.mark.parametrize("title", ["-StoreName", "_StoreName"])
def test_a_reason_never_begins_like_a_formula(title):
    ((*_, reason),) = rejected(store_file("A,,X1", header=f"AreaCode,{title},StoreID"))[1:]
    assert reason.removeprefix("'") == f"{title}: is blank"
    assert reason.startswith("'") == (title[0] == "-")


def test_it_is_utf_8_whatever_the_file_was():
    file = store_file("A,CAFÉ, X1", encoding="cp1252")
    assert rejected(file)[1][1] == "CAFÉ"
    assert rejected(store_file("A,CAFÉ, X1", encoding="utf-16"), "utf-16")[1][1] == "CAFÉ"


def test_what_utf_8_cannot_hold_is_shown_by_its_number():
    file = BytesIO(b"AreaCode,StoreName,StoreID\nA,SHOP +2D0-,X1\n")
    assert rejected(file, "utf-7")[1][1] == r"SHOP \ud83d"


def test_an_unreadable_file_is_reported_at_the_call():
    with pytest.raises(UnreadableFileError):
        rejects_csv(store_file('A,"TWO,X2'))


def test_the_database_is_asked_before_the_first_block_and_left_without_a_trace(django_assert_num_queries):
    with django_assert_num_queries(
        7
    ):  # a savepoint and its release, a limit, a temporary table, in and out, and its end
        blocks = rejects_csv(store_file("A,ONE,X1", "A,ONE,X1"))
    with django_assert_num_queries(0):
        assert len(b"".join(blocks).splitlines()) == 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
        assert cursor.fetchall() == []
