"""Which rows can be stored, what is wrong with the others, and which names are repaired."""

from io import BytesIO

import pytest

from stores.models import MAX_LENGTHS
from stores.reader import MAX_LISTED, Rejection, Repair, open_stores
from tests.stores.files import store_file
from tests.tables.files import workbook


def read(*rows, **options):
    with open_stores(store_file(*rows, **options)) as stores:
        return list(stores), stores


@pytest.mark.parametrize(
    ("row", "column"),
    [(",SHOP,X1", "AreaCode"), ("A,,X1", "StoreName"), ("A,SHOP,", "StoreID"), ("A, \u00a0 ,X1", "StoreName")],
)
def test_a_blank_cell_is_rejected(row, column):
    rows, stores = read(row, "A,GOOD,X2")
    assert stores.rejected == [Rejection(2, column, "is blank")]
    assert [found.store_id for found in rows] == ["X2"]


def test_a_column_is_named_as_the_file_spells_it():
    _, stores = read("A,SHOP,", header="AREA_CODE,Store Name,Store Id")
    assert stores.rejected[0].column == "Store Id"


@pytest.mark.parametrize(("field", "place"), [("area_code", 0), ("name", 1), ("store_id", 2)])
def test_a_cell_as_long_as_its_column_passes_and_one_character_more_is_rejected(field, place):
    limit = MAX_LENGTHS[field]
    exact, over = ["A", "É", "X"], ["A", "É", "X"]
    exact[place] *= limit
    over[place] *= limit + 1
    rows, stores = read(",".join(exact), ",".join(over))
    assert [row.line for row in rows] == [2]
    assert stores.rejected[0].reason == f"has {limit + 1} characters; at most {limit} are allowed"


def test_a_short_row_is_rejected_at_the_first_missing_column():
    _, stores = read("A,SHOP")
    assert stores.rejected == [Rejection(2, "StoreID", "has 2 cells where the header has 3")]


def test_a_row_with_too_many_cells_is_rejected_for_its_unquoted_comma():
    _, stores = read("A,SHOP,-32,X1")
    assert stores.rejected == [
        Rejection(
            2,
            None,
            "has 4 cells where the header has 3: column D has no title but holds 'X1'; "
            "a text that holds the separator must be quoted",
        )
    ]


@pytest.mark.parametrize(
    ("character", "named"), [("\x07", "U+0007"), ("\t", "U+0009"), ("\x7f", "U+007F"), ("\x1b", "U+001B")]
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_control_character_is_rejected(character, named, place):
    cells = ["AA", "SHOP", "X1"]
    cells[place] = f"{cells[place][0]}{character}{cells[place][1:]}"
    _, stores = read(",".join(cells))
    assert stores.rejected[0].reason.startswith(f"holds the control character {named}")


@pytest.mark.parametrize("row", ['"A\nB",SHOP,X1', 'A,SHOP,"X\n1"'])
def test_a_line_break_is_for_names_only(row):
    _, stores = read(row)
    assert stores.rejected[0].reason.startswith("holds the control character U+000A at position 2: ")


@pytest.mark.parametrize(("row", "column"), [("A ,SHOP,X1", "AreaCode"), ("A,SHOP, X1", "StoreID")])
def test_white_space_around_a_code_is_rejected(row, column):
    _, stores = read(row)
    assert stores.rejected == [Rejection(2, column, "begins or ends with white space")]


@pytest.mark.parametrize(
    "name",
    ["  DOUBLED  SPACES ", "=cmd|' /C calc'!A0", "'QUOTED'", "“CURLY” &amp; ﬁNE", "CAFÉ", "দোকান", "zero\u200bwidth"],
)
def test_a_name_is_kept_as_it_is(name):
    rows, stores = read(f"A,{name},X1")
    assert rows[0].name == name
    assert stores.repaired == []


@pytest.mark.parametrize(
    ("written", "meant"), [("CAFÃ‰", "CAFÉ"), ("OLÃ‰  OLÃ‰ ", "OLÉ  OLÉ "), ("RÃ‰GÃ‰ 'N' \"CO\"", "RÉGÉ 'N' \"CO\"")]
)
def test_a_name_encoded_twice_is_repaired_and_listed(written, meant):
    rows, stores = read(f"A,{written},X1")
    assert rows[0].name == meant
    assert stores.repaired == [Repair(2, written, meant)]
    assert stores.repaired_names == 1


def test_a_code_is_never_repaired():
    rows, _ = read("CAFÃ‰,SHOP,CAFÃ‰")
    assert (rows[0].area_code, rows[0].store_id) == ("CAFÃ‰", "CAFÃ‰")


def test_a_rejected_row_counts_as_no_repaired_name():
    _, stores = read("A,CAFÃ‰,")
    assert (stores.repaired_names, stores.rejected_rows) == (0, 1)


def test_rejections_and_repairs_beyond_the_limit_are_only_counted():
    _, stores = read(*["A,,X"] * (MAX_LISTED + 1), *["A,CAFÃ‰,X"] * (MAX_LISTED + 1))
    assert stores.rejected_rows == stores.repaired_names == MAX_LISTED + 1
    assert len(stores.rejected) == len(stores.repaired) == MAX_LISTED


@pytest.mark.parametrize("character", ["\u200b", "\ufeff", "\u00ad", "\u202e", "\u2028", "\u3164", "\x07"])
@pytest.mark.parametrize(("place", "column"), [(0, "AreaCode"), (2, "StoreID")])
def test_an_invisible_character_in_a_code_is_rejected_with_its_position(character, place, column):
    cells = ["A1", "SHOP", "X1"]
    cells[place] = f"{cells[place]}{character}"
    _, stores = read(",".join(cells))
    ((line, named, reason),) = [(each.line, each.column, each.reason) for each in stores.rejected]
    assert (line, named) == (2, column)
    assert f"U+{ord(character):04X} at position 3: '{cells[place][:2]}<U+{ord(character):04X}>'" in reason


def test_doubtful_codes_are_stored_and_counted_by_column_and_cause():
    rows, stores = read("A,ONE,8.90123E+11", "A,TWO,9.1E+11", "#N/A,#REF!,'0001", "A,'QUOTED,X1", 'B,=CMD,="0"')
    assert len(rows) == 5
    assert [(doubt.column, doubt.code, doubt.count, doubt.lines) for doubt in stores.doubts] == [
        ("StoreID", "shortened", 2, [2, 3]),
        ("StoreID", "apostrophe", 1, [4]),
        ("StoreName", "error_value", 1, [4]),
        ("AreaCode", "error_value", 1, [4]),
        ("StoreID", "formula", 1, [6]),
    ]


def test_rejected_rows_are_not_doubted_too():
    _, stores = read("A,,#N/A")
    assert (stores.rejected_rows, stores.doubts) == (1, [])


def test_a_workbook_is_a_store_master_with_faults_by_cell():
    content = workbook([7100015, "CAFÃ‰", 17.0], ["A", "#N/A", "X2"], ["A", "SHOP", "=A1"], [None, "SHOP", "X4"])
    with open_stores(BytesIO(content)) as stores:
        assert [tuple(row) for row in stores] == [(2, "17", "CAFÉ", "7100015", None, None, "")]
    assert [(each.line, each.column, each.reason.partition(";")[0]) for each in stores.rejected] == [
        (3, "StoreName", "holds the error '#N/A' (cell B3)"),
        (4, "StoreID", "holds a formula without its result (cell C4)"),
        (5, "AreaCode", "is blank"),
    ]
    assert [(doubt.column, doubt.code) for doubt in stores.doubts] == [("StoreID", "number"), ("AreaCode", "number")]
